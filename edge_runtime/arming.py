"""Who arms the hand: the command line once, a key, a switch, or a monitor. Whatever is unclear disarms.

| way | arms | disarms |
| --- | --- | --- |
| `AtOnce` | once, after the start | nothing |
| `ByKey` | the key `a` | any other key; the end of the input |
| `BySwitch` | closing it, after it was seen open | opening it; losing it |
| `ByMonitor` | the monitor that holds the lease | any monitor; the holder's silence for a second |

Where monitors watch, any of them may stop the hand however it is armed: `WithStop`.
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


SILENT_S = 1.0
"""A monitor that may arm the hand says so often that it is there; after so long without, it is not."""


class Request(enum.Enum):
    ARM = "arm"
    DISARM = "disarm"
    STOP = "stop"
    """As DISARM, and it counts as a stop, with its reason."""


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
        self._polled_at: float | None = None

    def poll(self, now: float) -> Request | None:
        hung = self._polled_at is not None and now - self._polled_at >= SILENT_S
        self._polled_at = now
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
        # One of several keys is enough to disarm; those that nobody read in time are not of now.
        return Request.ARM if keys.strip(ARM_KEY) == b"" and not hung else Request.DISARM


class ByMonitor:
    """A monitor, over the run's feed: the holder of the lease arms, any monitor disarms and stops.

    The observer hands out the lease, and passes on what its holder asks. That the holder is there is looked
    at here again, so that an observer that hangs or dies disarms as well.

    Args:
        asked: what was asked since the last call: "stop" and "disarm" by anybody, "arm" and "alive" by the
            holder; never waits.
    """

    again = True
    hint = "arm it in `neurograsp monitor`"

    def __init__(self, asked: Callable[[], list[str]]) -> None:
        self._asked = asked
        self._alive_at: float | None = None

    def poll(self, now: float) -> Request | None:
        asked = self._asked()
        request = Request.ARM if "arm" in asked else None
        # The silence first: what was asked before a control loop hung is not of now.
        if self._alive_at is not None and now - self._alive_at >= SILENT_S:
            self._alive_at = None
            log.warning("the monitor that could arm has been silent for %g s: disarmed", SILENT_S)
            request = Request.DISARM
        else:
            if "arm" in asked or "alive" in asked:
                self._alive_at = now
            if "disarm" in asked and self._alive_at is not None and now - self._alive_at < SILENT_S / 2:
                self._alive_at = None  # it gave the lease back; where it falls silent, that is told of above
        return _first_of(asked, request)


class WithStop:
    """Another way to arm, and monitors that may stop and disarm.

    Args:
        asked: as of `ByMonitor`.
        other: the way to arm.
    """

    def __init__(self, asked: Callable[[], list[str]], other: Arming) -> None:
        self.again = other.again
        self.hint = other.hint
        self._asked = asked
        self._other = other

    def poll(self, now: float) -> Request | None:
        return _first_of(self._asked(), self._other.poll(now))


def _first_of(asked: list[str], other: Request | None) -> Request | None:
    """What stops goes before what disarms, and that before all else."""
    if "stop" in asked:
        return Request.STOP
    return Request.DISARM if "disarm" in asked else other


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
