"""What must hold of the C core, whatever the host does."""

import ctypes
from collections.abc import Callable

import pytest
from core_bench import JOINTS, SERVO_FRAME_MS, Bench

from neurograsp.firmware_bridge.frames import Frame, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Action,
    Arm,
    Beat,
    Caps,
    Clear,
    Config,
    Event,
    EventKind,
    Fault,
    Get,
    HandAction,
    HandState,
    Hello,
    Joints,
    Limits,
    Message,
    MessageType,
    Nack,
    NackCode,
    StateFlag,
    Stop,
    Topic,
    make_frame,
)

NewHand = Callable[..., Bench]
FIST = Action(HandAction.FIST, 100, 100, 5000)
REST = (1250,) * 5 + (1500,) * 2
RATE = 33
LATCHING = ("silence", "estop")


def reason(answer: object) -> NackCode:
    assert isinstance(answer, Nack)
    return answer.code


def latch(hand: Bench, how: str) -> None:
    if how == "silence":
        hand.wait(250)
        assert (hand.state, hand.fault) == (HandState.FAILSAFE, Fault.LINK_SILENT)
    else:
        hand.estop(True)
        hand.estop(False)
        assert (hand.state, hand.fault) == (HandState.ESTOP, Fault.ESTOP_INPUT)


def keep_alive(hand: Bench, ms: int) -> None:
    for _ in range(ms // 50):
        hand.tell(Beat())
        hand.wait(50)


def put_into(hand: Bench, state: HandState) -> Bench:
    if state is HandState.BOOT:
        return hand
    hand.connect()
    if state is HandState.ESTOP:
        latch(hand, "estop")
    if state in (HandState.IDLE, HandState.ESTOP):
        return hand
    hand.arm()
    if state is HandState.MOVING:
        hand.ask(FIST)
    elif state is HandState.HOLD:
        hand.ask(Action(HandAction.HOLD, 100, 100, 5000))
    elif state is HandState.FAILSAFE:
        latch(hand, "silence")
    assert hand.state is state
    return hand


def test_silent_at_boot(hand: Bench) -> None:
    hand.wait(3000)
    assert hand.received == []
    assert (hand.state, hand.attaches) == (HandState.BOOT, 0)
    assert isinstance(hand.connect(), Caps)
    keep_alive(hand, 1000)
    assert (hand.state, hand.attaches, hand.attached) == (HandState.IDLE, 0, False)


def test_first_pulse_after_arm_is_the_rest_pose(hand: Bench) -> None:
    hand.arm()
    assert hand.pulses == REST
    keep_alive(hand, 500)
    assert (hand.state, hand.pulses) == (HandState.ARMED, REST)


ARMED = (HandState.ARMED, HandState.MOVING, HandState.HOLD)
ANSWERS: dict[str, tuple[Message, dict[HandState, NackCode]]] = {
    "arm": (Arm(), {HandState.FAILSAFE: NackCode.LATCHED, HandState.ESTOP: NackCode.LATCHED}),
    "clear": (Clear(), {}),
    "get state": (Get(Topic.STATE), {}),
    "get caps": (Get(Topic.CAPS), {}),
    "get limits": (Get(Topic.LIMITS, 6), {}),
    "config": (Config((Limits(0, 1100, 1900, 20),)), dict.fromkeys(ARMED, NackCode.ARMED)),
    "action": (
        Action(HandAction.GRIP, 50, 100, 500),
        {
            HandState.IDLE: NackCode.NOT_ARMED,
            HandState.FAILSAFE: NackCode.LATCHED,
            HandState.ESTOP: NackCode.LATCHED,
        },
    ),
    "joints": (
        Joints({2: 1500}, 50, 500),
        {
            HandState.IDLE: NackCode.NOT_ARMED,
            HandState.FAILSAFE: NackCode.LATCHED,
            HandState.ESTOP: NackCode.LATCHED,
        },
    ),
}


@pytest.mark.parametrize("state", HandState)
@pytest.mark.parametrize("name", ANSWERS)
def test_every_request_in_every_state(hand: Bench, state: HandState, name: str) -> None:
    message, refusals = ANSWERS[name]
    put_into(hand, state)
    before = hand.pulses
    answer = hand.ask(message)
    refused = NackCode.SESSION if state is HandState.BOOT else refusals.get(state)
    assert (answer.code if isinstance(answer, Nack) else None) == refused
    expected = state
    if refused is None and name in ("action", "joints"):
        expected = HandState.MOVING
    elif refused is None and name == "arm" and state is HandState.IDLE:
        expected = HandState.ARMED
        before = REST
    assert hand.state is expected
    assert hand.pulses == before


@pytest.mark.parametrize("state", HandState)
def test_stop_in_every_state(hand: Bench, state: HandState) -> None:
    put_into(hand, state)
    held = hand.pulses
    expected = HandState.IDLE if state.armed else state
    for session, seq in ((0, 0), (hand.session, hand.seq), (99, 200), (99, 200)):
        answer = hand.ask(Stop(), session=session, seq=seq)
        assert isinstance(answer, Ack)
        assert (hand.state, answer.state, hand.pulses) == (expected, expected, held)


@pytest.mark.parametrize("state", HandState)
def test_new_session_in_every_state(hand: Bench, state: HandState) -> None:
    put_into(hand, state)
    held = hand.pulses
    assert isinstance(hand.connect(43), Caps)
    assert hand.state is (state if state.latched else HandState.IDLE)
    assert hand.pulses == held
    hand.arm()


def test_stop_stops_at_once_and_holds(hand: Bench) -> None:
    hand.arm().ask(FIST)
    hand.wait(100)
    held = hand.pulses
    assert held != REST
    hand.ask(Stop(), session=7, seq=0)
    keep_alive(hand, 1000)
    assert (hand.state, hand.pulses) == (HandState.IDLE, held)
    assert reason(hand.ask(FIST)) is NackCode.NOT_ARMED
    hand.arm()
    keep_alive(hand, 500)
    assert hand.pulses == held


@pytest.mark.parametrize("disarm", ["stop", "new session"])
def test_disarmed_is_disarmed_also_when_the_action_would_have_expired(hand: Bench, disarm: str) -> None:
    hand.arm().ask(Action(HandAction.FIST, 100, 100, 200))
    hand.wait(100)
    held = hand.pulses
    if disarm == "stop":
        hand.ask(Stop())
    else:
        hand.connect(43)
    keep_alive(hand, 500)
    assert (hand.state, hand.pulses) == (HandState.IDLE, held)


def test_profile_cannot_leave_the_range_of_a_servo(new_hand: NewHand) -> None:
    hand = new_hand(profile="wild")
    caps = hand.connect()
    assert isinstance(caps, Caps)
    assert (caps.name, caps.joints) == ("fifteen letters", 1)
    assert hand.ask(Get(Topic.LIMITS, 0)) == Limits(0, 600, 2400, 65535)
    hand.arm()
    assert hand.pulses[0] == 2400
    hand.ask(FIST)
    hand.wait(40)
    assert hand.pulses[0] == 600


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
    hand.wait(1000)
    assert hand.state is HandState.FAILSAFE


def test_new_session_starts_the_watchdog(hand: Bench) -> None:
    hand.arm()
    hand.wait(200)
    hand.connect(43)
    hand.wait(2249)
    assert hand.attached
    hand.wait(1)
    assert not hand.attached


def test_idle_hand_lets_go_when_the_host_is_gone(hand: Bench) -> None:
    hand.arm().ask(Stop())
    hand.wait(2249)
    assert hand.attached
    hand.wait(1)
    assert (hand.attached, hand.state) == (False, HandState.IDLE)


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


def test_failsafe_stops_holds_then_goes_limp(hand: Bench) -> None:
    hand.arm().ask(FIST)
    hand.wait(249)
    held = hand.pulses
    hand.wait(1)
    assert hand.state is HandState.FAILSAFE
    hand.wait(1999)
    assert hand.pulses == held
    hand.wait(1)
    assert not hand.attached
    kinds = [answer.kind for _, answer in hand.received if isinstance(answer, Event)]
    assert kinds[-2:] == [EventKind.STATE_CHANGED, EventKind.OUTPUTS]
    hand.connect(43)
    hand.arm()
    assert hand.pulses == held


def feeds(hand: Bench, what: Callable[[], object]) -> bool:
    """Whether `what`, 200 ms after the last sign of life, keeps the hand armed for another 200 ms."""
    hand.wait(200)
    what()
    hand.wait(200)
    return hand.state.armed


def test_what_feeds_the_watchdog(new_hand: NewHand) -> None:
    for message in (Arm(), FIST, Joints({0: 1300}, 100, 500), Clear(), Get(Topic.CAPS)):
        assert feeds(hand := new_hand().arm(), lambda: hand.ask(message))  # noqa: B023
    assert feeds(hand := new_hand().arm(), lambda: hand.tell(Beat()))


def test_what_does_not_feed_the_watchdog(new_hand: NewHand) -> None:
    hand = new_hand().arm()
    assert not feeds(hand, lambda: hand.tell(Beat(), session=43))
    hand = new_hand().arm()
    assert not feeds(hand, lambda: hand.bytes_in(encode_frame(Frame(Beat.type, hand.session, 9, b"\1"))))
    hand = new_hand().arm()
    hand.tell(Beat(), seq=9)
    assert not feeds(hand, lambda: hand.tell(Beat(), seq=9))
    hand = new_hand().arm()
    hand.tell(Beat(), seq=9)
    assert not feeds(hand, lambda: hand.tell(Beat(), seq=8))
    hand = new_hand().arm()
    assert not feeds(hand, lambda: hand.ask(Action(HandAction.WRIST_ULNAR, 100, 100, 500)))
    hand = new_hand().arm()
    assert not feeds(hand, lambda: hand.ask(Clear(), session=43))
    hand = new_hand().arm()
    assert not feeds(hand, lambda: hand.ask(Arm(), seq=hand.seq))
    hand = new_hand().arm()
    assert not feeds(hand, lambda: hand.ask(Clear(), seq=hand.seq - 1))


@pytest.mark.parametrize(("ahead", "fed"), [(1, True), (127, True), (128, False), (255, False)])
def test_beats_may_skip_but_not_go_back(hand: Bench, ahead: int, fed: bool) -> None:
    hand.arm().tell(Beat(), seq=200)
    assert feeds(hand, lambda: hand.tell(Beat(), seq=(200 + ahead) % 256)) == fed


def test_arm_and_new_session_forget_the_last_beat(hand: Bench) -> None:
    hand.arm().tell(Beat(), seq=200)
    hand.ask(Stop())
    hand.arm()
    assert feeds(hand, lambda: hand.tell(Beat(), seq=200))
    hand.connect(43)
    for seq in range(100, 160):
        hand.tell(Beat(), seq=seq)
        hand.wait(50)
    assert hand.attached


def test_duplicate_returns_the_same_answer_and_acts_once(hand: Bench) -> None:
    hand.arm()
    first = hand.ask(Joints({0: 1400}, 100, 100))
    seq = hand.seq
    hand.wait(60)
    assert hand.ask(Joints({0: 1400}, 100, 100), seq=seq) == first
    hand.wait(40)
    assert hand.state is HandState.HOLD  # its time to live ran from the first
    assert reason(hand.ask(Joints({0: 1500}, 100, 100), seq=seq)) is NackCode.SEQUENCE
    refused = hand.ask(Action(HandAction.WRIST_RADIAL, 100, 100, 500))
    assert reason(refused) is NackCode.UNSUPPORTED
    again = hand.ask(Action(HandAction.WRIST_RADIAL, 100, 100, 500), seq=hand.seq)
    assert again == refused
    assert reason(hand.ask(FIST, seq=hand.seq)) is NackCode.SEQUENCE, "a refused request has used it up"


@pytest.mark.parametrize("ahead", [1, 2, 127])
def test_sequence_may_skip(hand: Bench, ahead: int) -> None:
    hand.connect()
    assert isinstance(hand.ask(Clear(), seq=(hand.seq + ahead) % 256), Ack)


@pytest.mark.parametrize("ahead", [128, 200, 255])
def test_old_sequence_numbers_are_refused(hand: Bench, ahead: int) -> None:
    hand.connect()
    assert reason(hand.ask(Clear(), seq=(hand.seq + ahead) % 256)) is NackCode.SEQUENCE


def test_hello(hand: Bench) -> None:
    assert reason(hand.ask(Hello(), session=0)) is NackCode.SESSION
    caps = hand.connect()
    assert hand.ask(Hello(), seq=hand.seq) == caps
    assert reason(hand.ask(Hello())) is NackCode.SESSION
    assert isinstance(hand.ask(Clear()), Ack)
    assert reason(hand.ask(Hello(), seq=hand.seq)) is NackCode.SESSION, "no duplicate of CLEAR"
    assert reason(hand.ask(Clear(), session=43)) is NackCode.SESSION


def test_no_session_is_not_a_session(hand: Bench) -> None:
    hand.tell(Beat(), session=0)
    assert reason(hand.ask(Clear(), session=0)) is NackCode.SESSION
    assert hand.state is HandState.BOOT


def test_sequence_numbers_wrap(hand: Bench) -> None:
    hand.connect()
    for _ in range(600):
        assert isinstance(hand.ask(Clear()), Ack)


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


def test_expired_action_holds_and_says_so(hand: Bench) -> None:
    hand.arm().ask(Action(HandAction.FIST, 100, 100, 100))
    hand.wait(100)
    held = hand.pulses
    keep_alive(hand, 500)
    assert (hand.state, hand.action, hand.pulses) == (HandState.HOLD, HandAction.HOLD, held)
    expired = [e for _, e in hand.received if isinstance(e, Event) and e.kind is EventKind.ACTION_EXPIRED]
    assert [event.detail for event in expired] == [HandAction.FIST]


def test_time_to_live_bounds(hand: Bench) -> None:
    hand.arm()
    assert isinstance(hand.ask(Action(HandAction.GRIP, 100, 100, 10000)), Ack)
    assert reason(hand.ask(Action(HandAction.GRIP, 100, 100, 10001))) is NackCode.VALUE


@pytest.mark.parametrize("how", LATCHING)
def test_latch_needs_new_session_and_arm(hand: Bench, how: str) -> None:
    hand.arm().ask(FIST)
    latch(hand, how)
    state = hand.state
    for message in (Clear(), Get(Topic.STATE)):
        hand.ask(message)
    hand.ask(Stop())
    keep_alive(hand, 500)
    assert reason(hand.ask(Arm())) is NackCode.LATCHED
    assert reason(hand.ask(FIST)) is NackCode.LATCHED
    assert reason(hand.ask(Hello())) is NackCode.SESSION
    hand.connect(43)
    assert reason(hand.ask(FIST)) is NackCode.LATCHED
    assert hand.state is state
    hand.arm()
    assert hand.fault is Fault.NONE


def test_estop(hand: Bench) -> None:
    hand.arm().ask(FIST)
    hand.wait(60)
    hand.estop(True)
    assert (hand.state, hand.attached) == (HandState.ESTOP, False)
    hand.connect(43)
    assert reason(hand.ask(Arm())) is NackCode.ESTOP
    hand.estop(False)
    hand.estop(True)
    hand.estop(False)
    assert reason(hand.ask(Arm())) is NackCode.LATCHED, "pressed again in this session"
    hand.connect(44)
    hand.arm()


def test_estop_before_the_first_session(hand: Bench) -> None:
    hand.estop(True)
    hand.connect()
    assert reason(hand.ask(Arm())) is NackCode.ESTOP
    hand.estop(False)
    hand.arm()


def test_nothing_is_said_before_the_first_session(hand: Bench) -> None:
    hand.estop(True)
    hand.estop(False)
    hand.wait(1000)
    assert hand.received == []
    assert hand.state is HandState.ESTOP


def test_estop_overrides_failsafe(hand: Bench) -> None:
    hand.arm()
    latch(hand, "silence")
    hand.connect(43)
    latch(hand, "estop")
    assert reason(hand.ask(Arm())) is NackCode.LATCHED


@pytest.mark.parametrize("joint", range(JOINTS))
def test_joint_limits_dense(hand: Bench, joint: int) -> None:
    hand.connect()
    targets = [*range(0, 1000, 97), *range(995, 1006), *range(1995, 2006), *range(2100, 65536, 4999), 65535]
    for armed in (False, True):
        if armed:
            hand.arm()
        for target in targets:
            answer = hand.ask(Joints({joint: target}, 100, 100))
            if not armed:
                assert reason(answer) is NackCode.NOT_ARMED
            elif 1000 <= target <= 2000:
                assert isinstance(answer, Ack)
            else:
                assert isinstance(answer, Nack)
                assert (answer.code, answer.detail) == (NackCode.VALUE, (4, 0))


def test_one_bad_joint_refuses_the_whole_frame(hand: Bench) -> None:
    hand.arm()
    for bad in ({0: 1500, 6: 2001}, {0: 999, 6: 1500}, {0: 1500, 7: 1500}, {7: 0}):
        assert reason(hand.ask(Joints(bad, 100, 500))) is NackCode.VALUE
        hand.wait(40)
        assert (hand.state, hand.pulses) == (HandState.ARMED, REST)


@pytest.mark.parametrize(
    ("limits", "good"),
    [
        (Limits(0, 1000, 2000, 33), True),
        (Limits(0, 999, 2000, 33), False),
        (Limits(0, 1000, 2001, 33), False),
        (Limits(0, 1000, 2000, 34), False),
        (Limits(0, 1500, 1500, 1), True),
        (Limits(6, 1400, 1600, 10), True),
        (Limits(7, 1400, 1600, 10), False),
    ],
)
def test_limits_may_only_be_narrowed(hand: Bench, limits: Limits, good: bool) -> None:
    hand.connect()
    other = Limits(3, 1200, 1800, 30)
    answer = hand.ask(Config((other, limits)))
    assert isinstance(answer, Ack) == good
    assert hand.ask(Get(Topic.LIMITS, 3)) == (other if good else Limits(3, 1000, 2000, 33))
    if good:
        assert hand.ask(Get(Topic.LIMITS, limits.joint)) == limits
    else:
        assert isinstance(answer, Nack)
        assert answer.detail == (7, 0)


def test_empty_range_is_refused(hand: Bench) -> None:
    hand.connect()
    frame = bytearray(Config((Limits(0, 1400, 1600, 10),)).pack())
    frame[1:5] = (1600).to_bytes(2, "little") + (1400).to_bytes(2, "little")

    class Raw(Config):
        def pack(self) -> bytes:
            return bytes(frame)

    assert reason(hand.ask(Raw((Limits(0, 1400, 1600, 10),)))) is NackCode.VALUE
    frame[1:7] = Limits(0, 1400, 1600, 10).pack()[1:5] + b"\0\0"
    assert reason(hand.ask(Raw((Limits(0, 1400, 1600, 10),)))) is NackCode.VALUE


def test_narrowed_limits_hold_until_the_next_session(hand: Bench) -> None:
    hand.connect()
    hand.ask(Config((Limits(0, 1100, 1700, 10), Limits(1, 1400, 1600, 33))))
    assert reason(hand.ask(Config((Limits(0, 1000, 1700, 10),)))) is NackCode.VALUE
    hand.arm()
    assert hand.pulses[:2] == (1250, 1400), "the first pulse obeys the narrowed limits"
    assert reason(hand.ask(Joints({0: 1701}, 100, 500))) is NackCode.VALUE
    hand.ask(FIST)
    last = hand.pulses
    for _ in range(60):
        hand.tell(Beat())
        hand.wait(SERVO_FRAME_MS)
        assert abs(hand.pulses[0] - last[0]) <= 10
        last = hand.pulses
    assert hand.pulses[:3] == (1700, 1600, 2000), "poses are cut to the narrowed limits"
    hand.connect(43)
    hand.ask(Arm())
    hand.ask(FIST)
    keep_alive(hand, 1000)
    assert hand.pulses[:3] == (2000, 2000, 2000)


def test_config_may_not_exclude_where_the_joint_is(hand: Bench) -> None:
    hand.arm().ask(Stop())
    assert reason(hand.ask(Config((Limits(0, 1251, 2000, 33),)))) is NackCode.VALUE
    assert reason(hand.ask(Config((Limits(0, 1000, 1249, 33),)))) is NackCode.VALUE
    assert isinstance(hand.ask(Config((Limits(0, 1250, 1250, 33),))), Ack)


@pytest.mark.parametrize("speed", [1, 2, 3, 10, 50, 99, 100])
def test_speed_scales_the_rate_down_only(hand: Bench, speed: int) -> None:
    hand.arm().ask(Action(HandAction.FIST, speed, 100, 5000))
    last = hand.pulses
    for _ in range(5):
        hand.tell(Beat())
        hand.wait(SERVO_FRAME_MS)
        assert hand.pulses[0] - last[0] == max(1, RATE * speed // 100)
        last = hand.pulses


def test_full_travel_takes_six_tenths_of_a_second(hand: Bench) -> None:
    hand.arm().ask(Action(HandAction.OPEN, 100, 100, 5000))
    keep_alive(hand, 500)
    assert hand.pulses[:5] == (1000,) * 5
    hand.ask(FIST)
    keep_alive(hand, 600)
    assert hand.state is HandState.MOVING
    keep_alive(hand, 50)
    assert (hand.state, hand.action, hand.pulses[:5]) == (HandState.HOLD, HandAction.FIST, (2000,) * 5)


def test_repeating_an_action_that_is_done_changes_nothing(hand: Bench) -> None:
    hand.arm().ask(FIST)
    keep_alive(hand, 1000)
    hand.received.clear()
    hand.ask(FIST)
    hand.wait(40)
    assert hand.state is HandState.HOLD
    assert not any(isinstance(answer, Event) for _, answer in hand.received)


def test_every_action_of_the_profile_can_be_reached(hand: Bench) -> None:
    hand.arm()
    caps = hand.ask(Get(Topic.CAPS))
    assert isinstance(caps, Caps)
    assert set(HandAction) - caps.actions == {HandAction.WRIST_RADIAL, HandAction.WRIST_ULNAR}
    for action in HandAction:
        answer = hand.ask(Action(action, 100, 100, 5000))
        if action not in caps.actions:
            assert reason(answer) is NackCode.UNSUPPORTED
            continue
        keep_alive(hand, 1000)
        assert (hand.state, hand.action) == (HandState.HOLD, action)


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


def test_state_counts_what_was_received_and_clear_zeroes_it(hand: Bench) -> None:
    hand.connect()
    hand.ask(Clear())
    good = encode_frame(make_frame(Clear(), 99, 0))
    spoilt = bytearray(good)
    spoilt[-2] ^= 1
    hand.bytes_in(bytes(spoilt) * 2 + b"\x02\x00" * 3 + b"\x55" * 60 + b"\0")
    for _ in range(4):
        hand.ask(Clear(), session=99)
    hand.ask(Get(Topic.CAPS))
    for _ in range(5):
        hand.ask(Get(Topic.CAPS), seq=hand.seq)
    status = hand.status()
    assert (status.frames, status.errors) == (4 + 1 + 5 + 1, 2 + 3 + 1)
    assert (status.refusals, status.duplicates) == (4, 5)
    hand.ask(Clear())
    status = hand.status()
    assert (status.frames, status.errors, status.refusals, status.duplicates) == (1, 0, 0, 0)
    hello = hand.seq = (hand.seq + 1) % 256
    hand.ask(Hello(), session=43, seq=hello)
    hand.ask(Hello(), session=43, seq=hello)
    hand.session = 43
    assert hand.status().duplicates == 1


def test_state_shows_no_action_once_stopped(hand: Bench) -> None:
    hand.arm().ask(FIST)
    assert hand.status().action is HandAction.FIST
    hand.ask(Stop())
    assert hand.status().action is HandAction.HOLD


def test_state_flags(hand: Bench) -> None:
    hand.connect()
    assert hand.status().flags == StateFlag(0)
    hand.arm()
    assert hand.status().flags == StateFlag.ATTACHED
    hand.estop(True)
    assert hand.status().flags == StateFlag.ESTOP_PRESSED


def test_stop_is_announced_at_once(hand: Bench) -> None:
    hand.arm()
    hand.received.clear()
    hand.ask(Stop())
    assert [answer.type for _, answer in hand.received] == [MessageType.EVENT, MessageType.ACK]


def test_first_state_comes_50_ms_after_hello(hand: Bench) -> None:
    hand.connect()
    for ms, expected in ((49, []), (1, [MessageType.STATE])):
        hand.received.clear()
        hand.wait(ms)
        assert [answer.type for _, answer in hand.received] == expected


def test_state_rate_does_not_depend_on_how_often_the_board_polls(new_hand: NewHand) -> None:
    hand = new_hand(2**32 - 3500)
    hand.connect()
    hand.received.clear()
    for _ in range(1000):
        hand.jump(7)
    hand.wait(0)
    assert len(hand.received) == 140


def test_missed_states_are_not_made_up_for(hand: Bench) -> None:
    hand.connect()
    hand.jump(100)
    for expected in (1, 0):
        hand.received.clear()
        hand.poll()
        hand.listen(hand.bytes_out())
        assert len(hand.received) == expected


def test_state_is_sent_twenty_times_a_second(hand: Bench) -> None:
    hand.connect()
    hand.received.clear()
    keep_alive(hand, 10_000)
    assert len(hand.received) == 200
    assert {session for session, _ in hand.received} == {hand.session}
