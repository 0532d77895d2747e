"""Feetech's serial bus servos (STS, SMS, SCS): SO-100 grippers, the Amazing Hand, and hands of one's own.

Goals go to all servos in one SYNC WRITE. The EEPROM is never written: limits of the servos stay as their
owner set them.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.hands.feetech import packets
from neurograsp.firmware_bridge.hands.feetech.registers import (
    FIRST_RAM,
    GOAL_POSITION,
    HIGHEST_POSITION,
    LOWEST_POSITION,
    MODEL_NUMBER,
    PRESENT_POSITION,
    PRESENT_TEMPERATURE,
    SCS,
    STATUS,
    STATUS_BITS,
    STS,
    TORQUE_ENABLE,
    Register,
    Series,
)
from neurograsp.firmware_bridge.hands.hand import Promises, Report, named_bits
from neurograsp.firmware_bridge.hands.servo_bus import (
    NEAR,
    NO_TORQUE,
    REPLY_S,
    TRIES,
    Question,
    ServoAnswer,
    ServoBus,
    goal_hindrance,
)
from neurograsp.firmware_bridge.link_stats import LinkStats
from neurograsp.firmware_bridge.transports import Transport

BAUD = 1_000_000
"""As Feetech delivers them."""
_FIRST = TORQUE_ENABLE
_BLOCK = STATUS.address + STATUS.size - _FIRST.address


class FeetechDevice:
    """Servos on one bus. See `Device`.

    Args:
        transport: an open one; `close` closes it.
        ids: of the servos, in the order of the joints.
        series: all servos of a bus are of one.
        limits: lowest and highest goal of each.
        clock: seconds, monotonic.
        sleep: used by what waits.
    """

    def __init__(
        self,
        transport: Transport,
        ids: Sequence[int],
        series: Series,
        limits: Sequence[tuple[int, int]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bus = ServoBus(transport, packets.StatusParser(), ids, clock, sleep)
        self._series = series
        self._limits = tuple(limits)
        self._ranges = [(0, series.counts - 1)] * len(self._bus.ids)
        self._driven = False
        self._positions: dict[int, int] = {}
        self._faults: dict[int, str] = {}
        self._temperatures: dict[int, int] = {}

    @property
    def promises(self) -> Promises:
        """No servo of Feetech has a watchdog of the bus."""
        return Promises(
            watchdog_s=None,
            on_link_loss="holds its last goal, torque on",
            answers=True,
            force=self._series.torque_limit is not None,
            asked_last=True,
        )

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return self._bus.stats

    def identify(self, timeout: float) -> str:
        """Read model number, limits and mode of every servo.

        Raises:
            LinkLost: a servo does not answer, answers in another way, or is of another series, or neither its
                model nor its limits tell its series; its mode or limits are none of positions, or its limits
                narrower than those of the joint.
        """
        self._driven = False
        tries = max(TRIES, round(timeout / REPLY_S))
        models = [self._identify(place, tries) for place in range(len(self._bus.ids))]
        return f"Feetech {self._series.name}: " + ", ".join(
            f"{model} (id {servo})" for servo, model in zip(self._bus.ids, models, strict=True)
        )

    def _identify(self, place: int, tries: int) -> str:
        servo, last = self._bus.ids[place], self._series.mode or HIGHEST_POSITION
        size = last.address + last.size - MODEL_NUMBER.address
        memory = self._bus.ask(place, _read(servo, MODEL_NUMBER, size), tries).parameters
        model = self._model(servo, memory)
        self._ranges[place] = self._range(f"{self._bus.url}: servo {servo} ({model})", memory, place)
        return model

    def _range(self, servo: str, memory: bytes, place: int) -> tuple[int, int]:
        """From where it does not jump when it is driven: its own limits, and a little more."""
        mode = 0 if self._series.mode is None else _number(memory, self._series.mode, self._series)
        if mode:
            raise LinkLost(
                f"{servo} is in operating mode {mode}, which is none of positions; set mode 0 with FD"
            )
        low, high = (_number(memory, end, self._series) for end in (LOWEST_POSITION, HIGHEST_POSITION))
        if low >= high:
            raise LinkLost(
                f"{servo} has the limits {low} and {high}, with which it turns without end; set others with "
                "FD"
            )
        least, most = self._limits[place]
        if not low <= least <= most <= high:
            raise LinkLost(
                f"{servo} goes from {low} to {high}, its joint in the profile from {least} to {most}: narrow "
                "the profile, or widen the servo's limits with FD"
            )
        near = self._series.counts // NEAR
        return max(low - near, 0), min(high + near, self._series.counts - 1)

    def _model(self, servo: int, memory: bytes) -> str:
        number = _number(memory, MODEL_NUMBER, self._series)
        if number in self._series.models:
            return self._series.models[number]
        other = SCS if self._series is STS else STS
        model = other.models.get(_number(memory, MODEL_NUMBER, other))
        if model is None and _fits(memory, self._series) and not _fits(memory, other):
            return f"model {number}"
        said = (
            f"a {model}, of the {other.name} series" if model else f"of a model that is not known ({number})"
        )
        raise LinkLost(
            f"{self._bus.url}: servo {servo} is {said}, and not {self._series.name} as far as its memory "
            "tells: correct `device` in the profile"
        )

    def positions(self) -> tuple[int, ...]:
        """Where the joints are, asked now: up to 120 ms for a servo.

        One without torque is no fault here: arming switches it on.
        """
        for place in range(len(self._bus.ids)):
            self._ask(place)
        return tuple(self._positions[place] for place in range(len(self._bus.ids)))

    def enable(self, goals: tuple[int, ...]) -> None:
        """Goals, and torque once every servo has said that it has its own.

        Raises:
            LinkLost: a servo does not answer.
            Refused: a joint stands where no goal can be, does not take its goal, or does not get torque.
        """
        self._bus.check_start(goals, self._ranges)
        self._bus.insist(
            lambda: self.send(goals, 100),
            lambda place: goal_hindrance(
                goals[place], self._value(self._ask(place), GOAL_POSITION), self._series.counts
            ),
        )
        self._bus.insist(
            lambda: self._torque(on=True),
            lambda place: "" if self._value(self._ask(place), TORQUE_ENABLE) else NO_TORQUE,
        )
        self._driven = True

    def disable(self) -> None:
        """Torque off; said three times, since nobody answers."""
        self._driven = False
        for _ in range(TRIES):
            self._torque(on=False)

    def send(self, goals: tuple[int, ...], force: int) -> tuple[int, ...]:
        """Goals in counts, cut to the servos' range; `force` in percent of what they have (STS).

        The limit of the force goes out with each goal, since nobody says that it has arrived.
        """
        limit = self._series.torque_limit
        sent = tuple(min(max(goal, 0), self._series.counts - 1) for goal in goals)
        self._bus.say(
            (b"" if limit is None else self._encode(limit, dict.fromkeys(self._bus.ids, force * 10)))
            + self._encode(GOAL_POSITION, dict(zip(self._bus.ids, sent, strict=True)))
        )
        return sent

    def poll(self, asking: bool) -> Report:
        """Take in what has arrived; ask the next servo."""
        for place, answer in self._bus.round(_state_of, asking):
            self._take(place, answer, self._driven)
        return Report(self._positions, dict(self._faults), self._temperatures, self._bus.heard_s)

    def close(self) -> None:
        """Give the port back."""
        self._bus.close()

    def _ask(self, place: int) -> bytes:
        answer = self._bus.ask(place, _state_of(self._bus.ids[place]))
        self._take(place, answer, driven=False)
        return answer.parameters

    def _torque(self, on: bool) -> None:
        self._bus.say(self._encode(TORQUE_ENABLE, dict.fromkeys(self._bus.ids, int(on))))

    def _encode(self, register: Register, values: Mapping[int, int]) -> bytes:
        if register.address < FIRST_RAM:
            raise ValueError(f"address {register.address} is EEPROM")
        data = {servo: value.to_bytes(register.size, self._series.order) for servo, value in values.items()}
        return packets.sync_write(register, data)

    def _take(self, place: int, answer: ServoAnswer, driven: bool) -> None:
        block = answer.parameters
        self._positions[place] = self._position(self._value(block, PRESENT_POSITION))
        self._temperatures[place] = self._value(block, PRESENT_TEMPERATURE)
        bits = answer.error | self._value(block, STATUS)
        if bits:
            self._faults[place] = named_bits(bits, STATUS_BITS)
        elif driven and not self._value(block, TORQUE_ENABLE):
            self._faults[place] = NO_TORQUE
        else:
            self._faults.pop(place, None)

    def _value(self, block: bytes, register: Register) -> int:
        return _number(block, register, self._series, _FIRST)

    def _position(self, value: int) -> int:
        bit = self._series.sign_bit
        if bit is not None and value >> bit & 1:
            return -(value & ((1 << bit) - 1))
        return value


def _number(memory: bytes, register: Register, series: Series, first: Register = MODEL_NUMBER) -> int:
    at = register.address - first.address
    return int.from_bytes(memory[at : at + register.size], series.order)


def _fits(memory: bytes, series: Series) -> bool:
    """Its limits can be those of a servo of `series`; with the bytes the other way round they cannot."""
    low, high = (_number(memory, register, series) for register in (LOWEST_POSITION, HIGHEST_POSITION))
    return low < high < series.counts


def _read(servo: int, first: Register, size: int) -> Question:
    return Question(packets.read(servo, first, size), size)


def _state_of(servo: int) -> Question:
    """From the torque and the goal to the status."""
    return _read(servo, _FIRST, _BLOCK)
