"""Inspire's RH56 hands (RH56DFX) on RS-232 or RS-485.

Every packet is answered, and on RS-485 both sides share the wire: nothing is said while an answer is awaited.
So polls take turns: one asks, the next leaves the line to `send`. What cannot be said at once waits, the
newest value of each register, and is said a tick or two later; a force that is not answered is said again.
"""

import time
from collections.abc import Callable, Sequence
from itertools import cycle

from neurograsp.firmware_bridge.codes import NackCode
from neurograsp.firmware_bridge.errors import LinkError, Refused
from neurograsp.firmware_bridge.hands.asked_line import REPLY_S, TRIES, AskedLine
from neurograsp.firmware_bridge.hands.hand import Promises, Report, named_bits
from neurograsp.firmware_bridge.hands.inspire import packets
from neurograsp.firmware_bridge.hands.inspire.packets import HandAnswer
from neurograsp.firmware_bridge.hands.inspire.registers import (
    ANGLE_ACT,
    ANGLE_SET,
    COUNTS,
    ERROR,
    ERROR_BITS,
    FORCE_SET,
    HAND_ID,
    SPEED_SET,
    STATUS,
    STOPPED,
    TEMPERATURE,
    Register,
)
from neurograsp.firmware_bridge.link_stats import LinkStats
from neurograsp.firmware_bridge.transports import Transport

BAUD = 115_200
"""As Inspire delivers them."""
_ASKED = (ANGLE_ACT, ERROR, STATUS, TEMPERATURE)
_ADVICE = "check wiring, power, baud rate and id"


class InspireDevice:
    """One hand. See `Device`.

    Args:
        transport: an open one; `close` closes it.
        ids: numbers of the joints in the hand, in the order of the profile: little 0, ring 1, middle 2,
            index 3, thumb bend 4, thumb rotation 5; all of them.
        address: the hand's id; None: as Inspire delivers them.
        clock: seconds, monotonic.
        sleep: used by what waits.
    """

    def __init__(
        self,
        transport: Transport,
        ids: Sequence[int],
        address: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._hand = HAND_ID if address is None else address
        self._line: AskedLine[HandAnswer] = AskedLine(
            transport, packets.AnswerParser(), f"RH56 {self._hand}", _ADVICE, clock, sleep, self._take
        )
        self._ids = tuple(ids)
        self._next = cycle(_ASKED)
        self._turn_to_ask = False
        self._force = 0
        self._goals: tuple[int, ...] = ()
        self._sent: tuple[int, ...] = ()
        self._unsaid: dict[Register, bytes] = {}
        self._unanswered: tuple[Register, bytes] | None = None
        self._refused: Register | None = None
        self._known: dict[Register, list[int]] = {}

    @property
    def promises(self) -> Promises:
        """Inspire's manual has no watchdog of the line, and no way to switch motors off."""
        return Promises(
            watchdog_s=None, on_link_loss="holds its last goal, motors on", answers=True, force=True
        )

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return self._line.stats

    def identify(self, timeout: float) -> str:
        """Read angles and faults. Raises LinkLost: no answer, or not of such a hand."""
        self._refused = None
        for register in (ANGLE_ACT, ERROR, STATUS):
            self._ask(register, max(TRIES, round(timeout / REPLY_S)))
        return f"Inspire RH56 (id {self._hand})"

    def positions(self) -> tuple[int, ...]:
        """Where the joints are and how they are, asked now: at most 270 ms."""
        for register in (ERROR, STATUS):
            self._ask(register, TRIES)
        return self._in_order(self._ask(ANGLE_ACT, TRIES))

    def enable(self, goals: tuple[int, ...]) -> None:
        """Its motors are on already: goals where it stands, then full force and speed; steps set the pace.

        Waits until each has been answered, at most 90 ms for each, so that no later goal waits behind them.

        Raises:
            LinkLost: it does not answer.
            Refused: it will not take one of them.
        """
        self._forget()
        self._set_goals(goals)
        self._set_force(100)
        self._set(SPEED_SET, [COUNTS] * len(self._ids))
        self._ask_for_all()

    def disable(self) -> None:
        """Nothing: it has no command for that, and holds where it was sent last."""
        self._forget()

    def send(self, goals: tuple[int, ...], force: int) -> tuple[int, ...]:
        """Goals in counts, cut to 0 to 1000; `force` in percent of 1000 g.

        Said when the line is free; until then what comes back are the goals before.
        """
        if force != self._force:
            self._unsaid.pop(
                ANGLE_SET, None
            )  # goals that still wait would go out first, with the new ones in them
            self._set_force(force)
        self._set_goals(goals)
        self._say_next()
        return self._sent

    def poll(self, asking: bool) -> Report:
        """Take in what has arrived; every other time say what has waited, or ask the next question."""
        for answer in self._line.arrived():
            self._take(answer)
        if asking and self._line.free:
            self._turn_to_ask = not self._turn_to_ask
            self._say_again()
            if self._turn_to_ask and self._unsaid:
                self._say_next()
            elif self._turn_to_ask:
                self._line.say(packets.read(self._hand, next(self._next)))
        return Report(
            dict(enumerate(self._in_order(self._known.get(ANGLE_ACT, ())))),
            self._faults(),
            dict(enumerate(self._in_order(self._known.get(TEMPERATURE, ())))),
            self._line.heard_s,
        )

    def close(self) -> None:
        """Say what still has to be said, and give the port back."""
        try:
            self._ask_for_all()
        except LinkError:
            pass  # who does not answer or will not cannot be told
        finally:
            self._line.close()

    def _faults(self) -> dict[int, str]:
        faults: dict[int, str] = {}
        if self._refused is not None:
            faults[0] = f"will not take register {self._refused.address}"
        for place, code in enumerate(self._in_order(self._known.get(STATUS, ()))):
            if code in STOPPED:
                faults[place] = STOPPED[code]
        for place, bits in enumerate(self._in_order(self._known.get(ERROR, ()))):
            if bits:
                faults[place] = named_bits(bits, ERROR_BITS)
        return faults

    def _ask(self, register: Register, tries: int) -> Sequence[int]:
        self._take(
            self._line.ask(
                packets.read(self._hand, register), lambda answer: self._holds(answer, register), tries
            )
        )
        return self._known[register]

    def _ask_for_all(self) -> None:
        while self._unsaid:
            register = next(iter(self._unsaid))
            self._ask_to_set(register, self._unsaid.pop(register))

    def _ask_to_set(self, register: Register, request: bytes) -> None:
        self._count_as_sent(register)
        answer = self._line.ask(request, lambda answer: self._is_of_write(answer, register), TRIES)
        if answer.data[0] != packets.DONE:
            self._forget()
            raise Refused(
                f"{self._line.url}: RH56 {self._hand} will not take register {register.address}; {_ADVICE}",
                NackCode.VALUE,
            )

    def _holds(self, answer: HandAnswer, register: Register) -> bool:
        return (answer.id, answer.command, answer.address, len(answer.data)) == (
            self._hand,
            packets.READ,
            register.address,
            register.length,
        )

    def _is_of_write(self, answer: HandAnswer, register: Register) -> bool:
        return (answer.id, answer.command, answer.address) == (self._hand, packets.WRITE, register.address)

    def _take(self, answer: HandAnswer) -> None:
        if answer.id == self._hand and answer.command == packets.WRITE:
            self._take_answer_of_write(answer)
            return
        for register in _ASKED:
            if self._holds(answer, register):
                self._known[register] = packets.values(register, answer.data)
                return
        self._line.strange()

    def _take_answer_of_write(self, answer: HandAnswer) -> None:
        if self._unanswered is None or not self._is_of_write(answer, self._unanswered[0]):
            self._line.strange()
            return
        register, _ = self._unanswered
        self._unanswered = None
        if answer.data[0] != packets.DONE:
            self._line.refused()
            self._refused = register
        elif self._refused is register:
            self._refused = None

    def _set_goals(self, goals: Sequence[int]) -> None:
        self._goals = tuple(min(max(goal, 0), COUNTS) for goal in goals)
        self._set(ANGLE_SET, self._goals)

    def _set_force(self, percent: int) -> None:
        self._force = percent
        self._set(FORCE_SET, [percent * COUNTS // 100] * len(self._ids))

    def _set(self, register: Register, ordered: Sequence[int]) -> None:
        numbered = dict(zip(self._ids, ordered, strict=True))
        self._unsaid[register] = packets.write(
            self._hand, register, [numbered[number] for number in sorted(numbered)]
        )

    def _say_next(self) -> None:
        if not self._line.free:
            return
        self._say_again()
        if self._unsaid:
            register = next(iter(self._unsaid))
            self._unanswered = register, self._unsaid.pop(register)
            self._count_as_sent(register)
            self._line.say(self._unanswered[1])

    def _count_as_sent(self, register: Register) -> None:
        if register is ANGLE_SET:
            self._sent = self._goals

    def _say_again(self) -> None:
        """What was not answered in time comes first; goals do not, which every hold tells anew."""
        if self._unanswered is not None and self._unanswered[0] is not ANGLE_SET:
            self._unsaid = dict([self._unanswered]) | self._unsaid
        self._unanswered = None

    def _forget(self) -> None:
        self._unsaid.clear()
        self._unanswered = None

    def _in_order(self, values: Sequence[int]) -> tuple[int, ...]:
        return tuple(values[number] for number in self._ids) if values else ()
