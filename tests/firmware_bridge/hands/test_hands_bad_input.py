"""What may be wrong with a port, a device or a profile, with every driver: one clear line, and no motion."""

import errno
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dynamixel_bus
import pytest
import robotiq_gripper
import serial
from bench import Clock, EmulatedLine, Emulator, OnPty
from drivers import EMULATORS, hand_on

from neurograsp.edge_runtime import port_finder
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.hands import open_hand
from neurograsp.edge_runtime.port_finder import Port
from neurograsp.firmware_bridge.codes import Fault, HandAction, HandState
from neurograsp.firmware_bridge.errors import ConfigError, LinkLost, PortError, Refused
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import DEVICE_PROFILES, load_device, parse_device
from neurograsp.firmware_bridge.hands.open_device import open_device

ALL = sorted(EMULATORS)
ANOTHER = r"answers with another id or protocol \(\d+ tries\); "
WHOLE = ("ability_hand", "brunel", "inspire_rh56", "robotiq_2f85")
ADDRESSED = ("inspire_rh56", "lx16a_fingers", "robotiq_2f85", "scs_fingers", "sts_fingers", "xl330_fingers")
"""Answers of the others say of no id that it is theirs."""
BUSES = ("lx16a_fingers", "scs_fingers", "sts_fingers", "xl330_fingers")


@pytest.mark.parametrize("profile", ALL)
def test_no_permission_names_the_group(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(errno.EACCES, "could not open port")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(PortError, match=r"^port /dev/ttyUSB9: no permission; .* dialout \$USER`") as failure:
        open_device(load_device(profile), "/dev/ttyUSB9")
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("profile", ALL)
def test_a_busy_port_names_its_holder(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    emulator = EMULATORS[profile]()
    with OnPty(emulator) as device, serial.Serial(device.port, exclusive=True):
        assert main(["hand", "ping", "--hand", f"{profile}:{device.port}"]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert f"port {device.port}: in use by " in line
    assert moves_of(emulator) == 0


@pytest.mark.parametrize("profile", ALL)
def test_a_port_that_comes_back_under_another_name_is_found(
    profile: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed: list[Port] = []
    monkeypatch.setattr(port_finder, "list_ports", lambda: listed)
    with OnPty(EMULATORS[profile]()) as before, OnPty(after_all := EMULATORS[profile]()) as after:
        listed[:] = [Port(before.port, "FT232R", "0403:6001", "A1")]
        with open_hand(f"{profile}:{before.port}", accept_no_watchdog=True) as hand:
            assert hand.link is not None
            assert hand.reopen is not None
            listed[:] = [Port(before.port, "CH340", "1a86:7523", None)]
            hand.link.close()
            with pytest.raises(LinkLost, match="has gone, and WCH CH340 adapter .* is there now"):
                hand.reopen()
            listed.append(Port(after.port, "FT232R", "0403:6001", "A1"))
            found = hand.reopen()
            assert (found.caps.name, found.state.state) == (profile, HandState.IDLE)
    assert moves_of(after_all) == 0


def moves_of(emulator: Any) -> float:
    """How far its joints have gone."""
    parts = getattr(emulator, "fingers", None) or [emulator]
    if hasattr(emulator, "servos"):
        parts = list(emulator.servos.values())
    return sum(part.travelled for part in parts)


class Stranger:
    """Answers everything in a protocol of its own."""

    def feed(self, data: bytes) -> bytes:
        return b"\0\x07\x01\x82\x2a\x01\x01\x01\x01\x99\0+CME ERROR: 3\r\n"

    def advance(self, seconds: float) -> None: ...


def on(emulator: Emulator, profile: str) -> tuple[DeviceHand, EmulatedLine]:
    clock = Clock()
    line = EmulatedLine(emulator, clock)
    return hand_on(line, profile, clock), line


@pytest.mark.parametrize("profile", ALL)
def test_a_device_with_another_protocol_is_told_and_armed_by_nobody(profile: str) -> None:
    hand, line = on(Stranger(), profile)
    with pytest.raises(LinkLost, match=rf"^emulated: .* {ANOTHER}"):
        hand.connect(0.5)
    with pytest.raises(LinkLost, match="no session; call connect"):
        hand.arm()
    said = list(line.sent)
    hand.close()
    assert line.sent == said, "nothing more is said to it"


@pytest.mark.parametrize("profile", ALL)
def test_half_a_reply_is_none_and_moves_nothing(profile: str) -> None:
    emulator: Any = EMULATORS[profile]()
    emulator.mangle = lambda reply: reply[: len(reply) // 2]
    hand, _ = on(emulator, profile)
    with pytest.raises(LinkLost, match=rf" ({ANOTHER}|answers in part )"):
        hand.connect(0.5)
    assert moves_of(emulator) == 0


def low_sum(body: bytes) -> bytes:
    return bytes((sum(body) & 0xFF,))


def inverted_sum(body: bytes) -> bytes:
    return bytes((~sum(body) & 0xFF,))


def for_another(profile: str) -> Callable[[bytes], bytes]:
    """A good reply, of another id."""

    def changed(reply: bytes) -> bytes:
        if profile == "robotiq_2f85":
            return robotiq_gripper.with_crc(b"\x0a" + reply[1:-2])
        if profile == "xl330_fingers":
            packet = reply[:4] + b"\x63" + reply[5:-2]
            return packet + dynamixel_bus.crc(packet).to_bytes(2, "little")
        body = b"\x63" + reply[3:-1]
        return reply[:2] + body + (low_sum if profile == "inspire_rh56" else inverted_sum)(body)

    return changed


@pytest.mark.parametrize("profile", ADDRESSED)
def test_a_reply_for_another_id_is_none(profile: str) -> None:
    emulator: Any = EMULATORS[profile]()
    emulator.mangle = for_another(profile)
    hand, _ = on(emulator, profile)
    with pytest.raises(LinkLost, match=ANOTHER):
        hand.connect(0.5)
    assert moves_of(emulator) == 0


def of_servo(name: str, value: object) -> Callable[[Any], None]:
    return lambda bus: setattr(bus.servos[2], name, value)


def of_hand(name: str, value: object) -> Callable[[Any], None]:
    return lambda hand: setattr(hand, name, value)


def in_memory(address: int, value: int) -> Callable[[Any], None]:
    def fail(bus: Any) -> None:
        bus.servos[2].memory[address] = value

    return fail


FAULTS: list[tuple[str, Callable[[Any], None], str]] = [
    ("ability_hand", of_hand("status", 2), "middle: "),
    ("brunel", lambda hand: hand.complain("Warning 007 - Hand temperature is high"), "thumb: Warning 007"),
    ("firmata_servos", lambda board: board.restart(), "little: pin 10 drives no servo"),
    ("inspire_rh56", of_hand("error", [0, 0, 1, 0, 0, 0]), "middle: locked rotor"),
    ("inspire_rh56", of_hand("error", [0, 0, 4, 0, 0, 0]), "middle: overcurrent"),
    ("inspire_rh56", of_hand("error", [0, 0, 2, 0, 0, 0]), "middle: too hot"),
    ("lx16a_fingers", of_servo("loaded", False), "index: has its motor off"),
    ("lx16a_fingers", of_servo("millivolts", 5000), "index: voltage out of range (5.0 V)"),
    ("lx16a_fingers", of_servo("temperature", 90), "index: too hot (90 C)"),
    ("robotiq_2f85", of_hand("fault", 0x0E), "gripper: overcurrent"),
    ("robotiq_2f85", of_hand("fault", 0x0A), "gripper: undervoltage"),
    ("robotiq_2f85", of_hand("fault", 0x08), "gripper: too hot"),
    ("sts_fingers", of_servo("error", 32), "index: overload"),
    ("sts_fingers", of_servo("error", 1), "index: voltage out of range"),
    ("sts_fingers", of_servo("error", 4), "index: too hot"),
    ("scs_fingers", in_memory(40, 0), "index: has its motor off"),
    ("sts_fingers", in_memory(40, 0), "index: has its motor off"),
    ("xl330_fingers", in_memory(64, 0), "index: has its motor off"),
    ("xl330_fingers", in_memory(98, 0), "index: has its bus watchdog at 0, not 12"),
    ("xl330_fingers", in_memory(70, 32), "index: overload"),
    ("xl330_fingers", in_memory(70, 1), "index: input voltage"),
    ("xl330_fingers", in_memory(70, 4), "index: too hot"),
]
"""Overload, undervoltage, temperature, a servo that has restarted: what each device can tell of them."""
OF_DRIVEN = ("motor off", "no servo", "not 12")
"""How those end that arming mends."""


@pytest.mark.parametrize(("profile", "fail", "why"), FAULTS)
def test_a_joint_in_trouble_stops_all_of_them(profile: str, fail: Callable[[Any], None], why: str) -> None:
    emulator = EMULATORS[profile]()
    hand, line = on(emulator, profile)
    hand.connect()
    hand.arm()

    def run(ticks: int) -> None:
        for _ in range(ticks):
            hand.service(True)
            line.sleep(0.02)

    hand.act(HandAction.FIST, ttl_ms=10_000)
    run(10)
    assert hand.state.state is HandState.MOVING
    fail(emulator)
    run(60)
    status = hand.state
    assert (status.state, status.fault) == (HandState.FAILSAFE, Fault.DEVICE)
    assert status.why.startswith(why)
    goals = status.goals
    hand.act(HandAction.OPEN)
    run(20)
    assert hand.state.goals == goals, "nothing moves until somebody has looked"
    hand.close()


@pytest.mark.parametrize(
    ("profile", "fail", "why"), [one for one in FAULTS if not one[2].endswith(OF_DRIVEN)]
)
def test_a_joint_that_came_into_trouble_since_it_was_found_is_not_armed(
    profile: str, fail: Callable[[Any], None], why: str
) -> None:
    emulator = EMULATORS[profile]()
    hand, _ = on(emulator, profile)
    hand.connect()
    fail(emulator)
    with pytest.raises(Refused, match=rf"{re.escape(why)}.*; look at it first"):
        hand.arm()
    assert moves_of(emulator) == 0


@pytest.mark.parametrize("profile", BUSES)
def test_a_servo_that_is_not_there_is_named(profile: str) -> None:
    emulator: Any = EMULATORS[profile]()
    del emulator.servos[4]
    hand, _ = on(emulator, profile)
    with pytest.raises(LinkLost, match=r"^emulated: servo 4 does not answer \(\d+ tries\); check its id"):
        hand.connect(0.5)
    assert moves_of(emulator) == 0


@pytest.mark.parametrize("profile", ALL)
def test_a_profile_that_names_a_joint_which_is_not_there(profile: str, tmp_path: Path) -> None:
    text = (DEVICE_PROFILES / f"{profile}.toml").read_text()
    with pytest.raises(ConfigError, match=r"^own.toml: actions.OPEN: .*tail"):
        parse_device(text.replace("OPEN    = {", "OPEN    = { tail = 1,").encode(), "own.toml")
    if profile in WHOLE:
        with pytest.raises(ConfigError, match="is driven as a whole; name all of it"):
            parse_device(text.replace("id = 0", "id = 9").encode(), "own.toml")
    path = tmp_path / "own.toml"
    path.write_text(text.replace("OPEN    = {", "OPEN    = { tail = 1,"))
    assert main(["hand", "ping", "--hand", f"{path}:/dev/null"]) == 4
