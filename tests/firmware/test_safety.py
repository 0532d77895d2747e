"""What only the core itself can show: late calls, broken memory and profiles, every start and state."""

import ctypes
from collections.abc import Callable

import pytest
from core_bench import BROWN_OUT, POWER_ON, SERVO_FRAME_MS, WATCHDOG, Bench
from hand_contract.base import reason

from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.frames import Frame, FrameDecoder, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Action,
    Beat,
    Caps,
    Get,
    HandAction,
    HandState,
    Hello,
    Joints,
    Limits,
    MessageType,
    NackCode,
    StateFlag,
    Stop,
    Topic,
    make_frame,
)

NewHand = Callable[..., Bench]
FIST = Action(HandAction.FIST, 100, 100, 5000)
RATE = 33
ARMED = (HandState.ARMED, HandState.MOVING, HandState.HOLD)


def put_into(hand: Bench, state: HandState) -> Bench:
    """One of the armed states."""
    hand.arm()
    if state is not HandState.ARMED:
        hand.ask(FIST if state is HandState.MOVING else Action(HandAction.HOLD, 100, 100, 5000))
    assert hand.state is state
    return hand


def test_profile_cannot_leave_the_range_of_a_servo(new_hand: NewHand) -> None:
    hand = new_hand(profile="wild")
    caps = hand.connect()
    assert isinstance(caps, Caps)
    assert (caps.name, caps.joints, caps.watchdog_ms) == ("fifteen letters", 1, 100)
    assert hand.ask(Get(Topic.LIMITS, 0)) == Limits(0, 600, 2400, 65535)
    hand.arm()
    assert hand.pulses[0] == 2400
    hand.ask(FIST)
    hand.wait(40)
    assert hand.pulses[0] == 600


def test_caps_hold_all_bits_of_the_actions(new_hand: NewHand) -> None:
    hand = new_hand(profile="wild")
    caps = FrameDecoder().feed(hand.bytes_in(encode_frame(make_frame(Hello(), 42, 1))))[0]
    assert caps.type == MessageType.CAPS
    assert caps.payload[13:17] == (0xA55A0000 | 1 << HandAction.FIST).to_bytes(4, "little")


def test_profile_with_limits_the_wrong_way_round(new_hand: NewHand) -> None:
    hand = new_hand(profile="swapped")
    caps = hand.connect()
    assert isinstance(caps, Caps)
    assert (caps.joints, caps.watchdog_ms) == (8, 1000)
    limits = [hand.ask(Get(Topic.LIMITS, joint)) for joint in range(8)]
    assert limits[:3] == [Limits(0, 2400, 2400, 33), Limits(1, 1000, 1000, 33), Limits(2, 2000, 2000, 33)]
    hand.arm()
    assert hand.pulses[:3] == (2400, 1000, 2000)
    assert all(600 <= pulse <= 2400 for pulse in hand.pulses)
    hand.ask(Joints({7: 1551}, 100, 500))
    hand.wait(100)
    assert (hand.state, hand.status().joints_us[7]) == (HandState.HOLD, 1551)
    hand.wait(1000)
    assert hand.state is HandState.FAILSAFE


def test_a_hand_with_the_most_joints_moves_them_all(new_hand: NewHand) -> None:
    hand = new_hand(profile="swapped")
    hand.connect()
    ninth = b"\x08" + Limits(7, 600, 2400, 33).pack()[1:]
    (answer,) = hand.exchange(encode_frame(Frame(MessageType.CONFIG, hand.session, hand.seq + 1, ninth)))
    assert reason(answer) is NackCode.VALUE
    hand.seq += 1
    hand.arm()
    assert isinstance(hand.ask(Joints(dict.fromkeys(range(3, 8), 1566), 100, 1000)), Ack)
    hand.wait(40)
    assert (hand.state, hand.status().joints_us[3:]) == (HandState.HOLD, (1566,) * 5)
    assert hand.ask(FIST) == Ack(FIST.type, HandState.MOVING)
    hand.wait(20)
    assert (hand.state, hand.status().joints_us[3:]) == (HandState.HOLD, (1533,) * 5)
    assert hand.ask(FIST) == Ack(FIST.type, HandState.HOLD)


@pytest.mark.parametrize("state", ARMED)
@pytest.mark.parametrize("start_ms", [1000, 2**32 - 125, 2**32 - 250, 2**31 - 100])
def test_watchdog_to_the_millisecond(new_hand: NewHand, state: HandState, start_ms: int) -> None:
    for silence_ms, expected in ((249, state), (250, HandState.FAILSAFE), (251, HandState.FAILSAFE)):
        hand = put_into(new_hand(start_ms), state)
        hand.jump(silence_ms)
        assert hand.state is expected


@pytest.mark.parametrize("start_ms", [1000, 2**32 - 125])
def test_beats_keep_the_hand_armed(new_hand: NewHand, start_ms: int) -> None:
    hand = new_hand(start_ms).arm()
    for _ in range(20):
        hand.tell(Beat())
        hand.jump(249)
        assert hand.state is HandState.ARMED
    hand.jump(1)
    assert hand.state is HandState.FAILSAFE


def test_a_beat_that_comes_too_late_does_not_help(hand: Bench) -> None:
    hand.arm()
    hand.now_ms += 250
    hand.tell(Beat())
    assert hand.state is HandState.FAILSAFE


@pytest.mark.parametrize("late_ms", [0, 1, 3000])
def test_a_late_call_lets_go_like_a_punctual_one(new_hand: NewHand, late_ms: int) -> None:
    silent = new_hand().arm()
    silent.jump(250)
    silent.jump(2000 + late_ms)
    assert (silent.state, silent.attached) == (HandState.FAILSAFE, False)
    idle = new_hand().arm()
    idle.ask(Stop())
    idle.jump(2250 + late_ms)
    assert (idle.state, idle.attached) == (HandState.IDLE, False)
    stalled = new_hand(profile="firm").arm()
    stalled.inputs(HandInput.STALL)
    stalled.jump(500 + late_ms)
    assert (stalled.state, stalled.attached) == (HandState.FAILSAFE, False)


def test_failsafe_holds_for_its_time_also_when_it_came_late(hand: Bench) -> None:
    hand.arm().jump(400)
    assert (hand.state, hand.attached) == (HandState.FAILSAFE, True)
    hand.jump(1999)
    assert hand.attached
    hand.jump(1)
    assert not hand.attached


@pytest.mark.parametrize("state", [HandState.IDLE, HandState.FAILSAFE])
def test_a_hand_that_never_lets_go_never_does(new_hand: NewHand, state: HandState) -> None:
    hand = new_hand(profile="firm").arm()
    if state is HandState.IDLE:
        hand.ask(Stop())
    for ms in (250, 65534, 65535, 65536, 2**31):
        hand.jump(ms)
        assert (hand.state, hand.attached) == (state, True)


@pytest.mark.parametrize("ttl_ms", [1, 2, 100, 249])
@pytest.mark.parametrize("start_ms", [1000, 2**32 - 60])
def test_time_to_live_to_the_millisecond(new_hand: NewHand, ttl_ms: int, start_ms: int) -> None:
    for after_ms, expected in (
        (ttl_ms - 1, HandState.MOVING),
        (ttl_ms, HandState.HOLD),
        (ttl_ms + 1, HandState.HOLD),
    ):
        hand = new_hand(start_ms).arm()
        hand.ask(Action(HandAction.FIST, 100, 100, ttl_ms))
        if after_ms < 250:
            hand.jump(after_ms)
            assert hand.state is expected


def test_gate_never_lets_a_step_above_the_rate_or_a_pulse_outside(core: ctypes.CDLL) -> None:
    wanted = [*range(0, 990, 90), *range(990, 1011), *range(1100, 1990, 13), *range(1990, 2011), 2400, 65535]
    for state in HandState:
        for present in (1000, 1001, 1033, 1500, 1967, 1999, 2000):
            for us in wanted:
                out = core.bench_gate(int(state), present, us)
                if state is HandState.MOVING:
                    inside = min(max(us, 1000), 2000)
                    assert out == present + max(-RATE, min(RATE, inside - present))
                else:
                    assert out == present


@pytest.mark.parametrize(("target_us", "end_us"), [(0, 1000), (65535, 2000)])
def test_every_pulse_passes_the_gate(hand: Bench, target_us: int, end_us: int) -> None:
    hand.arm().ask(FIST)
    hand.corrupt(target_us, speed=255)
    last = hand.pulses[0]
    for _ in range(40):
        hand.tell(Beat())
        hand.wait(SERVO_FRAME_MS)
        assert abs(hand.pulses[0] - last) <= RATE
        last = hand.pulses[0]
    assert last == end_us


def test_state_rate_does_not_depend_on_how_often_the_board_polls(new_hand: NewHand) -> None:
    hand = new_hand(2**32 - 3500)
    hand.connect()
    hand.received.clear()
    for _ in range(1000):
        hand.jump(7)
    hand.wait(0)
    assert len(hand.received) == 140


@pytest.mark.parametrize("late_ms", [100, 101, 149, 150, 1000])
def test_missed_states_are_not_made_up_for(hand: Bench, late_ms: int) -> None:
    hand.connect()
    hand.jump(late_ms)
    for wait_ms, expected in ((0, 1), (0, 0), (49, 0), (1, 1)):
        hand.received.clear()
        hand.jump(wait_ms)
        hand.listen(hand.bytes_out())
        assert len(hand.received) == expected


def test_a_state_that_is_a_little_late_keeps_the_rhythm(hand: Bench) -> None:
    hand.connect()
    for wait_ms, expected in ((99, 1), (0, 0), (1, 1)):
        hand.received.clear()
        hand.jump(wait_ms)
        hand.listen(hand.bytes_out())
        assert len(hand.received) == expected


def test_a_servo_frame_looks_at_the_time_by_itself(hand: Bench) -> None:
    hand.arm().ask(FIST)
    before = hand.pulses
    hand.now_ms += 250
    hand.servo_frame()
    assert (hand.state, hand.pulses) == (HandState.FAILSAFE, before)


@pytest.mark.parametrize("state", HandState)
@pytest.mark.parametrize("ttl_ms", [0, 1, 10000, 10001])
def test_no_command_begins_unless_the_hand_is_armed(core: ctypes.CDLL, state: HandState, ttl_ms: int) -> None:
    after, refusal = divmod(core.bench_begin(int(state), ctypes.c_uint16(ttl_ms)), 256)
    if not state.armed:
        assert refusal == (NackCode.LATCHED if state.latched else NackCode.NOT_ARMED)
    else:
        assert refusal == (0 if 1 <= ttl_ms <= 10000 else NackCode.VALUE)
    assert after == (state if refusal else HandState.MOVING)


@pytest.mark.parametrize("size", [32, 33, 255])
def test_a_payload_too_long_is_not_encoded(core: ctypes.CDLL, size: int) -> None:
    frame = bytes([1, MessageType.CAPS, 42, 1, size]) + b"\1" * 64
    out = ctypes.create_string_buffer(b"\x55" * 64, 64)
    assert core.hand_frame_encode(frame, out) == (41 if size == 32 else 0)
    assert out.raw[41:] == b"\x55" * 23


@pytest.mark.parametrize(
    ("reset", "flag"),
    [
        (POWER_ON, StateFlag(0)),
        (WATCHDOG, StateFlag.WATCHDOG_RESET),
        (BROWN_OUT, StateFlag.BROWN_OUT_RESET),
    ],
)
def test_state_says_why_the_board_started(new_hand: NewHand, reset: int, flag: StateFlag) -> None:
    hand = new_hand(reset=reset)
    hand.connect()
    assert hand.status().flags == flag


def test_a_state_that_does_not_exist_is_an_emergency_stop(core: ctypes.CDLL) -> None:
    assert {core.bench_next(state, event) for state in (7, 128, 255) for event in range(9)} == {
        HandState.ESTOP
    }
