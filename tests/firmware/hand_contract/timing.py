"""The watchdog, times to live, letting go, and how often STATE comes."""

from collections.abc import Callable

import pytest
from hand_client import Client
from rig import FRAME_MS, LIMP_NEVER

from hand_contract.base import (
    ARMED,
    LONG_MS,
    Contract,
    events,
    everywhere,
    expect_time,
    fall_silent,
    latch,
    left_after,
    nothing_changes,
    put_into,
    reason,
    wide_action,
)
from neurograsp.firmware_bridge.frames import Frame, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Arm,
    Beat,
    Clear,
    Event,
    EventKind,
    Fault,
    Get,
    HandAction,
    HandState,
    HandStatus,
    Joints,
    MessageType,
    NackCode,
    Stop,
    Topic,
)

STATE_MS = 50


def feeds(hand: Client, what: Callable[[], object]) -> bool:
    """Whether `what`, at four fifths of the watchdog, keeps the hand armed for as long again."""
    hand.tell(Beat())
    most_ms = hand.rig.profile.watchdog_ms * 4 / 5
    hand.run(most_ms)
    assert hand.state.armed
    what()
    hand.run(most_ms)
    return hand.state.armed


FEEDING = {
    "beat": lambda hand: hand.tell(Beat()),
    "arm": lambda hand: hand.ask(Arm()),
    "clear": lambda hand: hand.ask(Clear()),
    "get": lambda hand: hand.ask(Get(Topic.CAPS)),
    "action": lambda hand: hand.ask(wide_action(hand.rig.profile)),
    "joints": lambda hand: hand.ask(everywhere(hand.rig.profile, "max_us")),
}
NOT_FEEDING = {
    "beat of a later session": lambda hand: hand.tell(Beat(), session=hand.session + 1),
    "beat of an earlier session": lambda hand: hand.tell(Beat(), session=hand.session - 1),
    "beat with a payload": lambda hand: hand.send(
        encode_frame(Frame(MessageType.BEAT, hand.session, 99, b"\1"))
    ),
    "refused": lambda hand: hand.ask(wide_action(hand.rig.profile, ttl_ms=0xFFFF)),
    "unknown": lambda hand: hand.ask_raw(0x20),
    "other version": lambda hand: hand.ask_raw(MessageType.CLEAR, version=2),
    "other session": lambda hand: hand.ask(Clear(), session=43),
    "old number": lambda hand: hand.ask(Clear(), seq=(hand.seq - 1) % 256),
    "duplicate": lambda hand: hand.ask(Arm(), seq=hand.seq),
    "noise": lambda hand: hand.send(b"\0" + b"\x55" * 30 + b"\0"),
}


class Timing(Contract):
    @pytest.mark.parametrize("state", ARMED)
    def test_silence_of_the_watchdogs_time_stops_the_hand(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        hand.tell(Beat())
        start_ms = hand.now_ms
        fall_silent(hand)
        expect_time(hand, left_after(hand, state, start_ms), hand.rig.profile.watchdog_ms)
        assert hand.fault is Fault.LINK_SILENT
        with nothing_changes(hand):
            assert reason(hand.ask(wide_action(hand.rig.profile))) is NackCode.LATCHED

    def test_motion_stops_within_a_servo_frame_of_the_watchdog(self, hand: Client) -> None:
        profile = hand.rig.profile
        hand.arm().ask(everywhere(profile, "max_us", speed=10))
        start_us = hand.now_ms * 1000
        fall_silent(hand)
        hand.run(100)
        moved = [
            after.at_us
            for before, after in zip(hand.pulses, hand.pulses[len(profile.joints) :])
            if abs(after.width_us - before.width_us) > 2 * hand.rig.tolerance_us
        ]
        last_ms = (max(moved) - start_us) / 1000
        assert last_ms <= profile.watchdog_ms + FRAME_MS + hand.rig.slack_ms

    def test_beats_keep_the_hand_armed(self, hand: Client) -> None:
        hand.arm()
        gap_ms = hand.rig.profile.watchdog_ms - 2 * hand.rig.slack_ms - 1
        for _ in range(8):
            hand.tell(Beat())
            hand.run(gap_ms)
            assert hand.state is HandState.ARMED

    @pytest.mark.parametrize("name", FEEDING)
    def test_what_feeds_the_watchdog(self, hand: Client, name: str) -> None:
        hand.arm()
        assert feeds(hand, lambda: FEEDING[name](hand))

    @pytest.mark.parametrize("name", NOT_FEEDING)
    def test_what_does_not_feed_the_watchdog(self, hand: Client, name: str) -> None:
        hand.arm()
        assert not feeds(hand, lambda: NOT_FEEDING[name](hand))
        assert hand.fault is Fault.LINK_SILENT

    @pytest.mark.parametrize(
        ("ahead", "fed"), [(0, False), (1, True), (127, True), (128, False), (255, False)]
    )
    def test_beats_may_skip_but_not_go_back(self, hand: Client, ahead: int, fed: bool) -> None:
        hand.arm()
        hand.tell(Beat(), seq=200)
        most_ms = hand.rig.profile.watchdog_ms * 4 / 5
        hand.run(most_ms)
        hand.tell(Beat(), seq=(200 + ahead) % 256)
        hand.run(most_ms)
        assert hand.state.armed == fed

    @pytest.mark.parametrize("how", ["arm", "session"])
    def test_arm_and_a_new_session_forget_the_last_beat(self, hand: Client, how: str) -> None:
        hand.arm()
        hand.tell(Beat(), seq=200)
        if how == "session":
            hand.connect(43)
        else:
            hand.ask(Stop())
        hand.arm()
        most_ms = hand.rig.profile.watchdog_ms * 4 / 5
        hand.run(most_ms)
        hand.tell(Beat(), seq=200)
        hand.run(most_ms)
        assert hand.state.armed

    def test_a_refused_arm_does_not_forget_the_last_beat(self, hand: Client) -> None:
        hand.arm()
        hand.tell(Beat(), seq=200)
        most_ms = hand.rig.profile.watchdog_ms * 4 / 5
        hand.run(most_ms)
        assert reason(hand.ask_raw(MessageType.ARM, b"\0")) is NackCode.LENGTH
        hand.tell(Beat(), seq=200)
        hand.run(most_ms)
        assert hand.state is HandState.FAILSAFE

    def test_a_new_session_takes_beats_from_any_number(self, hand: Client) -> None:
        limp_ms = hand.rig.profile.limp_ms
        hand.arm()
        hand.tell(Beat(), seq=200)
        hand.connect(43)
        silent_ms = hand.rig.profile.watchdog_ms + (0 if limp_ms == LIMP_NEVER else limp_ms)
        for count in range(int(silent_ms / STATE_MS) + 5):
            hand.tell(Beat(), seq=100 + count)
            hand.run(STATE_MS)
        assert (hand.state, hand.attached) == (HandState.IDLE, True)

    @pytest.mark.parametrize("ttl_ms", [1, 20, 100, 200])
    def test_motion_ends_with_its_time_to_live(self, hand: Client, ttl_ms: int) -> None:
        hand.arm()
        start_ms = hand.now_ms
        hand.ask(wide_action(hand.rig.profile, ttl_ms=ttl_ms))
        hand.keep_alive(ttl_ms + FRAME_MS + 2 * hand.rig.slack_ms)
        ((at_ms, expired),) = events(hand, EventKind.ACTION_EXPIRED)
        assert expired.detail == wide_action(hand.rig.profile).action
        expect_time(hand, at_ms - start_ms, ttl_ms)
        assert hand.state is HandState.HOLD
        for _ in range(8):
            with nothing_changes(hand):
                hand.tell(Beat())
        assert hand.status().action is HandAction.HOLD

    def test_time_to_live_beyond_the_watchdog(self, hand: Client) -> None:
        hand.arm()
        start_ms = hand.now_ms
        hand.ask(everywhere(hand.rig.profile, "max_us", 1, ttl_ms=700))
        hand.keep_alive(700 + FRAME_MS + 2 * hand.rig.slack_ms)
        expect_time(hand, left_after(hand, HandState.MOVING, start_ms), 700)

    def test_a_newer_command_starts_its_own_time_to_live(self, hand: Client) -> None:
        hand.arm()
        hand.ask(everywhere(hand.rig.profile, "max_us", 1, ttl_ms=200))
        hand.run(150)
        start_ms = hand.now_ms
        hand.ask(everywhere(hand.rig.profile, "max_us", 1, ttl_ms=200))
        hand.keep_alive(200 + FRAME_MS + 2 * hand.rig.slack_ms)
        expect_time(hand, left_after(hand, HandState.MOVING, start_ms), 200)

    def test_the_longest_time_to_live(self, hand: Client) -> None:
        longest = hand.rig.profile.max_ttl_ms
        hand.arm()
        assert isinstance(hand.ask(wide_action(hand.rig.profile, ttl_ms=longest)), Ack)
        assert reason(hand.ask(wide_action(hand.rig.profile, ttl_ms=longest + 1))) is NackCode.VALUE

    @pytest.mark.parametrize("disarm", ["stop", "session"])
    def test_what_was_disarmed_does_not_wake_when_its_time_is_over(self, hand: Client, disarm: str) -> None:
        hand.arm().ask(wide_action(hand.rig.profile, ttl_ms=200))
        hand.run(100)
        if disarm == "stop":
            hand.ask(Stop())
        else:
            hand.connect(43)
        hand.wait_for(HandState.IDLE, FRAME_MS + hand.rig.slack_ms)
        hand.run(FRAME_MS + hand.rig.slack_ms)
        for _ in range(8):
            with nothing_changes(hand):
                hand.tell(Beat())
        assert events(hand, EventKind.ACTION_EXPIRED) == []

    @pytest.mark.parametrize("how", ["silence", "estop"])
    def test_what_a_latch_has_stopped_does_not_expire(self, hand: Client, how: str) -> None:
        ttl_ms = hand.rig.profile.watchdog_ms + 100
        hand.arm().ask(everywhere(hand.rig.profile, "max_us", 1, ttl_ms=ttl_ms))
        latch(hand, how)
        with nothing_changes(hand):
            hand.run(ttl_ms)
        assert events(hand, EventKind.ACTION_EXPIRED) == []

    def test_failsafe_holds_then_lets_go(self, hand: Client) -> None:
        limp_ms = hand.rig.profile.limp_ms
        hand.arm().ask(wide_action(hand.rig.profile))
        fall_silent(hand)
        start_ms = hand.now_ms
        hand.run(FRAME_MS + hand.rig.slack_ms)
        held, count = list(hand.widths), len(hand.pulses)
        hand.run((3000 if limp_ms == LIMP_NEVER else limp_ms) + 3 * FRAME_MS)
        for pulse in hand.pulses[count:]:
            was = held[pulse.joint]
            assert was is not None
            assert abs(pulse.width_us - was) <= 2 * hand.rig.tolerance_us
        let_go = [at_ms for at_ms, event in events(hand, EventKind.OUTPUTS) if event.detail == 0]
        if limp_ms == LIMP_NEVER:
            assert (let_go, hand.attached) == ([], True)
            return
        assert (hand.state, hand.attached) == (HandState.FAILSAFE, False)
        expect_time(hand, let_go[0] - start_ms, limp_ms)
        assert hand.pulses[-1].at_us <= (let_go[0] + FRAME_MS + hand.rig.slack_ms) * 1000
        hand.connect(43)
        hand.arm()
        hand.run(2 * FRAME_MS + hand.rig.slack_ms)
        for width, was in zip(hand.widths, held, strict=True):
            assert width is not None
            assert was is not None
            assert abs(width - was) <= 2 * hand.rig.tolerance_us, "it starts where it was"

    @pytest.mark.parametrize("how", ["stop", "session"])
    def test_an_idle_hand_lets_go_when_the_host_is_gone(self, hand: Client, how: str) -> None:
        profile = hand.rig.profile
        hand.arm()
        hand.run(150)
        if how == "stop":
            hand.ask(Stop())
            hand.tell(Beat())
        else:
            hand.connect(43)
        start_ms = hand.now_ms
        if profile.limp_ms == LIMP_NEVER:
            hand.run(3000)
            assert hand.attached
            return
        hand.run(profile.watchdog_ms + profile.limp_ms + 2 * FRAME_MS + 2 * hand.rig.slack_ms)
        (let_go,) = [at_ms for at_ms, event in events(hand, EventKind.OUTPUTS) if event.detail == 0]
        expect_time(hand, let_go - start_ms, profile.watchdog_ms + profile.limp_ms)
        assert (hand.state, hand.attached) == (HandState.IDLE, False)

    def test_state_comes_twenty_times_a_second(self, hand: Client) -> None:
        hand.connect()
        start_ms, most_ms = hand.now_ms, 20 * STATE_MS + STATE_MS / 2
        hand.run(most_ms)
        heard_ms = [heard.at_ms - start_ms for heard in hand.heard if isinstance(heard.message, HandStatus)]
        times = [at_ms for at_ms in heard_ms if at_ms <= most_ms]  # real time may run longer
        assert len(times) == 20
        for number, at_ms in enumerate(times, 1):
            expect_time(hand, at_ms, number * STATE_MS)

    def test_what_comes_unasked_is_numbered_in_order(self, hand: Client) -> None:
        hand.arm()
        hand.keep_alive(10 * STATE_MS)
        hand.ask(Stop())
        hand.run(2 * STATE_MS)
        unasked = [heard for heard in hand.heard if isinstance(heard.message, HandStatus | Event)]
        assert {heard.message.type for heard in unasked} == {MessageType.STATE, MessageType.EVENT}
        assert [heard.seq for heard in unasked] == list(range(len(unasked)))

    def test_a_hand_with_nothing_to_do_stays_armed_as_long_as_there_are_beats(self, hand: Client) -> None:
        hand.arm().ask(Joints({0: hand.rig.profile.joints[0].max_us}, 100, LONG_MS))
        hand.keep_alive(3000)
        assert hand.state is HandState.HOLD
