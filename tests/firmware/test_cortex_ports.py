"""What is the board's part, on Cortex-M boards: pins, servo frames, the hardware watchdog, the flash."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from cortex_build import build_cortex
from hand_client import Client
from mps2_rig import Mps2Rig
from rig import ARM, FRAME_MS, Pulse
from rp2040_rig import Rp2040Rig

from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.protocol import Action, HandAction, HandState, StateFlag

ABANDONED_MS = 2 * FRAME_MS
"""The main loop silent for longer: no pulse begins."""

RESET_MS = 125
BOOT_MS = 5

NewRig = Callable[..., Mps2Rig | Rp2040Rig]


@pytest.fixture(scope="module", params=[pytest.param("mps2-hangs", marks=pytest.mark.slow), "rp2040"])
def rig(new_cortex_rig: NewRig, request: pytest.FixtureRequest) -> Iterator[Mps2Rig | Rp2040Rig]:
    rig = new_cortex_rig(request.param)
    yield rig
    rig.close()


@pytest.fixture(scope="module")
def pico(new_cortex_rig: NewRig) -> Iterator[Rp2040Rig]:
    rig = new_cortex_rig("rp2040")
    assert isinstance(rig, Rp2040Rig)
    yield rig
    rig.close()


@pytest.fixture
def hand(rig: Mps2Rig | Rp2040Rig) -> Client:
    client = Client(rig)
    client.power_on()
    return client


def closing(hand: Client) -> None:
    """Armed, and on its way to a fist."""
    hand.arm()
    hand.ask(Action(HandAction.FIST, 100, 100, 1000))
    hand.keep_alive(100)
    assert hand.state is HandState.MOVING


def frames_of(pulses: list[Pulse]) -> dict[float, dict[int, float]]:
    """Widths by joint, by when the first of them began; the simulated PWM starts its slices in turn."""
    frames: dict[float, dict[int, float]] = {}
    for pulse in pulses:
        if not frames or pulse.at_us - max(frames) > 100:
            frames[pulse.at_us] = {}
        frames[max(frames)][pulse.joint] = pulse.width_us
    return frames


def test_nothing_comes_out_before_arm(hand: Client) -> None:
    hand.run(100)
    assert hand.rig.run(0) == b""
    assert (hand.heard, hand.pulses) == ([], [])
    hand.connect()
    hand.run(100)
    assert hand.pulses == []


def test_every_servo_frame_has_all_joints_and_a_step_of_each(hand: Client) -> None:
    closing(hand)
    frames = frames_of(hand.pulses)
    assert [b - a for a, b in pairwise(frames)] == pytest.approx([FRAME_MS * 1000] * (len(frames) - 1), abs=1)
    widths = [tuple(frame[joint] for joint in range(len(ARM.joints))) for frame in frames.values()]
    assert widths[0] == pytest.approx(ARM.rest, abs=hand.rig.tolerance_us)
    assert len(widths) >= 5
    for number, width in enumerate(widths[1:], 1):
        step_us = number * ARM.joints[0].rate_us
        assert width == pytest.approx(
            [rest + (step_us if fist else 0) for rest, fist in zip(ARM.rest, ARM.poses[HandAction.FIST])],
            abs=hand.rig.tolerance_us,
        )


def test_a_hung_program_holds_still_then_lets_go_and_is_reset(rig: Mps2Rig | Rp2040Rig, hand: Client) -> None:
    closing(hand)
    start_us, before = rig.now_ms * 1000, list(hand.widths)
    rig.hang()
    hand.run(RESET_MS - 10)
    after = [pulse for pulse in hand.pulses if pulse.at_us > start_us]
    assert max(pulse.at_us for pulse in after) - start_us <= ABANDONED_MS * 1000
    for pulse in after:  # one step may have been on its way
        was = before[pulse.joint]
        assert was is not None
        assert abs(pulse.width_us - was) <= ARM.joints[pulse.joint].rate_us + rig.tolerance_us
    hand.run(20 + BOOT_MS)
    hand.pulses.clear()
    hand.heard.clear()
    hand.run(300)
    assert (hand.pulses, hand.heard) == ([], [])
    hand.connect(session=7)
    status = hand.status()
    assert (status.state, status.flags) == (HandState.IDLE, StateFlag.WATCHDOG_RESET)
    hand.power_on()
    hand.connect()
    assert StateFlag.WATCHDOG_RESET not in hand.status().flags


@pytest.mark.parametrize("held_ms", [2, 7, ABANDONED_MS])
def test_the_emergency_stop_ends_the_pulses_of_a_hung_program(
    rig: Mps2Rig | Rp2040Rig, hand: Client, held_ms: int
) -> None:
    """Released as well, it has stopped the hand."""
    closing(hand)
    rig.hang(HandInput.ESTOP)
    start_us = rig.now_ms * 1000
    hand.run(held_ms)
    rig.hang()
    hand.run(ABANDONED_MS)
    assert [pulse for pulse in hand.pulses if pulse.at_us > start_us + 1500] == []


@pytest.fixture(scope="module")
def hanging(new_cortex_rig: NewRig) -> Iterator[Mps2Rig]:
    rig = new_cortex_rig("mps2-hangs")
    assert isinstance(rig, Mps2Rig)
    yield rig
    rig.close()


@pytest.mark.parametrize("in_step", [False, True])
@pytest.mark.parametrize(
    "late_ms", [FRAME_MS, *(pytest.param(FRAME_MS + n, marks=pytest.mark.slow) for n in (-2, -1, 1, 2, 19))]
)
def test_mps2_makes_one_step_a_servo_frame_whenever_a_late_main_loop_comes_back(
    hanging: Mps2Rig, in_step: bool, late_ms: int
) -> None:
    hand = Client(hanging)
    hand.power_on()
    hand.arm()
    for number in range(FRAME_MS):
        hand.ask(Action([HandAction.FIST, HandAction.OPEN][number % 2], 100, 100, 1000))
        hand.run((number - hand.now_ms) % FRAME_MS)
        hanging.hang(in_step=in_step)
        hand.run(late_ms)
        hanging.inputs(HandInput(0))
        hand.keep_alive(2 * FRAME_MS)
        assert hand.state is HandState.MOVING
    hand.finish()


def test_mps2_keeps_a_short_press_for_a_late_main_loop(hanging: Mps2Rig) -> None:
    rig = hanging
    hand = Client(rig)
    hand.power_on()
    closing(hand)
    for active in (HandInput(0), HandInput.ESTOP, HandInput(0)):
        rig.hang(active)
        hand.run(2)
    rig.inputs(HandInput(0))
    hand.run(20)
    assert hand.state is HandState.ESTOP


def test_pins_of_servos_are_not_driven_until_the_first_pulse(pico: Rp2040Rig) -> None:
    hand = Client(pico)
    hand.power_on()
    hand.connect()
    hand.run(100)
    assert pico.driven == set()
    hand.arm()
    hand.keep_alive(2 * FRAME_MS)
    assert pico.driven == set(range(len(ARM.joints)))


def test_a_program_hung_with_interrupts_off_is_reset_all_the_same(pico: Rp2040Rig) -> None:
    """The PWM goes on by itself until then."""
    hand = Client(pico)
    hand.power_on()
    closing(hand)
    before = list(hand.widths)
    pico.hang(masked=True)
    hand.pulses.clear()
    hand.run(RESET_MS - FRAME_MS)
    assert len({pulse.width_us for pulse in hand.pulses if pulse.joint == 0} - {before[0]}) <= 1
    hand.run(FRAME_MS + BOOT_MS)
    assert pico.driven == set()
    hand.pulses.clear()
    hand.run(300)
    assert hand.pulses == []


@pytest.mark.slow
def test_the_rom_starts_no_image_with_a_wrong_checksum(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = build_cortex("rp2040", tmp_path)
    uf2 = program.elf.with_suffix(".uf2")
    data = bytearray(uf2.read_bytes())
    data[32] ^= 1
    uf2.write_bytes(data)
    rig = Rp2040Rig(program)
    with pytest.raises(ValueError):
        rig.run(1)
    rig.close()
    assert "the ROM finds no program: wrong checksum" in capfd.readouterr().err
