"""The Brunel hand of Open Bionics, with its firmware Beetroot from 1.1.0 on."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.hands.asked_line import REPLY_S, TRIES, AskedLine
from neurograsp.firmware_bridge.hands.brunel import lines
from neurograsp.firmware_bridge.hands.brunel.commands import (
    FINGER,
    FULL_SPEED,
    MOTORS_ON,
    NO_MODE,
    OLDEST,
    PERCENT,
)
from neurograsp.firmware_bridge.hands.brunel.lines import Answer, Diagnostics, Moved, Positions, Trouble
from neurograsp.firmware_bridge.hands.hand import Promises, Report
from neurograsp.firmware_bridge.link_stats import LinkStats
from neurograsp.firmware_bridge.transports import Transport

BAUD = 115_200
_DIAGNOSTICS_S = 4 * REPLY_S
_KEPT = 32
"""Lines that it may still have to repeat."""
_ADVICE = "check that it is switched on, and the port its own"


class BrunelDevice:
    """One hand. See `Device`. Counts are percent of a finger's way.

    Args:
        transport: an open one; `close` closes it.
        ids: numbers of the joints in the hand, in the order of the profile: thumb 0, index 1, middle 2, ring
            and little 3; all of them.
        clock: seconds, monotonic.
        sleep: used by what waits.
    """

    def __init__(
        self,
        transport: Transport,
        ids: Sequence[int],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._line: AskedLine[Answer] = AskedLine(
            transport, lines.LineParser(), "Brunel hand", _ADVICE, clock, sleep, self._take
        )
        self._url = transport.url
        self._ids = tuple(ids)
        self._positions: tuple[int, ...] = ()
        self._faults: dict[int, str] = {}
        self._goals: tuple[int, ...] = ()
        self._sent: tuple[int, ...] = ()
        self._said: deque[str] = deque(maxlen=_KEPT)

    @property
    def promises(self) -> Promises:
        """Its watchdog is of its own program, not of the line; a switch of its motors is kept in EEPROM."""
        return Promises(
            watchdog_s=None,
            on_link_loss="goes to its last goal and holds it, motors on",
            answers=True,
            force=False,
            asked_last=True,
        )

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return self._line.stats

    def identify(self, timeout: float) -> str:
        """Read its diagnostics.

        Raises:
            LinkLost: no answer, another device, older firmware, a mode in which it moves by itself, or motors
                that are switched off.
        """
        told = self._diagnose(max(TRIES, round(timeout / _DIAGNOSTICS_S)))
        self._faults = {0: told.errors} if told.errors else {}
        return f"Brunel hand, Beetroot {_dotted(told.firmware)}"

    def _diagnose(self, tries: int) -> Diagnostics:
        told = self._line.ask(
            lines.DIAGNOSTICS_QUESTION,
            lambda answer: isinstance(answer, Diagnostics),
            tries,
            _DIAGNOSTICS_S,
        )
        assert isinstance(told, Diagnostics)
        if told.firmware < OLDEST:
            raise LinkLost(
                f"{self._url}: Beetroot {_dotted(told.firmware)} cannot say where its fingers are; update it "
                f"to {_dotted(OLDEST)} or newer"
            )
        if told.mode != NO_MODE:
            raise LinkLost(
                f"{self._url}: it is in the mode {told.mode!r}, in which it moves by itself; end that first "
                "(`?` in a serial monitor says how)"
            )
        if told.motors != MOTORS_ON:
            raise LinkLost(f"{self._url}: its motors are off; A3 in a serial monitor switches them on")
        return told

    def positions(self) -> tuple[int, ...]:
        """Where the fingers are and how the hand is, asked now: at most 450 ms.

        Raises:
            LinkLost: no answer, or it cannot be driven any more; see `identify`.
        """
        told = self._diagnose(TRIES)
        if told.errors:
            self._faults[0] = told.errors
        self._take(self._line.ask(lines.POSITIONS_QUESTION, lambda answer: isinstance(answer, Positions)))
        return self._in_order()

    def enable(self, goals: tuple[int, ...]) -> None:
        """Its motors are on already: goals where it stands, at full speed; steps set the pace."""
        self._say(goals, FULL_SPEED)

    def disable(self) -> None:
        """Nothing: it could be switched off, but would stay so, and holds where it was sent last."""

    def send(self, goals: tuple[int, ...], force: int) -> tuple[int, ...]:
        """Goals in percent, cut to 0 to 100; `force` has no effect.

        They wait while the hand is behind, for newer ones or for `close`; what comes back are those before.
        """
        self._goals = tuple(min(max(goal, 0), PERCENT) for goal in goals)
        if self._line.outstanding <= 1 or self._line.free:
            self._say(self._goals)
        return self._sent

    def poll(self, asking: bool) -> Report:
        """Take in what has arrived; ask where the fingers are."""
        for answer in self._line.arrived():
            self._take(answer)
        if asking and (self._line.outstanding <= len(self._ids) or self._line.free):
            self._line.say(lines.POSITIONS_QUESTION)
        return Report(dict(enumerate(self._in_order())), dict(self._faults), {}, self._line.heard_s)

    def close(self) -> None:
        """Say goals that wait, and give the port back."""
        try:
            if self._goals != self._sent:
                for number, goal in zip(self._ids, self._goals, strict=True):
                    self._line.ask(lines.finger(number, goal), lambda answer: isinstance(answer, Moved))
        except LinkLost:
            pass  # who does not answer cannot be told
        finally:
            self._line.close()

    def _in_order(self) -> tuple[int, ...]:
        return tuple(self._positions[number] for number in self._ids) if self._positions else ()

    def _say(self, goals: tuple[int, ...], speed: int | None = None) -> None:
        self._goals = self._sent = goals
        for number, goal in zip(self._ids, goals, strict=True):
            line = lines.finger(number, goal, speed)
            self._said.append(line.decode().rstrip())
            self._line.say(line)

    def _take(self, answer: Answer) -> None:
        if isinstance(answer, Positions):
            self._positions = answer.percent
        elif isinstance(answer, Trouble):
            self._faults[0] = answer.text
        elif isinstance(answer, Moved):
            self._check(answer)

    def _check(self, moved: Moved) -> None:
        """A line that came damaged may have moved a finger anywhere."""
        does = FINGER.format(moved.finger, moved.percent)
        if moved.line not in self._said or moved.line.partition(" S")[0] != does:
            place = self._ids.index(moved.finger) if moved.finger in self._ids else 0
            self._faults[place] = f"repeats {moved.line!r} and does {does!r}, which is not what it was told"
            return
        while self._said.popleft() != moved.line:
            pass


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
