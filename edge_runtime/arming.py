"""Who arms the hand: the command line once, a key, a switch, or a monitor. Whatever is unclear disarms.

| way | arms | disarms |
| --- | --- | --- |
| `AtOnce` | once, after the start | nothing |
| `ByKey` | the key `a` | any other key; the end of the input |
| `BySwitch` | closing it, after it was seen open | opening it; losing it |
| `ByMonitor` | the monitor that holds the lease | any monitor; the holder's silence for a second |

Where monitors watch, any of them may stop the hand however it is armed: `WithStop`. What was asked while
nobody looked, since the run had not begun or the control loop hung, arms nothing: `_Attention`.
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
"""A monitor that may arm the hand says so often that it is there; after so long without, it is not. A control
loop that has not looked for so long hung."""

KEYS_AT_ONCE = 2**16
"""Nobody presses as many from one tick to the next."""


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
        """What is asked for since the last call, at `now` in seconds, read right before; never waits.

        The first call is before the first tick, but where `again` is False, and arms nothing."""


class _Attention:
    """Whether the control loop looks at who arms, as it does every tick.

    After a lapse nobody knows for how long what was asked has been waiting: disarmed.
    """

    def __init__(self) -> None:
        self._looked_at: float | None = None

    def lapsed(self, now: float) -> bool:
        """It looks now; whether it never had before, or not for `SILENT_S`."""
        before, self._looked_at = self._looked_at, now
        if before is None:
            return True
        if now - before < SILENT_S:
            return False
        log.warning("the control loop was held up for %.1f s: disarmed", now - before)
        return True


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
        self._attention = _Attention()

    def poll(self, now: float) -> Request | None:
        lapsed, keys = self._attention.lapsed(now), b""
        # All of them: what is left would be taken for one of the next tick.
        while (
            not self._ended and len(keys) < KEYS_AT_ONCE and select.select([self._descriptor], [], [], 0)[0]
        ):
            more = self._read()
            if not more:
                self._ended = True
                log.warning("no more keys can come: disarmed for good")
                return Request.DISARM
            keys += more
        if lapsed:
            return Request.DISARM
        if not keys:
            return None
        # One of several keys is enough to disarm.
        arms = keys.strip(ARM_KEY) == b"" and len(keys) < KEYS_AT_ONCE
        return Request.ARM if arms else Request.DISARM

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, 4096)
        except OSError:
            return b""


class ByMonitor:
    """A monitor, over the run's feed: the holder of the lease arms, any monitor disarms and stops.

    The observer hands out the lease, and passes on what its holder asks. That the holder is there is looked
    at here again, so that an observer that hangs or dies disarms as well.

    Args:
        asked: all that was asked since the last call: "stop" and "disarm" by anybody, "arm" and "alive" by
            the holder; never waits.
    """

    again = True
    hint = "arm it in `neurograsp monitor`"

    def __init__(self, asked: Callable[[], list[str]]) -> None:
        self._asked = asked
        self._attention = _Attention()
        self._alive_at: float | None = None

    def poll(self, now: float) -> Request | None:
        lapsed, asked = self._attention.lapsed(now), self._asked()
        request = Request.ARM if "arm" in asked else None
        if lapsed:
            self._alive_at = None
            request = Request.DISARM
        elif self._alive_at is not None and now - self._alive_at >= SILENT_S:
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
        self._attention = _Attention()
        self._lost = False
        self._seen_open = False
        self._closed_since: float | None = None

    def poll(self, now: float) -> Request | None:
        lapsed, closed = self._attention.lapsed(now), self._read()
        if not closed:
            disarms = self._closed_since is not None
            self._seen_open = not self._lost
            self._closed_since = None
            return Request.DISARM if disarms else None
        if self._closed_since is None:
            self._closed_since = now
        if lapsed:
            # It may have been closed, or opened, at any time meanwhile: it must be seen open once more.
            self._seen_open = False
            return Request.DISARM
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
