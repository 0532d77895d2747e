"""Dynamixel X servos with protocol 2.0: the LEAP and ORCA hands, Koch's gripper, and hands of one's own.

Goals go to all servos in one SYNC WRITE. Their Bus Watchdog is set, so that they stop by themselves when
nobody speaks to them. The EEPROM is never written: modes and limits stay as their owner set them.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.hands.dynamixel import packets
from neurograsp.firmware_bridge.hands.dynamixel.registers import (
    BUS_WATCHDOG,
    COUNTS,
    FIRST_RAM,
    GOAL_POSITION,
    HARDWARE_ERROR,
    HARDWARE_ERRORS,
    MODEL_NUMBER,
    MODELS,
    OPERATING_MODE,
    POSITION_MODES,
    PRESENT_POSITION,
    PRESENT_TEMPERATURE,
    TORQUE_ENABLE,
    WATCHDOG_TRIGGERED,
    WATCHDOG_UNIT_S,
    Register,
)
from neurograsp.firmware_bridge.hands.hand import Promises, Report, named_bits
from neurograsp.firmware_bridge.hands.servo_bus import (
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
"""What hands are set to; ROBOTIS delivers 57600, too slow for a hand."""
WATCHDOG_S = 0.24
WATCHDOG = round(WATCHDOG_S / WATCHDOG_UNIT_S)
_FIRST = TORQUE_ENABLE
_BLOCK = PRESENT_TEMPERATURE.address + PRESENT_TEMPERATURE.size - _FIRST.address


class DynamixelDevice:
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
        self._bus = ServoBus(transport, packets.StatusParser(), ids, clock, sleep)
        self._driven = False
        self._positions: dict[int, int] = {}
        self._faults: dict[int, str] = {}
        self._temperatures: dict[int, int] = {}

    @property
    def promises(self) -> Promises:
        """The Bus Watchdog (control table, address 98), which any packet to the servo feeds."""
        return Promises(
            watchdog_s=WATCHDOG_S,
            on_link_loss=f"stops after {WATCHDOG_S:g} s and holds, torque on",
            answers=True,
            force=False,
            asked_last=True,
        )

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return self._bus.stats

    def identify(self, timeout: float) -> str:
        """Read model number and operating mode of every servo.

        Raises:
            LinkLost: a servo does not answer, answers in another way, is none of the X series, or is not in a
                position mode.
        """
        self._driven = False  # a watchdog that has bitten before is no fault of what begins now
        self._faults.clear()
        tries = max(TRIES, round(timeout / REPLY_S))
        models = [self._identify(place, tries) for place in range(len(self._bus.ids))]
        return "Dynamixel: " + ", ".join(
            f"{model} (id {servo})" for servo, model in zip(self._bus.ids, models, strict=True)
        )

    def _identify(self, place: int, tries: int) -> str:
        size = OPERATING_MODE.address + OPERATING_MODE.size
        servo = self._bus.ids[place]
        memory = self._bus.ask(place, _read(servo, MODEL_NUMBER, size), tries).parameters
        number, mode = int.from_bytes(memory[:2], "little"), memory[OPERATING_MODE.address]
        if number not in MODELS:
            raise LinkLost(
                f"{self._bus.url}: servo {servo} is of a model that is not known ({number}); only the X "
                "series is driven"
            )
        model = MODELS[number]
        if mode not in POSITION_MODES:
            raise LinkLost(
                f"{self._bus.url}: servo {servo} ({model}) is in operating mode {mode}, which is none of "
                "positions; set mode 3 or 5 with DYNAMIXEL Wizard"
            )
        return model

    def positions(self) -> tuple[int, ...]:
        """Where the joints are, asked now: up to 120 ms for a servo.

        A watchdog that has bitten is no fault here: arming sets it anew.
        """
        for place in range(len(self._bus.ids)):
            self._take(place, self._ask(place), driven=False)
        return tuple(self._positions[place] for place in range(len(self._bus.ids)))

    def enable(self, goals: tuple[int, ...]) -> None:
        """Watchdog cleared, since one that has bitten refuses goals; goals; then torque and watchdog.

        Torque once every servo has said that it has its goal.

        Raises:
            LinkLost: a servo does not answer.
            Refused: a joint stands where no goal can be, or does not take its goal, torque or watchdog.
        """
        self._bus.check_start(goals, [(0, COUNTS - 1)] * len(goals))
        self._faults.clear()
        self._bus.insist(
            lambda: self._set_goals(goals),
            lambda place: goal_hindrance(
                goals[place], _number(self._ask(place).parameters, GOAL_POSITION), COUNTS
            ),
        )
        self._bus.insist(self._drive, lambda place: self._undriven(place, goals))
        self._driven = True

    def disable(self) -> None:
        """Torque off; said three times, since nobody answers."""
        self._driven = False
        for _ in range(TRIES):
            self._write_to_all(TORQUE_ENABLE, 0)

    def send(self, goals: tuple[int, ...], force: int) -> tuple[int, ...]:
        """Goals in counts, cut to one turn; `force` has no effect."""
        sent = tuple(min(max(goal, 0), COUNTS - 1) for goal in goals)
        self._write(GOAL_POSITION, dict(zip(self._bus.ids, sent, strict=True)))
        return sent

    def poll(self, asking: bool) -> Report:
        """Take in what has arrived; ask the next servo."""
        for place, answer in self._bus.round(_state_of, asking):
            self._take(place, answer, self._driven)
        return Report(self._positions, dict(self._faults), self._temperatures, self._bus.heard_s)

    def close(self) -> None:
        """Give the port back."""
        self._bus.close()

    def _set_goals(self, goals: tuple[int, ...]) -> None:
        self._write_to_all(BUS_WATCHDOG, 0)
        self.send(goals, 100)

    def _drive(self) -> None:
        self._write_to_all(BUS_WATCHDOG, 0)  # it may have bitten since it was set
        self._write_to_all(TORQUE_ENABLE, 1)
        self._write_to_all(BUS_WATCHDOG, WATCHDOG)

    def _undriven(self, place: int, goals: tuple[int, ...]) -> str:
        self.send(goals, 100)  # feeds all watchdogs: asking many servos takes longer than they wait
        return _hindrance(self._ask(place).parameters)

    def _ask(self, place: int) -> ServoAnswer:
        return self._bus.ask(place, _state_of(self._bus.ids[place]))

    def _write_to_all(self, register: Register, value: int) -> None:
        self._write(register, dict.fromkeys(self._bus.ids, value))

    def _write(self, register: Register, values: Mapping[int, int]) -> None:
        if register.address < FIRST_RAM:
            raise ValueError(f"address {register.address} is EEPROM")
        data = {servo: value.to_bytes(register.size, "little") for servo, value in values.items()}
        self._bus.say(packets.sync_write(register, data))

    def _take(self, place: int, answer: ServoAnswer, driven: bool) -> None:
        block = answer.parameters
        self._positions[place] = _number(block, PRESENT_POSITION)
        self._temperatures[place] = _number(block, PRESENT_TEMPERATURE)
        if errors := _number(block, HARDWARE_ERROR):
            self._faults[place] = named_bits(errors, HARDWARE_ERRORS)
        elif driven and (hindrance := _hindrance(block)):
            self._faults[place] = hindrance
        else:
            self._faults.pop(place, None)


def _hindrance(block: bytes) -> str:
    """What a servo lacks that is driven, for people."""
    if not _number(block, TORQUE_ENABLE):
        return NO_TORQUE
    watchdog = _number(block, BUS_WATCHDOG)
    if watchdog == WATCHDOG_TRIGGERED:
        return "has been stopped by its bus watchdog"
    return "" if watchdog == WATCHDOG else f"has its bus watchdog at {watchdog}, not {WATCHDOG}"


def _number(block: bytes, register: Register) -> int:
    """Of a block that begins at `_FIRST`; those of four bytes have a sign."""
    at = register.address - _FIRST.address
    return int.from_bytes(block[at : at + register.size], "little", signed=register.size == 4)


def _read(servo: int, first: Register, size: int) -> Question:
    return Question(packets.read(servo, first, size), size)


def _state_of(servo: int) -> Question:
    """From the torque to the temperature."""
    return _read(servo, _FIRST, _BLOCK)
