"""The driver of servos on an Arduino against StandardFirmata itself: the sketch, compiled, in simavr.

    npm pack avrgirl-arduino@5.0.1 && tar xzf avrgirl-arduino-5.0.1.tgz
    export NEUROGRASP_FIRMATA=$PWD/package/junk/hex

names the folder with the sketch for an Uno and a Mega (2.4 and 2.3). Without it these tests are skipped.
"""

import ctypes
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from avr_build import build_shim
from bench import Clock
from simavr_rig import CLOCK_HZ, CYCLES_PER_US, load_shim

from neurograsp.firmware_bridge.codes import HandAction, HandState
from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device
from neurograsp.firmware_bridge.hands.firmata import packets
from neurograsp.firmware_bridge.hands.firmata.driver import BAUD, FirmataDevice
from neurograsp.firmware_bridge.hands.open_device import driver_of

HEX = os.environ.get("NEUROGRASP_FIRMATA")
PINS = {3: "D3", 5: "D5", 6: "D6", 9: "B1", 10: "B2"}
"""Of an Uno: port and bit."""
FAR_PINS = {44: "L5", 45: "L4", 46: "L3"}
"""Of a Mega."""
TICK_S = 0.02
REST, CLOSED = 1400, 1700
WITHIN_US = 6
"""Of a pulse, which Arduino's Servo library ends in an interrupt."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(HEX is None, reason="NEUROGRASP_FIRMATA names no folder with it"),
]


class _Event(ctypes.Structure):
    _fields_ = (("at", ctypes.c_uint64), ("what", ctypes.c_uint8), ("level", ctypes.c_uint8))


class Board:
    """A board and the line to it, on the test's clock.

    Attributes:
        pulses: of each pin, microseconds, and when they began, seconds.
    """

    url = "simavr"

    def __init__(self, shim: ctypes.CDLL, chip: bytes, elf: Path, pins: dict[int, str], clock: Clock) -> None:
        self._shim = shim
        self._pins = list(pins)
        rig = shim.rig_new(chip, str(elf).encode(), ctypes.c_uint32(CLOCK_HZ))
        assert rig is not None, f"simavr cannot load {elf}"
        self._rig = ctypes.c_void_p(rig)
        for index, place in enumerate(pins.values()):
            shim.rig_watch(self._rig, ctypes.c_uint8(index), ctypes.c_char(place[0].encode()), int(place[1]))
        self._clock = clock
        self._events = (_Event * 65536)()
        self._waiting = b""
        self._rose: dict[int, int] = {}
        self.pulses: dict[int, list[tuple[float, float]]] = {pin: [] for pin in pins}

    def read(self) -> bytes:
        data, self._waiting = self._waiting, b""
        return data

    def write(self, data: bytes) -> None:
        self._shim.rig_send(self._rig, data, ctypes.c_uint32(len(data)), ctypes.c_uint32(BAUD))

    def close(self) -> None:
        pass

    def sleep(self, seconds: float) -> None:
        self._clock.now += seconds
        until = int(self._shim.rig_cycle(self._rig)) + math.ceil(seconds * CLOCK_HZ)
        assert self._shim.rig_run(self._rig, ctypes.c_uint64(until)), "the program has crashed"
        count = self._shim.rig_take_bytes(self._rig, self._events, 65536)
        self._waiting += bytes(event.what for event in self._events[:count])
        for event in self._events[: self._shim.rig_take_edges(self._rig, self._events, 65536)]:
            if event.level:
                self._rose[event.what] = event.at
            elif (rose := self._rose.pop(event.what, None)) is not None:
                pin = self._pins[event.what]
                self.pulses[pin].append((rose / CLOCK_HZ, (event.at - rose) / CYCLES_PER_US))

    def restart(self) -> None:
        self._shim.rig_reset(self._rig, ctypes.c_bool(True), ctypes.c_bool(False))

    def free(self) -> None:
        self._shim.rig_free(self._rig)

    def last(self) -> list[float]:
        """The newest pulse of every pin."""
        return [pulses[-1][1] for pulses in self.pulses.values()]

    @property
    def n_pulses(self) -> int:
        return sum(map(len, self.pulses.values()))


Loader = Callable[[str, bytes, dict[int, str]], Board]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def load(clock: Clock, tmp_path: Path) -> Iterator[Loader]:
    boards = []

    def make(name: str, chip: bytes, pins: dict[int, str]) -> Board:
        elf = tmp_path / "firmata.elf"
        words = ["avr-objcopy", "-I", "ihex", "-O", "elf32-avr", "--rename-section", ".sec1=.text"]
        subprocess.run([*words, f"{HEX}/{name}/StandardFirmata.cpp.hex", str(elf)], check=True)
        boards.append(Board(load_shim(build_shim(tmp_path)), chip, elf, pins, clock))
        return boards[-1]

    yield make
    for board in boards:
        board.free()


@pytest.fixture
def uno(load: Loader) -> Board:
    return load("uno", b"atmega328p", PINS)


def hand_on(board: Board, clock: Clock) -> DeviceHand:
    profile = load_device("firmata_servos")
    hand = DeviceHand(driver_of(profile, board, clock, board.sleep), profile, True, clock)
    hand.connect()
    return hand


def run(board: Board, hand: DeviceHand, seconds: float) -> None:
    for _ in range(round(seconds / TICK_S)):
        board.sleep(TICK_S)
        hand.service(True)


def near(pulse: float) -> list[object]:
    return [pytest.approx(pulse, abs=WITHIN_US)] * 5


def test_no_pulse_before_arming_rest_then_steps_and_none_after_the_end(uno: Board, clock: Clock) -> None:
    hand = hand_on(uno, clock)
    assert hand.caps.identity == "StandardFirmata 2.4"
    run(uno, hand, 0.5)
    assert uno.n_pulses == 0
    hand.arm()
    run(uno, hand, 0.5)
    for pulses in uno.pulses.values():
        assert {us == pytest.approx(REST, abs=WITHIN_US) for _, us in pulses} == {True}
    hand.act(HandAction.FIST, ttl_ms=5000)
    run(uno, hand, 1.5)
    assert uno.last() == near(CLOSED)
    for pulses in uno.pulses.values():
        assert max(b - a for (_, a), (_, b) in pairwise(pulses)) <= 400 / 0.8 * 2 * TICK_S + WITHIN_US
    assert (hand.state.state, hand.stats.bad_frames, hand.stats.unanswered) == (HandState.HOLD, 0, 0)
    hand.close()
    uno.sleep(0.1)
    pulses_then = uno.n_pulses
    uno.sleep(0.5)
    assert uno.n_pulses == pulses_then


def test_a_host_that_dies_leaves_pulses_and_one_that_comes_back_goes_on(uno: Board, clock: Clock) -> None:
    hand = hand_on(uno, clock)
    hand.arm()
    hand.act(HandAction.FIST, ttl_ms=5000)
    run(uno, hand, 1.5)
    uno.sleep(2.0)
    assert uno.last() == near(CLOSED)
    again = hand_on(uno, clock)
    again.arm()
    run(uno, again, 0.5)
    assert uno.last() == near(CLOSED)
    assert all(us > CLOSED - WITHIN_US for _, us in uno.pulses[5][-100:]), "nothing jumped"


def test_a_board_that_restarts_stops_the_hand(uno: Board, clock: Clock) -> None:
    hand = hand_on(uno, clock)
    hand.arm()
    run(uno, hand, 0.3)
    uno.restart()
    pulses = uno.n_pulses
    with pytest.raises(LinkLost, match="silent for"):
        run(uno, hand, 5.0)
    run_out = uno.n_pulses - pulses
    assert run_out <= 5
    assert hand.state.goals == (REST,) * 5


def test_its_own_limits_do_not_wrap(uno: Board, clock: Clock) -> None:
    hand = hand_on(uno, clock)
    hand.arm()
    for wild, kept in ((600, 1052), (2400, 1892)):
        for pin in PINS:
            uno.write(packets.write(pin, wild))
        uno.sleep(0.1)
        assert uno.last() == near(kept)


def test_pins_above_15_of_a_mega(load: Loader, clock: Clock) -> None:
    mega = load("mega", b"atmega2560", FAR_PINS)
    device = FirmataDevice(mega, tuple(FAR_PINS), [(1300, 1700)] * 3, clock, mega.sleep)
    assert device.identify(3.0) == "StandardFirmata 2.3"
    assert device.positions() == (None, None, None)
    device.enable((1400, 1450, 1500))
    device.send((1410, 1460, 1510), 100)
    mega.sleep(0.1)
    assert mega.last() == [pytest.approx(us, abs=WITHIN_US) for us in (1410, 1460, 1510)]
    assert device.positions() == (1410, 1460, 1510)
    device.disable()
    mega.sleep(0.1)
    assert device.positions() == (None, None, None)
