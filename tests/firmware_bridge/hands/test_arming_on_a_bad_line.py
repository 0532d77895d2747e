"""One write of arming is lost or damaged, with every driver: nothing jumps to a goal of long ago."""

import struct
from collections.abc import Callable
from typing import Any

import pytest
from bench import Clock, EmulatedLine
from drivers import EMULATORS, hand_on

from neurograsp.firmware_bridge.codes import HandState
from neurograsp.firmware_bridge.errors import Refused
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

    def torques(self) -> set[int]:
        """Every switch of a motor that came."""
        return {
            int(value)
            for servo in self.emulator.servos.values()
            for value in (servo.loads if hasattr(servo, "loads") else servo.torques)
        }

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
    assert table.torques() <= {0}
    assert (table.where(), table.hand.state.attached) == (stood, False)


@pytest.mark.parametrize("profile", SERVOS)
def test_a_servo_that_gets_no_torque_is_not_armed(profile: str) -> None:
    table = Table(profile)
    table.hand.connect()
    table.spoil = lambda number, data: b"" if TORQUES[profile](data) else data
    with pytest.raises(Refused, match="servo 1 has its motor off; look at its line and its power"):
        table.hand.arm()
    assert table.hand.state.state is HandState.IDLE


def test_servos_whose_watchdog_is_not_set_are_not_armed() -> None:
    table = Table("xl330_fingers")
    table.hand.connect()
    table.spoil = lambda number, data: b"" if data[7:10] == b"\x83\x62\0" and data[13] else data
    with pytest.raises(Refused, match="servo 1 has its bus watchdog at 0, not 12"):
        table.hand.arm()
    assert table.hand.state.state is HandState.IDLE
