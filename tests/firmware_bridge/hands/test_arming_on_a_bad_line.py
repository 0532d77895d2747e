"""A write of arming or closing is lost, damaged, fails or meets Ctrl-C: no jump, and no motor left on."""

import struct
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from bench import Clock, EmulatedLine
from drivers import EMULATORS, hand_on

from neurograsp.firmware_bridge.codes import HandState
from neurograsp.firmware_bridge.errors import LinkLost, Refused
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand

TICK_S = 0.02
SERVOS = ("lx16a_fingers", "scs_fingers", "sts_fingers", "xl330_fingers")
OLD_GOAL = 900
GOALS = {
    "lx16a_fingers": lambda data: data[4] == 1,
    "scs_fingers": lambda data: b"\x83\x2a" in data,
    "sts_fingers": lambda data: b"\x83\x2a" in data,
    "xl330_fingers": lambda data: data[7:10] == b"\x83\x74\0",
}
TORQUES = {
    "lx16a_fingers": lambda data: data[4] == 31,
    "scs_fingers": lambda data: b"\x83\x28" in data,
    "sts_fingers": lambda data: b"\x83\x28" in data,
    "xl330_fingers": lambda data: data[7:10] == b"\x83\x40\0",
}


def lost(data: bytes) -> bytes:
    return b""


def damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes((data[middle] ^ 0x10,)) + data[middle + 1 :]


def deaf(hear: Callable[[int, bytes], Any]) -> Callable[[int, bytes], Any]:
    """A servo that hears all but that its motor is to be on."""
    switches = (31, 40, 64)
    return lambda what, data: b"" if what in switches and data == b"\1" else hear(what, data)


class Table:
    """A hand that was sent elsewhere once, without torque now, on a line that spoils what a test says.

    Attributes:
        spoil: what comes of a write, and of the how manieth.
    """

    def __init__(self, profile: str) -> None:
        self.emulator: Any = EMULATORS[profile]()
        if profile in SERVOS:
            for servo in self.emulator.servos.values():
                servo.goals.append(OLD_GOAL)
                if profile == "lx16a_fingers":
                    servo.goal = OLD_GOAL
                elif profile == "xl330_fingers":
                    struct.pack_into("<i", servo.memory, 116, OLD_GOAL)
                else:
                    servo.memory[42:44] = OLD_GOAL.to_bytes(2, servo.order)
        clock = Clock()
        self.line = EmulatedLine(self.emulator, clock)
        self.hand: DeviceHand = hand_on(self.line, profile, clock)
        self.spoil: Callable[[int, bytes], bytes] = lambda number, data: data
        self.writes = 0
        feed = self.emulator.feed

        def spoilt(data: bytes) -> bytes:
            self.writes += 1
            data = self.spoil(self.writes, data)
            answer: bytes = feed(data) if data else b""
            return answer

        self.emulator.feed = spoilt

    def where(self) -> list[float]:
        device = self.emulator
        if hasattr(device, "servos"):
            return [servo.position for servo in device.servos.values()]
        if hasattr(device, "fingers"):
            return [finger.at for finger in device.fingers]
        for name in ("degrees", "angles"):
            if hasattr(device, name):
                return list(getattr(device, name))
        return [device.position]

    def torques(self) -> list[list[int]]:
        """Every switch of each motor that came."""
        return [
            servo.loads if hasattr(servo, "loads") else servo.torques
            for servo in self.emulator.servos.values()
        ]

    def driven(self) -> list[bool]:
        """Which motors have torque."""
        return [bool(switches and switches[-1]) for switches in self.torques()]

    def run(self, seconds: float = 1.0) -> float:
        """Ticks; the farthest that a joint has been from where it stood."""
        stood, farthest = self.where(), 0.0
        for _ in range(round(seconds / TICK_S)):
            self.line.sleep(TICK_S)
            self.hand.service(True)
            farthest = max(
                farthest, *(abs(now - then) for now, then in zip(self.where(), stood, strict=True))
            )
        return farthest


@pytest.mark.parametrize("spoil", [lost, damaged])
@pytest.mark.parametrize("profile", sorted(EMULATORS.keys() - {"firmata_servos"}))
def test_whichever_write_is_spoilt_nothing_jumps(profile: str, spoil: Callable[[bytes], bytes]) -> None:
    if profile == "brunel" and spoil is damaged:
        pytest.skip("its lines have no checksum")
    table = Table(profile)
    table.hand.connect()
    before = table.writes
    table.hand.arm()
    during = table.writes - before
    for spoilt in range(1, during + 1):
        table = Table(profile)
        table.hand.connect()
        first = table.writes
        table.spoil = lambda number, data: spoil(data) if number == first + spoilt else data  # noqa: B023
        stood = table.where()
        table.hand.arm()
        assert table.hand.state.state is HandState.ARMED
        assert [now - then for now, then in zip(table.where(), stood, strict=True)] == pytest.approx(
            [0] * len(stood), abs=1
        ), f"write {spoilt} of {during}"
        assert table.run() <= 1, f"write {spoilt} of {during}"
        assert table.hand.state.state is HandState.ARMED


@pytest.mark.parametrize("profile", SERVOS)
def test_without_its_goal_no_servo_is_driven(profile: str) -> None:
    table = Table(profile)
    table.hand.connect()
    stood = table.where()
    table.spoil = lambda number, data: b"" if GOALS[profile](data) else data
    with pytest.raises(Refused, match=rf"servo 1 keeps the goal {OLD_GOAL}, told \d+, and would jump"):
        table.hand.arm()
    table.run()
    assert not any(map(any, table.torques()))
    assert (table.where(), table.hand.state.attached) == (stood, False)


@pytest.mark.parametrize("profile", SERVOS)
def test_a_servo_that_gets_no_torque_is_not_armed(profile: str) -> None:
    table = Table(profile)
    table.hand.connect()
    table.spoil = lambda number, data: b"" if TORQUES[profile](data) else data
    with pytest.raises(Refused, match="servo 1 has its motor off; look at its line and its power"):
        table.hand.arm()
    assert (table.hand.state.state, table.hand.state.attached) == (HandState.IDLE, False)


@pytest.mark.parametrize("profile", SERVOS)
def test_of_servos_that_are_not_all_driven_none_is(profile: str) -> None:
    table = Table(profile)
    table.hand.connect()
    last = table.emulator.servos[5]
    name = "obey" if profile == "lx16a_fingers" else "write"
    setattr(last, name, deaf(getattr(last, name)))
    with pytest.raises(Refused, match="servo 5 has its motor off"):
        table.hand.arm()
    assert table.driven() == [False] * 5
    assert table.hand.state.attached is False


def test_servos_whose_watchdog_is_not_set_are_not_armed() -> None:
    table = Table("xl330_fingers")
    table.hand.connect()
    table.spoil = lambda number, data: b"" if data[7:10] == b"\x83\x62\0" and data[13] else data
    with pytest.raises(Refused, match="servo 1 has its bus watchdog at 0, not 12"):
        table.hand.arm()
    assert table.hand.state.state is HandState.IDLE


def at_write(table: Table, wanted: int, error: BaseException, after: bool) -> None:
    """Write number `wanted` from now on fails, before or after it went out."""
    first, write = len(table.line.sent), table.line.write

    def failing(data: bytes) -> None:
        hit = len(table.line.sent) - first + 1 == wanted
        if hit and not after:
            table.line.sent.append(b"")
            raise error
        write(data)
        if hit:
            raise error

    table.line.write = failing  # type: ignore[method-assign]


ERRORS = [KeyboardInterrupt(), LinkLost("takes no more bytes")]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", ERRORS, ids=["ctrl-c", "lost"])
@pytest.mark.parametrize("profile", SERVOS)
def test_wherever_arming_ends_no_motor_stays_on(profile: str, error: BaseException, after: bool) -> None:
    wanted, armed = 0, False
    while not armed:
        wanted += 1
        table = Table(profile)
        table.hand.connect()
        at_write(table, wanted, error, after)
        try:
            table.hand.arm()
            armed = True
        except type(error):
            assert table.driven() == [False] * 5, f"write {wanted}"
        del table.line.write
        table.hand.close()
        assert (table.driven(), table.line.closed) == ([False] * 5, True), f"write {wanted}"
    assert wanted > 17


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", ERRORS, ids=["ctrl-c", "lost"])
@pytest.mark.parametrize("profile", SERVOS)
def test_whichever_write_of_closing_fails_no_motor_stays_on(
    profile: str, error: BaseException, after: bool
) -> None:
    for wanted in range(1, 5):
        table = Table(profile)
        table.hand.connect()
        table.hand.arm()
        assert table.driven() == [True] * 5
        at_write(table, wanted, error, after)
        with pytest.raises(KeyboardInterrupt) if isinstance(error, KeyboardInterrupt) else nullcontext():
            table.hand.close()
        assert (table.driven(), table.line.closed) == ([False] * 5, True), f"write {wanted}"
