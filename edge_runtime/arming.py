"""Who arms the hand: the command line once, a key, or a switch. Whatever is unclear disarms.

| way | arms | disarms |
| --- | --- | --- |
| `AtOnce` | once, after the start | nothing |
| `ByKey` | the key `a` | any other key; the end of the input |
| `BySwitch` | closing it, after it was seen open | opening it; losing it |
"""

import enum
import logging
import os
import select
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger(__name__)

ARM_KEY = b"a"
CLOSED_S = 0.05
"""A switch that closes bounces: it counts once it has been closed for so long. Opening counts at once."""


class Request(enum.Enum):
    ARM = "arm"
    DISARM = "disarm"


class Arming(Protocol):
    """Attributes:
    again: whether it can ask once more after a stop.
    hint: for the person, how to arm.
    """

    again: bool
    hint: str

    def poll(self, now: float) -> Request | None:
        """What is asked for since the last call, at `now` in seconds; never waits."""


class AtOnce:
    """Asks once, at the first poll."""

    again = False
    hint = "arms once the signal is there"

    def __init__(self) -> None:
        self._asked = False

    def poll(self, now: float) -> Request | None:
        if self._asked:
            return None
        self._asked = True
        return Request.ARM


class ByKey:
    """Keys from a terminal in cbreak mode, or from a pipe.

    Args:
        descriptor: of the input.
    """

    again = True
    hint = "press a to arm, any other key to stop"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ended = False

    def poll(self, now: float) -> Request | None:
        if self._ended or not select.select([self._descriptor], [], [], 0)[0]:
            return None
        try:
            keys = os.read(self._descriptor, 256)
        except OSError:
            keys = b""
        if not keys:
            self._ended = True
            log.warning("no more keys can come: disarmed for good")
            return Request.DISARM
        # Of several keys since the last tick one that disarms is enough.
        return Request.ARM if keys.strip(ARM_KEY) == b"" else Request.DISARM


class BySwitch:
    """A switch that must be held or stay closed.

    Args:
        closed: reads it; raises OSError when it is lost.
        name: for messages.
    """

    again = True

    def __init__(self, closed: Callable[[], bool], name: str) -> None:
        self.hint = f"close the switch on {name} to arm, open it to stop"
        self._closed = closed
        self._name = name
        self._lost = False
        self._seen_open = False
        self._closed_since: float | None = None

    def poll(self, now: float) -> Request | None:
        if not self._read():
            disarms = self._closed_since is not None
            self._seen_open = not self._lost
            self._closed_since = None
            return Request.DISARM if disarms else None
        if self._closed_since is None:
            self._closed_since = now
        if self._seen_open and now - self._closed_since >= CLOSED_S:
            self._seen_open = False
            return Request.ARM
        return None

    def _read(self) -> bool:
        if self._lost:
            return False
        try:
            return self._closed()
        except OSError as error:
            self._lost = True
            log.error("the switch on %s is lost (%s): disarmed for good", self._name, error)
            return False
