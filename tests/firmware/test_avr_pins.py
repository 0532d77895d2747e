"""What only real pins and a real chip show, of the programs for AVRs under simavr."""

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from avr_build import PORTS, build_arduino
from hand_client import BEAT_MS, Client
from hand_contract.base import everywhere
from rig import ARM, BYTE_US, FRAME_MS, Pulse
from simavr_rig import CYCLES_PER_US, START_MS, SimavrRig

from neurograsp.firmware_bridge.codes import HandInput, StateFlag
from neurograsp.firmware_bridge.frames import FrameDecoder, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Action,
    Arm,
    Beat,
    Caps,
    Clear,
    Get,
    HandAction,
    HandState,
    HandStatus,
    Joints,
    Nack,
    NackCode,
    Topic,
    make_frame,
)

FIST = Action(HandAction.FIST, 100, 100, 5000)
FRAME_US = FRAME_MS * 1000
SLOT_US = 2500
TIGHT_US = 0.8
WATCHDOG_MS = (125, 130)
"""Of the chip's own oscillator, which is exact here."""

LOOK_US = 20
"""From when a slot's interrupt looks at the emergency stop to the edge of its pulse."""

ABANDONED_MS = 2 * FRAME_MS + 2
"""From a main loop that is lost to the start of the last pulse."""


EVERY_DAY = ("atmega328p", "arduino-2560")


@pytest.fixture(
    params=[name if name in EVERY_DAY else pytest.param(name, marks=pytest.mark.slow) for name in PORTS]
)
def rig(new_simavr_rig: Callable[..., SimavrRig], request: pytest.FixtureRequest) -> Iterator[SimavrRig]:
    rig = new_simavr_rig(request.param)
    yield rig
    rig.close()


@pytest.fixture
def hand(rig: SimavrRig) -> Iterator[Client]:
    client = Client(rig)
    client.power_on()
    yield client
    client.run(2 * FRAME_MS)
    client.monitor.check()


def by_joint(pulses: list[Pulse]) -> list[list[Pulse]]:
    return [[pulse for pulse in pulses if pulse.joint == joint] for joint in range(len(ARM.joints))]


def by_frame(pulses: list[Pulse]) -> list[list[Pulse]]:
    """The whole ones."""
    frames: dict[int, list[Pulse]] = {}
    for pulse in pulses:
        frames.setdefault(round((pulse.at_us - pulse.joint * SLOT_US) / FRAME_US - 0.4), []).append(pulse)
    return [frame for frame in frames.values() if len(frame) == len(ARM.joints)]


def flood(hand: Client, ms: float) -> None:
    """Requests as fast as the line takes them, BEATs among them; it cannot take all the answers back."""
    request = encode_frame(
        make_frame(Get(Topic.STATE), hand.session, hand.seq)
    )  # a duplicate: changes nothing
    for _ in range(round(ms / BEAT_MS)):
        hand.tell(Beat())
        hand.send(request * round(BEAT_MS * 1000 / BYTE_US / len(request)))


# --- pulses


def test_widths_to_the_microsecond(hand: Client) -> None:
    hand.arm()
    low = 1000
    for low in (1000, 1003, 1500, 1777, 1994):
        targets = {joint: low + joint for joint in range(len(ARM.joints))}
        hand.ask(Joints(targets, 100, 5000))
        hand.keep_alive(700)
        assert hand.state is HandState.HOLD
        for joint, width in enumerate(hand.widths):
            assert width is not None
            assert abs(width - targets[joint]) <= TIGHT_US


@pytest.mark.parametrize("loaded", [False, True])
def test_edges_keep_their_time_whatever_the_line_does(hand: Client, loaded: bool) -> None:
    """One joint after another, each every 20 ms, though interrupts of the line come at any moment."""
    hand.arm()
    hand.run(2 * FRAME_MS)
    hand.pulses.clear()
    if loaded:
        flood(hand, 1000)
        hand.drain()
    hand.keep_alive(1000)
    assert len(hand.pulses) > 300
    for joint, pulses in enumerate(by_joint(hand.pulses)):
        for pulse in pulses:
            assert abs(pulse.width_us - ARM.rest[joint]) <= TIGHT_US
        for before, after in pairwise(pulses):
            assert abs(after.at_us - before.at_us - FRAME_US) <= TIGHT_US
    for before, after in pairwise(hand.pulses):
        slots = (after.joint - before.joint) % 8
        assert abs(after.at_us - before.at_us - slots * SLOT_US) <= TIGHT_US
        assert before.at_us + before.width_us < after.at_us


@pytest.mark.parametrize("loaded", [False, True])
def test_targets_change_at_frame_borders_alone(hand: Client, loaded: bool) -> None:
    """All fingers of one servo frame have made the same steps."""
    hand.arm()
    hand.run(2 * FRAME_MS)
    hand.ask(FIST)
    if loaded:
        flood(hand, 500)
        hand.drain()
    hand.keep_alive(800)
    frames = by_frame(hand.pulses)
    for frame in frames:
        fingers = [pulse.width_us for pulse in frame[:5]]
        assert max(fingers) - min(fingers) <= 2 * TIGHT_US
    widths = [round(frame[0].width_us) for frame in frames]
    steps = [after - before for before, after in pairwise(widths)]
    assert (widths[0], widths[-1]) == (1250, 2000)
    assert min(steps) >= -1, "one way only"
    assert max(steps) <= 33 + 1


def test_a_command_shows_within_a_servo_frame(hand: Client) -> None:
    """From the last byte to the first pulse that differs: the next servo frame has it, unless that one's work
    was done already, which is 1.25 ms before it begins."""
    late = []
    for number in range(20):
        hand.power_on()
        hand.arm()
        hand.keep_alive(50 + number * 1.07)
        hand.pulses.clear()
        frame = make_frame(FIST, hand.session, hand._next())
        hand.send(encode_frame(frame))
        there_us = hand.now_ms * 1000 + len(encode_frame(frame)) * BYTE_US
        hand.run(60)
        first = next(pulse for pulse in hand.pulses if abs(pulse.width_us - ARM.rest[pulse.joint]) > 2)
        late.append((first.at_us - there_us) / 1000)
    assert min(late) < 3
    assert max(late) < FRAME_MS + 1.25 + 0.5


def test_silent_until_armed(hand: Client) -> None:
    hand.run(500)
    hand.connect()
    hand.keep_alive(500)
    assert hand.rig.pulses() == []
    assert hand.pulses == []


@pytest.mark.parametrize("at_us", [0, 300, 1100, 2400, 9000, 17400, 17600, 19000])
def test_what_lets_go_finishes_the_pulse_under_way(hand: Client, at_us: int) -> None:
    hand.arm()
    hand.keep_alive(100)
    border_us = next(pulse.at_us for pulse in reversed(hand.pulses) if pulse.joint == 0)
    ahead_us = (border_us + at_us - hand.now_ms * 1000) % FRAME_US
    hand.run(ahead_us / 1000)
    hand.pulses.clear()
    pressed_us = hand.now_ms * 1000
    hand.rig.inputs(HandInput.ESTOP)
    hand.run(100)
    assert hand.state is HandState.ESTOP
    assert all(pulse.at_us <= pressed_us for pulse in hand.pulses)
    for pulse in hand.pulses:
        assert abs(pulse.width_us - ARM.rest[pulse.joint]) <= TIGHT_US


@pytest.mark.parametrize("after_ms", [0.0, 4.0, 8.0, 12.0, 16.0])
def test_outputs_that_are_let_go_begin_no_other_pulse(rig: SimavrRig, hand: Client, after_ms: float) -> None:
    """Not even in the servo frame under way."""
    hand.arm()
    hand.keep_alive(100 + after_ms)
    hand.rig.inputs(HandInput.STALL)
    end_us = (hand.now_ms + ARM.stall_ms) * 1000
    hand.keep_alive(ARM.stall_ms + 100)
    assert hand.state is HandState.FAILSAFE
    assert end_us - FRAME_US < hand.pulses[-1].at_us < end_us + SLOT_US


# --- what goes wrong


@pytest.mark.parametrize("loaded", [False, True])
def test_a_main_loop_that_is_late_makes_no_jump(rig: SimavrRig, hand: Client, loaded: bool) -> None:
    """At any moment of a servo frame and for long: steps are lost, never made up for."""
    hand.arm()
    hand.keep_alive(50)
    hand.ask(FIST)
    for number, late_ms in enumerate([1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 39]):
        if hand.state is HandState.HOLD:
            hand.ask(Action([HandAction.OPEN, HandAction.FIST][number % 2], 100, 100, 5000))
        if loaded:
            hand.tell(Get(Topic.STATE))
        with rig.stalled():
            hand.run(late_ms)
        hand.keep_alive(41.3)
    assert rig.watchdog_resets == 0


WORK_DUE_US = FRAME_US - SLOT_US // 2
"""From the start of a servo frame to the interrupt that asks for the next one's step."""


@pytest.mark.parametrize(
    "ends_us",
    [
        range(WORK_DUE_US - 900, WORK_DUE_US + 60, 30),
        pytest.param(range(0, FRAME_US, 60), marks=pytest.mark.slow),
    ],
    ids=["before work is due", "at any moment"],
)
def test_one_step_a_servo_frame_whenever_a_late_main_loop_comes_back(
    rig: SimavrRig, hand: Client, ends_us: range
) -> None:
    """It has the last frame's step to do, and the interrupt asks for this one's while it is at that."""
    late_us = FRAME_US + 2000
    hand.arm()
    for number, end_us in enumerate(ends_us):
        hand.ask(Action([HandAction.FIST, HandAction.OPEN][number % 2], 100, 100, 5000))
        hand.keep_alive(2 * FRAME_MS)
        border_us = next(pulse.at_us for pulse in reversed(hand.pulses) if pulse.joint == 0)
        hand.run((border_us + end_us - late_us - hand.now_ms * 1000) % FRAME_US / 1000)
        with rig.stalled():
            hand.run(late_us / 1000)
        hand.keep_alive(2 * FRAME_MS)
        assert hand.state is HandState.MOVING
        hand.monitor.check()


def test_pulses_come_back_when_a_late_main_loop_does(rig: SimavrRig, hand: Client) -> None:
    hand.arm()
    hand.keep_alive(100)
    hand.pulses.clear()
    start_us = hand.now_ms * 1000
    with rig.stalled():
        hand.run(100)
    hand.keep_alive(100)
    gaps = [after.at_us - before.at_us for before, after in pairwise(hand.pulses)]
    assert 40_000 < max(gaps) < 90_000
    assert hand.pulses[-1].at_us - start_us > 180_000
    assert rig.watchdog_resets == 0


def test_a_clock_that_stands_still_ends_in_a_reset(rig: SimavrRig, hand: Client) -> None:
    hand.arm()
    hand.keep_alive(100)
    while rig.is_high():
        hand.run(0.1)
    stopped_ms = hand.now_ms
    rig.stop_clock()
    hand.keep_alive(200)
    assert rig.watchdog_resets == 1
    assert rig.watchdog_reset_at_ms - stopped_ms <= WATCHDOG_MS[1]
    hand.monitor.let_go(hand.now_ms)
    came_back_disarmed(hand, StateFlag.WATCHDOG_RESET)


def came_back_disarmed(hand: Client, flags: StateFlag) -> None:
    hand.state = HandState.BOOT
    hand.pulses.clear()
    hand.connect(hand.session + 1)
    hand.keep_alive(200)
    status = hand.status()
    assert (status.state, status.flags) == (HandState.IDLE, flags)
    assert hand.pulses == []
    hand.arm()
    hand.keep_alive(3 * FRAME_MS)
    assert len(hand.pulses) >= len(ARM.joints)


@pytest.mark.parametrize("after_ms", [0.0, 3.3, 7.9, 12.1, 17.6, 19.9])
def test_a_lost_main_loop_ends_in_a_hand_that_is_disarmed(
    rig: SimavrRig, hand: Client, after_ms: float
) -> None:
    hand.arm()
    hand.ask(FIST)
    hand.keep_alive(200 + after_ms)
    assert hand.state is HandState.MOVING
    hand.pulses.clear()
    rig.hang()
    start_ms = hand.now_ms
    hand.run(200)
    assert rig.watchdog_resets == 1
    taken = WATCHDOG_MS[0] - FRAME_MS <= rig.watchdog_reset_at_ms - start_ms <= WATCHDOG_MS[1]
    assert taken, rig.watchdog_reset_at_ms - start_ms
    assert hand.pulses, "it holds for a moment"
    assert max(pulse.at_us for pulse in hand.pulses) / 1000 - start_ms <= ABANDONED_MS
    hand.monitor.let_go(hand.now_ms)
    came_back_disarmed(hand, StateFlag.WATCHDOG_RESET)


def test_a_program_lost_without_interrupts_is_reset(rig: SimavrRig, hand: Client) -> None:
    """The one case in which a pulse may be wrong: one under way stays high until the watchdog."""
    hand.arm()
    hand.keep_alive(200)
    while not rig.is_high():
        hand.run(0.1)
    rig.hang(interrupts=False)
    hang_ms = hand.now_ms
    rig.run(200)
    assert rig.watchdog_resets == 1
    assert rig.watchdog_reset_at_ms - hang_ms <= WATCHDOG_MS[1]
    (pulse,) = rig.pulses()
    assert pulse.at_us + pulse.width_us <= rig.watchdog_reset_at_ms * 1000 + 1
    hand.monitor.restarted()
    came_back_disarmed(hand, StateFlag.WATCHDOG_RESET)


@pytest.mark.parametrize("held_ms", [2.6, 5, 11, 110])
def test_the_emergency_stop_needs_no_main_loop(rig: SimavrRig, hand: Client, held_ms: float) -> None:
    """Released as well, it has stopped the hand."""
    hand.arm()
    hand.keep_alive(200)
    rig.hang()
    rig.inputs(HandInput.ESTOP)
    hand.pulses.clear()
    pressed_us = hand.now_ms * 1000
    hand.run(held_ms)
    rig.inputs(HandInput(0))
    hand.run(110 - held_ms)
    assert rig.watchdog_resets == 0
    assert all(pulse.at_us <= pressed_us for pulse in hand.pulses)
    rig.inputs(HandInput.ESTOP)
    hand.run(90)
    hand.monitor.restarted()
    hand.connect(hand.session + 1)
    answer = hand.ask(Arm())
    assert isinstance(answer, Nack)
    assert answer.code in (NackCode.ESTOP, NackCode.LATCHED)


@pytest.mark.parametrize("at_ms", range(0, 20, 3))
def test_a_short_press_is_kept_for_a_late_main_loop(rig: SimavrRig, hand: Client, at_ms: int) -> None:
    hand.arm()
    hand.keep_alive(100)
    with rig.stalled():
        hand.run(at_ms)
        rig.inputs(HandInput.ESTOP)
        hand.run(2.6)
        rig.inputs(HandInput(0))
        hand.run(3)
    hand.run(10)
    assert hand.state is HandState.ESTOP


@pytest.mark.parametrize(
    "step_us", [25, pytest.param(3, marks=pytest.mark.slow)], ids=["in steps", "at any moment"]
)
def test_no_pulse_comes_between_a_short_press_and_its_latch(
    rig: SimavrRig, hand: Client, step_us: int
) -> None:
    """A main loop that was late looks when the switch is closed again, around the beginning of a slot."""
    for number, end_us in enumerate(range(SLOT_US - 300, SLOT_US + 50, step_us)):
        hand.connect(1 + number % 2)
        hand.arm()
        hand.keep_alive(3 * FRAME_MS)
        border_us = next(pulse.at_us for pulse in reversed(hand.pulses) if pulse.joint == 0)
        hand.run((border_us + end_us - hand.now_ms * 1000) % FRAME_US / 1000)
        hand.pulses.clear()
        pressed_us = hand.now_ms * 1000
        with rig.stalled():
            rig.inputs(HandInput.ESTOP)
            hand.run(3)
            rig.inputs(HandInput(0))
            hand.run(FRAME_MS - 3)
        hand.run(2 * FRAME_MS)
        assert hand.state is HandState.ESTOP
        assert all(pulse.at_us <= pressed_us + LOOK_US for pulse in hand.pulses), end_us


def test_brown_out(rig: SimavrRig, hand: Client) -> None:
    hand.arm()
    hand.ask(FIST)
    hand.keep_alive(200)
    rig.pulses()
    rig.brown_out()
    rig.pulses()  # one may have been cut short
    hand.monitor.restarted()
    hand.run(START_MS)
    came_back_disarmed(hand, StateFlag.BROWN_OUT_RESET)


# --- the line


def test_no_byte_is_lost_back_to_back(rig: SimavrRig, hand: Client) -> None:
    hand.arm()
    hand.ask(Clear())
    beats = 500
    hand.send(b"".join(encode_frame(make_frame(Beat(), hand.session, n % 256)) for n in range(beats)))
    hand.drain()
    hand.run(BEAT_MS)
    status = hand.status()
    assert (status.frames, status.errors) == (beats, 0)
    assert rig.overruns == 0


def test_answers_come_whole_or_not_at_all(rig: SimavrRig, hand: Client) -> None:
    hand.arm()
    hand.run(60)
    decoder = FrameDecoder()
    flood(hand, 500)
    data = rig.run(600)
    frames = decoder.feed(data)
    assert len(data) * BYTE_US / 1000 > 400, "the line back is full"
    assert sum(len(encode_frame(frame)) for frame in frames) == len(data)
    assert rig.overruns == 0


def test_two_hundred_requests_a_second(hand: Client) -> None:
    """Each is answered, STATE keeps coming, and no servo frame loses its step."""
    hand.arm()
    hand.keep_alive(100)
    hand.ask(everywhere(ARM, "max_us", speed=10))
    hand.keep_alive(100)
    hand.heard.clear()
    hand.pulses.clear()
    for _ in range(200):
        hand.tell(Get(Topic.CAPS))
        hand.run(5)
    hand.drain()
    hand.run(20)
    messages = [heard.message for heard in hand.heard]
    assert sum(isinstance(message, Caps) for message in messages) == 200
    assert sum(isinstance(message, HandStatus) for message in messages) >= 20
    thumb = by_joint(hand.pulses)[0]
    for before, after in pairwise(thumb):
        assert abs(after.width_us - before.width_us - 3) <= 2 * TIGHT_US


def test_garbage_at_full_speed(rig: SimavrRig, hand: Client) -> None:
    hand.arm()
    hand.ask(everywhere(ARM, "max_us"))
    noise = random.Random(5).randbytes(11520)
    hand.send(noise)
    hand.run(1100)
    assert hand.state is HandState.FAILSAFE
    assert (rig.overruns, rig.watchdog_resets) == (0, 0)
    hand.send(b"\0")
    hand.connect(hand.session + 1)
    hand.arm()


# --- what it takes


def test_interrupts_are_short(rig: SimavrRig, hand: Client) -> None:
    """A byte takes 87 us and the receiver keeps two."""
    hand.arm()
    hand.ask(FIST)
    flood(hand, 1000)
    hand.drain()
    longest = rig.longest_interrupt_cycles
    assert max(longest, key=longest.__getitem__) == "servo timer"
    assert min(longest.values()) > 20
    assert max(longest.values()) < rig.longest_masked_cycles <= 30 * CYCLES_PER_US


def test_sizes(rig: SimavrRig, hand: Client) -> None:
    hand.arm()
    hand.ask(FIST)
    flood(hand, 300)
    hand.drain()
    assert rig.image.flash_bytes <= 12 * 1024
    assert rig.image.ram_bytes + rig.stack_bytes <= 1280, (rig.image.ram_bytes, rig.stack_bytes)


@pytest.mark.slow
def test_a_sketch_that_takes_the_line_as_well_does_not_link(tmp_path_factory: pytest.TempPathFactory) -> None:
    sketch = (
        "#include <NeuroHand.h>\nvoid setup() { Serial.begin(9600); neurohand_begin(&hand_profile_arm); }\n"
        "void loop() { neurohand_run(); }\n"
    )
    with pytest.raises(AssertionError, match="multiple definition"):
        build_arduino("arduino-328p", tmp_path_factory.mktemp("serial"), sketch)
