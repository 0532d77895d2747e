"""Every message in every state; what comes out before ARM, at ARM and after a restart."""

from collections.abc import Callable

import pytest
from hand_client import Client
from rig import FRAME_MS, Profile

from hand_contract.base import (
    ARMED,
    LATCHED,
    Contract,
    events,
    everywhere,
    expect_widths,
    latch,
    nothing_changes,
    put_into,
    reason,
    stay,
    wide_action,
)
from neurograsp.firmware_bridge.frames import VERSION
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Action,
    Arm,
    Beat,
    Caps,
    Clear,
    Event,
    EventKind,
    Get,
    HandAction,
    HandState,
    HandStatus,
    Hello,
    Joints,
    Limits,
    Message,
    MessageType,
    Nack,
    NackCode,
    Stop,
    Topic,
)

FIRMWARE_VERSION = (0, 1)
LATCHED_REFUSED = dict.fromkeys(LATCHED, NackCode.LATCHED)
ANSWERS: dict[str, tuple[Callable[[Profile], Message], dict[HandState, NackCode]]] = {
    "arm": (lambda _: Arm(), LATCHED_REFUSED),
    "clear": (lambda _: Clear(), {}),
    "get state": (lambda _: Get(Topic.STATE), {}),
    "get caps": (lambda _: Get(Topic.CAPS), {}),
    "get limits": (lambda _: Get(Topic.LIMITS), {}),
    "config": (stay, dict.fromkeys(ARMED, NackCode.ARMED)),
    "action": (
        lambda profile: wide_action(profile, 50),
        {HandState.IDLE: NackCode.NOT_ARMED} | LATCHED_REFUSED,
    ),
    "joints": (
        lambda profile: everywhere(profile, "min_us", 1),
        {HandState.IDLE: NackCode.NOT_ARMED} | LATCHED_REFUSED,
    ),
}


class States(Contract):
    @pytest.mark.parametrize("state", HandState)
    @pytest.mark.parametrize("name", ANSWERS)
    def test_every_request_in_every_state(self, hand: Client, state: HandState, name: str) -> None:
        make, refusals = ANSWERS[name]
        message = make(hand.rig.profile)
        put_into(hand, state)
        refused = NackCode.SESSION if state is HandState.BOOT else refusals.get(state)
        if refused is None and isinstance(message, Arm | Action | Joints):
            was_attached = hand.attached
            answer = hand.ask(message)
            assert isinstance(answer, Ack)
            assert answer.request == message.type
            expected = {HandState.ARMED} if state is HandState.IDLE else {state}
            if not isinstance(message, Arm):
                expected = {HandState.MOVING, HandState.HOLD}
            assert answer.state in expected
            hand.run(FRAME_MS + hand.rig.slack_ms)
            assert hand.attached
            if not was_attached:
                expect_widths(hand, *hand.rig.profile.rest)
            return
        with nothing_changes(hand):
            answer = hand.ask(message)
        assert (answer.code if isinstance(answer, Nack) else None) == refused

    @pytest.mark.parametrize("state", HandState)
    def test_stop_in_every_state(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        expected = HandState.IDLE if state.armed else state
        hand.ask(Stop())
        for session, seq in ((0, 0), (hand.session, hand.seq), (99, 200), (99, 200)):
            with nothing_changes(hand):
                answer = hand.ask(Stop(), session, seq)
            assert answer == Ack(MessageType.STOP, expected)

    @pytest.mark.parametrize("state", HandState)
    def test_beat_changes_no_state(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        with nothing_changes(hand):
            for _ in range(3):
                hand.tell(Beat())

    @pytest.mark.parametrize("state", HandState)
    def test_new_session_in_every_state(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        assert isinstance(hand.connect(43), Caps)
        expected = state if state.latched else HandState.IDLE
        hand.wait_for(expected, FRAME_MS + hand.rig.slack_ms)
        hand.run(FRAME_MS)
        with nothing_changes(hand):
            assert hand.state is expected
        hand.arm()

    def test_silent_and_still_at_boot(self, hand: Client) -> None:
        hand.run(1500)
        assert (hand.heard, hand.pulses) == ([], [])

    def test_no_pulse_before_arm(self, hand: Client) -> None:
        caps = hand.connect()
        assert isinstance(caps, Caps)
        for message in (everywhere(hand.rig.profile, "max_us"), wide_action(hand.rig.profile)):
            assert reason(hand.ask(message)) is NackCode.NOT_ARMED
        hand.keep_alive(500)
        assert (hand.state, hand.attached, hand.pulses) == (HandState.IDLE, False, [])

    def test_caps_are_those_of_the_profile(self, hand: Client) -> None:
        caps, profile = hand.connect(), hand.rig.profile
        assert isinstance(caps, Caps)
        assert (caps.name, caps.joints, caps.frame_ms) == (profile.name, len(profile.joints), FRAME_MS)
        assert (caps.watchdog_ms, caps.limp_ms) == (profile.watchdog_ms, profile.limp_ms)
        assert (caps.max_ttl_ms, caps.actions) == (profile.max_ttl_ms, frozenset(profile.poses))
        assert (caps.version_min, caps.version_max, caps.firmware) == (VERSION, VERSION, FIRMWARE_VERSION)
        assert hand.ask(Get(Topic.CAPS)) == caps
        for number, joint in enumerate(profile.joints):
            limits = Limits(number, joint.min_us, joint.max_us, joint.rate_us)
            assert hand.ask(Get(Topic.LIMITS, number)) == limits

    def test_first_pulse_is_the_rest_pose_and_stays(self, hand: Client) -> None:
        hand.arm()
        hand.keep_alive(300)
        assert (hand.state, hand.attached) == (HandState.ARMED, True)
        for pulse in hand.pulses:
            rest_us = hand.rig.profile.joints[pulse.joint].rest_us
            assert abs(pulse.width_us - rest_us) <= hand.rig.tolerance_us
        frames = 300 / FRAME_MS
        assert abs(len(hand.pulses) / len(hand.widths) - frames) <= 2 + hand.rig.slack_ms / FRAME_MS

    def test_stop_stops_at_once_and_holds(self, hand: Client) -> None:
        hand.arm().ask(wide_action(hand.rig.profile))
        hand.run(100)
        assert hand.state is HandState.MOVING
        hand.heard.clear()
        assert hand.ask(Stop(), session=7, seq=0) == Ack(MessageType.STOP, HandState.IDLE)
        hand.run(2 * FRAME_MS + hand.rig.slack_ms)
        ((_, event),) = events(hand, EventKind.STATE_CHANGED)
        assert (event.state, event.detail) == (HandState.IDLE, HandState.MOVING)
        assert isinstance(hand.heard[0].message, Event | HandStatus), "told before the answer"
        held = list(hand.widths)
        for _ in range(10):
            with nothing_changes(hand):
                assert reason(hand.ask(wide_action(hand.rig.profile))) is NackCode.NOT_ARMED
        hand.arm()
        hand.keep_alive(300)
        expect_widths(hand, *(width or 0 for width in held))

    @pytest.mark.parametrize("how", ["stop", "session", "silence", "estop"])
    def test_no_action_is_shown_once_the_hand_is_stopped(self, hand: Client, how: str) -> None:
        action = wide_action(hand.rig.profile, speed=1)
        hand.arm().ask(action)
        assert hand.status().action is action.action
        if how == "stop":
            hand.ask(Stop())
        elif how == "session":
            hand.connect(43)
        else:
            latch(hand, how)
        hand.run(FRAME_MS + hand.rig.slack_ms)
        assert hand.status().action is HandAction.HOLD

    @pytest.mark.parametrize("state", HandState)
    def test_power_cut_in_every_state_leaves_a_hand_that_must_be_armed_again(
        self, hand: Client, state: HandState
    ) -> None:
        put_into(hand, state)
        hand.power_on()
        pulses = len(hand.pulses)
        hand.run(300)
        assert (hand.heard, len(hand.pulses)) == ([], pulses)
        assert reason(hand.ask(Arm())) is NackCode.SESSION
        hand.connect(hand.session)
        assert reason(hand.ask(everywhere(hand.rig.profile, "max_us"))) is NackCode.NOT_ARMED
        hand.arm()
        hand.run(2 * FRAME_MS + hand.rig.slack_ms)
        expect_widths(hand, *hand.rig.profile.rest)

    @pytest.mark.parametrize("how", ["silence", "estop"])
    def test_a_latch_is_opened_by_a_new_session_and_arm_alone(self, hand: Client, how: str) -> None:
        hand.arm().ask(wide_action(hand.rig.profile))
        latch(hand, how)
        state = hand.state
        with nothing_changes(hand):
            hand.ask(Clear())
            hand.ask(Get(Topic.STATE))
            hand.ask(Stop())
            hand.keep_alive(300)
            assert reason(hand.ask(Arm())) is NackCode.LATCHED
            assert reason(hand.ask(wide_action(hand.rig.profile))) is NackCode.LATCHED
            assert reason(hand.ask(Hello())) is NackCode.SESSION
            hand.connect(43)
            assert reason(hand.ask(wide_action(hand.rig.profile))) is NackCode.LATCHED
        assert hand.state is state
        hand.arm()
        assert hand.status().fault == 0
