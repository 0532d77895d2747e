"""The inputs that a board may have: emergency stop, stall, battery low."""

import pytest
from hand_client import Client
from rig import FRAME_MS, LIMP_NEVER, UnsupportedInput

from hand_contract.base import (
    LONG_MS,
    NONE,
    Contract,
    events,
    everywhere,
    expect_time,
    nothing_changes,
    put_into,
    reason,
    set_inputs,
    stop_by_estop,
    wide_action,
)
from neurograsp.firmware_bridge.codes import Feature, HandInput
from neurograsp.firmware_bridge.protocol import (
    Arm,
    Caps,
    EventKind,
    Fault,
    HandState,
    NackCode,
    StateFlag,
    Stop,
)

FEATURES = {
    HandInput.ESTOP: (Feature.ESTOP_INPUT, StateFlag.ESTOP_PRESSED),
    HandInput.STALL: (Feature.STALL_INPUT, StateFlag.STALL),
    HandInput.BATTERY_LOW: (Feature.BATTERY_INPUT, StateFlag.BATTERY_LOW),
}


def skip_unless_watched(hand: Client, limit_ms: int) -> None:
    if limit_ms == 0:
        pytest.skip(f"profile {hand.rig.profile.name} does not watch this input")


def let_go_ms(hand: Client) -> list[float]:
    """When the outputs were heard to be detached."""
    return [at_ms for at_ms, event in events(hand, EventKind.OUTPUTS) if event.detail == 0]


class Inputs(Contract):
    @pytest.mark.parametrize("which", HandInput)
    def test_caps_and_state_show_the_inputs_of_the_board(self, hand: Client, which: HandInput) -> None:
        feature, flag = FEATURES[which]
        caps = hand.connect()
        assert isinstance(caps, Caps)
        try:
            hand.rig.inputs(which)
        except UnsupportedInput:
            assert feature not in caps.features
            return
        assert feature in caps.features
        hand.run(FRAME_MS + hand.rig.slack_ms)
        assert hand.status().flags == flag
        hand.rig.inputs(NONE)
        hand.run(FRAME_MS + hand.rig.slack_ms)
        assert hand.status().flags == StateFlag(0)

    @pytest.mark.parametrize("state", [state for state in HandState if state is not HandState.BOOT])
    def test_estop_lets_go_at_once_in_every_state(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        start_ms = hand.now_ms
        set_inputs(hand, HandInput.ESTOP)
        hand.run(2 * FRAME_MS + 2 * hand.rig.slack_ms)
        assert (hand.state, hand.fault, hand.attached) == (HandState.ESTOP, Fault.ESTOP_INPUT, False)
        end_us = (start_ms + FRAME_MS + hand.rig.slack_ms) * 1000
        assert all(pulse.at_us <= end_us for pulse in hand.pulses)

    def test_estop_holds_until_it_is_released_and_a_session_began_after(self, hand: Client) -> None:
        hand.arm().ask(wide_action(hand.rig.profile))
        hand.run(60)
        set_inputs(hand, HandInput.ESTOP)
        hand.wait_for(HandState.ESTOP, FRAME_MS + 2 * hand.rig.slack_ms)
        hand.connect(43)
        with nothing_changes(hand):
            assert reason(hand.ask(Arm())) is NackCode.ESTOP
        stop_by_estop(hand, again=True)
        assert reason(hand.ask(Arm())) is NackCode.LATCHED, "pressed again in this session"
        hand.connect(44)
        hand.arm()

    def test_estop_before_the_first_session(self, hand: Client) -> None:
        set_inputs(hand, HandInput.ESTOP)
        hand.run(200)
        assert hand.heard == []
        hand.connect()
        assert hand.status().state is HandState.ESTOP
        assert reason(hand.ask(Arm())) is NackCode.ESTOP
        set_inputs(hand, NONE)
        hand.run(FRAME_MS + hand.rig.slack_ms)
        hand.arm()

    def test_estop_overrides_failsafe(self, hand: Client) -> None:
        put_into(hand, HandState.FAILSAFE)
        hand.connect(43)
        stop_by_estop(hand)
        assert hand.fault is Fault.ESTOP_INPUT
        assert reason(hand.ask(Arm())) is NackCode.LATCHED

    @pytest.mark.parametrize("state", [HandState.ARMED, HandState.MOVING, HandState.HOLD])
    def test_a_stall_that_lasts_lets_go(self, hand: Client, state: HandState) -> None:
        limit_ms = hand.rig.profile.stall_ms
        skip_unless_watched(hand, limit_ms)
        put_into(hand, state)
        start_ms = hand.now_ms
        set_inputs(hand, HandInput.STALL)
        hand.keep_alive(limit_ms + FRAME_MS + 2 * hand.rig.slack_ms)
        assert (hand.state, hand.fault, hand.attached) == (HandState.FAILSAFE, Fault.STALLED, False)
        (at_ms,) = let_go_ms(hand)
        expect_time(hand, at_ms - start_ms, limit_ms)
        end_us = (start_ms + limit_ms + FRAME_MS + hand.rig.slack_ms) * 1000
        assert all(pulse.at_us <= end_us for pulse in hand.pulses)

    def test_a_stall_that_does_not_last_is_a_grip(self, hand: Client) -> None:
        limit_ms = hand.rig.profile.stall_ms
        skip_unless_watched(hand, limit_ms)
        put_into(hand, HandState.MOVING)
        for _ in range(4):
            set_inputs(hand, HandInput.STALL)
            hand.keep_alive(limit_ms - 2 * hand.rig.slack_ms - 1)
            set_inputs(hand, NONE)
            hand.keep_alive(FRAME_MS)
        assert (hand.state, hand.attached) == (HandState.MOVING, True)

    def test_a_stall_of_a_hand_that_only_holds_lets_go_as_well(self, hand: Client) -> None:
        limit_ms = hand.rig.profile.stall_ms
        skip_unless_watched(hand, limit_ms)
        put_into(hand, HandState.ARMED).ask(Stop())
        set_inputs(hand, HandInput.STALL)
        hand.keep_alive(limit_ms + FRAME_MS + 2 * hand.rig.slack_ms)
        assert (hand.state, hand.fault, hand.attached) == (HandState.IDLE, Fault.NONE, False)

    def test_a_stall_in_failsafe_keeps_the_first_reason(self, hand: Client) -> None:
        limit_ms = hand.rig.profile.stall_ms
        skip_unless_watched(hand, limit_ms)
        put_into(hand, HandState.FAILSAFE)
        set_inputs(hand, HandInput.STALL)
        hand.run(limit_ms + FRAME_MS + 2 * hand.rig.slack_ms)
        assert (hand.state, hand.fault, hand.attached) == (HandState.FAILSAFE, Fault.LINK_SILENT, False)

    def test_a_low_battery_that_lasts_stops_as_silence_does(self, hand: Client) -> None:
        profile = hand.rig.profile
        skip_unless_watched(hand, profile.battery_ms)
        put_into(hand, HandState.MOVING)
        start_ms = hand.now_ms
        set_inputs(hand, HandInput.BATTERY_LOW)
        hand.keep_alive(profile.battery_ms + FRAME_MS + 2 * hand.rig.slack_ms)
        assert (hand.state, hand.fault) == (HandState.FAILSAFE, Fault.BATTERY_LOW)
        if profile.limp_ms != LIMP_NEVER:
            hand.keep_alive(profile.limp_ms)
            (at_ms,) = let_go_ms(hand)
            expect_time(hand, at_ms - start_ms, profile.battery_ms + profile.limp_ms)
        assert hand.attached == (profile.limp_ms == LIMP_NEVER)

    def test_a_battery_that_is_low_for_a_moment_is_not_low(self, hand: Client) -> None:
        limit_ms = hand.rig.profile.battery_ms
        skip_unless_watched(hand, limit_ms)
        put_into(hand, HandState.MOVING)
        for _ in range(3):
            set_inputs(hand, HandInput.BATTERY_LOW)
            hand.keep_alive(limit_ms - 2 * hand.rig.slack_ms - 1)
            set_inputs(hand, NONE)
            hand.keep_alive(FRAME_MS)
        assert (hand.state, hand.attached) == (HandState.MOVING, True)

    @pytest.mark.parametrize("state", [HandState.IDLE, HandState.FAILSAFE, HandState.ESTOP])
    def test_a_low_battery_is_no_fault_of_a_hand_that_is_not_armed(
        self, hand: Client, state: HandState
    ) -> None:
        limit_ms = hand.rig.profile.battery_ms
        skip_unless_watched(hand, limit_ms)
        put_into(hand, state)
        hand.connect(43)
        fault = hand.status().fault
        set_inputs(hand, HandInput.BATTERY_LOW)
        with nothing_changes(hand):
            hand.keep_alive(limit_ms + FRAME_MS + 2 * hand.rig.slack_ms)
        assert hand.status().fault == fault
        set_inputs(hand, NONE)
        hand.run(FRAME_MS + hand.rig.slack_ms)
        hand.arm()

    def test_a_low_battery_is_not_armed(self, hand: Client) -> None:
        skip_unless_watched(hand, hand.rig.profile.battery_ms)
        put_into(hand, HandState.IDLE)
        set_inputs(hand, HandInput.BATTERY_LOW)
        hand.run(FRAME_MS + hand.rig.slack_ms)
        with nothing_changes(hand):
            assert reason(hand.ask(Arm())) is NackCode.BATTERY
        set_inputs(hand, HandInput.BATTERY_LOW | HandInput.ESTOP)
        hand.run(FRAME_MS + hand.rig.slack_ms)
        assert reason(hand.ask(Arm())) is NackCode.ESTOP, "which comes first"
        set_inputs(hand, NONE)
        hand.run(FRAME_MS + hand.rig.slack_ms)
        hand.connect(43)
        hand.arm()

    def test_a_stalled_hand_is_not_armed(self, hand: Client) -> None:
        limit_ms = hand.rig.profile.stall_ms
        skip_unless_watched(hand, limit_ms)
        put_into(hand, HandState.ARMED)
        set_inputs(hand, HandInput.STALL)
        hand.keep_alive(limit_ms + FRAME_MS + 2 * hand.rig.slack_ms)
        hand.connect(43)
        with nothing_changes(hand):
            assert reason(hand.ask(Arm())) is NackCode.STALLED
        set_inputs(hand, NONE)
        hand.run(FRAME_MS + hand.rig.slack_ms)
        hand.arm()

    @pytest.mark.parametrize("which", [HandInput.STALL, HandInput.BATTERY_LOW])
    def test_what_a_profile_does_not_watch_stops_nothing(self, hand: Client, which: HandInput) -> None:
        profile = hand.rig.profile
        watched = {HandInput.STALL: profile.stall_ms, HandInput.BATTERY_LOW: profile.battery_ms}
        if watched[which]:
            pytest.skip(f"profile {profile.name} watches it")
        set_inputs(hand, which)
        hand.arm().ask(everywhere(profile, "max_us", 1, LONG_MS))
        hand.keep_alive(2000)
        assert (hand.state, hand.attached) == (HandState.MOVING, True)
