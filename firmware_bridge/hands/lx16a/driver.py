"""Hiwonder's LX servos (LX-16A and kin, once LewanSoul): cheap hands and arms, and hands of one's own.

Their protocol has no packet for several servos at once: the goals of a tick go out one after the other in one
write. Nothing that the servos keep without power is ever written. They do not say whether their rotor is
locked: their alarm setting, which is easily taken for that, only says what their LED would blink for.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.hands.hand import Promises, Report
from neurograsp.firmware_bridge.hands.lx16a import packets
from neurograsp.firmware_bridge.hands.lx16a.commands import (
    ID_READ,
    LOAD_OR_UNLOAD_READ,
    LOAD_OR_UNLOAD_WRITE,
    MAX_POSITION,
    MODE_READ,
    MOVE_TIME_READ,
    MOVE_TIME_WRITE,
    POSITION_MODE,
    POSITION_READ,
    TEMPERATURE_LIMIT_READ,
    TEMPERATURE_READ,
    VOLTAGE_LIMITS_READ,
    VOLTAGE_READ,
    Command,
)
from neurograsp.firmware_bridge.hands.servo_bus import (
    ASK_TRIES,
    NO_TORQUE,
    REPLY_S,
    TRIES,
    Question,
    ServoBus,
    goal_hindrance,
)
from neurograsp.firmware_bridge.link_stats import LinkStats
from neurograsp.firmware_bridge.transports import Transport

BAUD = 115_200
"""The servos know no other."""
STEP_MS = 20
"""Time that a servo gives itself for one step: a tick."""
_ROUND = (
    POSITION_READ,
    TEMPERATURE_READ,
    POSITION_READ,
    VOLTAGE_READ,
    POSITION_READ,
    LOAD_OR_UNLOAD_READ,
)
_HEALTH = (VOLTAGE_LIMITS_READ, TEMPERATURE_LIMIT_READ, TEMPERATURE_READ, VOLTAGE_READ)


@dataclass
class _Servo:
    """Answers of one servo, by command, and which question is its next."""

    answers: dict[Command, bytes] = field(default_factory=dict)
    turn: int = 0

    def number(self, command: Command) -> int:
        return int.from_bytes(self.answers[command], "little")

    @property
    def position(self) -> int:
        return int.from_bytes(self.answers[POSITION_READ], "little", signed=True)

    def faults(self, driven: bool) -> str:
        if not self.answers.keys() >= set(_HEALTH):
            return ""
        limits = self.answers[VOLTAGE_LIMITS_READ]
        least, most = (int.from_bytes(limits[at : at + 2], "little") for at in (0, 2))
        found = []
        voltage, temperature = self.number(VOLTAGE_READ), self.number(TEMPERATURE_READ)
        if not least <= voltage <= most:
            found.append(f"voltage out of range ({voltage / 1000:.1f} V)")
        if temperature > self.number(TEMPERATURE_LIMIT_READ):
            found.append(f"too hot ({temperature} C)")
        if driven and not found and self.answers.get(LOAD_OR_UNLOAD_READ) == b"\0":
            found.append(NO_TORQUE)
        return ", ".join(found)


class Lx16aDevice:
    """Servos on one bus. See `Device`.

    Args:
        transport: an open one; `close` closes it.
        ids: of the servos, in the order of the joints.
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
        self._bus = ServoBus(transport, packets.AnswerParser(), ids, clock, sleep)
        self._servos = {servo: _Servo() for servo in ids}
        self._driven = False

    @property
    def promises(self) -> Promises:
        """Their protocol has neither a watchdog nor a limit of torque."""
        return Promises(
            watchdog_s=None,
            on_link_loss="holds its last goal, torque on",
            answers=True,
            force=False,
            asked_last=True,
        )

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return self._bus.stats

    def identify(self, timeout: float) -> str:
        """Ask every servo for its id, mode, limits and health; there is no model number.

        Raises:
            LinkLost: a servo does not answer, answers in another way, or turns without end.
        """
        tries = max(TRIES, round(timeout / REPLY_S))
        for place, number in enumerate(self._bus.ids):
            self._ask(place, ID_READ, tries)
            self._ask(place, MODE_READ, tries)
            if self._servos[number].answers[MODE_READ][0] != POSITION_MODE:
                raise LinkLost(
                    f"{self._bus.url}: servo {number} is in motor mode, in which it turns without end; "
                    "switching its power off and on ends that"
                )
            for command in _HEALTH:
                self._ask(place, command, tries)
        return "Hiwonder LX: " + ", ".join(f"id {number}" for number in self._bus.ids)

    def positions(self) -> tuple[int, ...]:
        """Where and how the joints are, asked now: up to 360 ms for a servo. May be a little below 0."""
        for place in range(len(self._bus.ids)):
            for command in (TEMPERATURE_READ, VOLTAGE_READ, POSITION_READ):
                self._ask(place, command)
        return tuple(servo.position for servo in self._servos.values())

    def enable(self, goals: tuple[int, ...]) -> None:
        """Goals, and torque once every servo has said that it has its own.

        Raises:
            LinkLost: a servo does not answer.
            Refused: a joint stands where no goal can be, does not take its goal, or does not get torque.
        """
        self._bus.check_start(goals, [(0, MAX_POSITION)] * len(goals))
        self._bus.insist(
            lambda: self.send(goals, 100),
            lambda place: goal_hindrance(goals[place], self._goal(place), MAX_POSITION),
        )
        self._bus.insist(
            lambda: self._load(on=True),
            lambda place: "" if any(self._ask(place, LOAD_OR_UNLOAD_READ)) else NO_TORQUE,
        )
        self._driven = True

    def disable(self) -> None:
        """Torque off; said three times, since nobody answers."""
        self._driven = False
        for _ in range(TRIES):
            self._load(on=False)

    def send(self, goals: tuple[int, ...], force: int) -> tuple[int, ...]:
        """Goals in counts, cut to the servos' range; `force` has no effect."""
        sent = tuple(min(max(goal, 0), MAX_POSITION) for goal in goals)
        self._bus.say(
            b"".join(
                packets.write(servo, MOVE_TIME_WRITE, goal, STEP_MS)
                for servo, goal in zip(self._bus.ids, sent, strict=True)
            )
        )
        return sent

    def poll(self, asking: bool) -> Report:
        """Take in what has arrived; ask the next servo for its position or for a part of its health."""
        for place, answer in self._bus.round(self._next_question, asking):
            servo = self._servos[self._bus.ids[place]]
            servo.answers[_ROUND[servo.turn]] = answer.parameters[1:]
            servo.turn = (servo.turn + 1) % len(_ROUND)
        places = list(enumerate(self._servos.values()))
        return Report(
            {place: servo.position for place, servo in places if POSITION_READ in servo.answers},
            {place: faults for place, servo in places if (faults := servo.faults(self._driven))},
            {
                place: servo.number(TEMPERATURE_READ)
                for place, servo in places
                if TEMPERATURE_READ in servo.answers
            },
            self._bus.heard_s,
        )

    def close(self) -> None:
        """Give the port back."""
        self._bus.close()

    def _next_question(self, number: int) -> Question:
        return packets.question(number, _ROUND[self._servos[number].turn])

    def _goal(self, place: int) -> int:
        return int.from_bytes(self._ask(place, MOVE_TIME_READ)[:2], "little")

    def _ask(self, place: int, command: Command, tries: int = ASK_TRIES) -> bytes:
        number = self._bus.ids[place]
        answer = self._bus.ask(place, packets.question(number, command), tries).parameters[1:]
        self._servos[number].answers[command] = answer
        return answer

    def _load(self, on: bool) -> None:
        self._bus.say(
            b"".join(packets.write(number, LOAD_OR_UNLOAD_WRITE, int(on)) for number in self._bus.ids)
        )
