"""Where the joints may go, and how fast."""

from dataclasses import replace

import pytest
from hand_client import Client
from rig import FRAME_MS, Joint, Profile

from hand_contract.base import (
    LONG_MS,
    Contract,
    events,
    everywhere,
    expect_widths,
    nothing_changes,
    put_into,
    reason,
    settle,
    wide_action,
)
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Action,
    Beat,
    Config,
    Event,
    EventKind,
    Get,
    HandAction,
    HandState,
    Joints,
    Limits,
    MessageType,
    Nack,
    NackCode,
    Stop,
    Topic,
)

POLL_MS = 5
"""A board calls hand_poll at least that often."""


def dense(joint: Joint) -> list[int]:
    """Targets close together around both limits, and some everywhere else."""
    near = [edge + by for edge in (joint.min_us, joint.max_us) for by in range(-3, 4)]
    return [0, 1, *near, joint.rest_us, (joint.min_us + joint.max_us) // 2, 600, 2400, 0x7FFF, 0x8000, 0xFFFF]


def narrowed(joint: Joint) -> Joint:
    """The middle third of its range, and a third of its rate."""
    third = (joint.max_us - joint.min_us) // 3
    low = joint.min_us + third
    high = low + third
    rest = min(max(joint.rest_us, low), high)
    return replace(joint, min_us=low, max_us=high, rate_us=max(1, joint.rate_us // 3), rest_us=rest)


def narrow(hand: Client) -> Profile:
    """Narrow all limits of a hand that is in a session; from here on the monitor judges by them."""
    joints = tuple(narrowed(joint) for joint in hand.rig.profile.joints)
    for number, joint in enumerate(joints):
        entry = Limits(number, joint.min_us, joint.max_us, joint.rate_us)
        assert isinstance(hand.ask(Config((entry,))), Ack)
        assert hand.ask(Get(Topic.LIMITS, number)) == entry
    hand.monitor.profile = replace(hand.rig.profile, joints=joints)
    return hand.monitor.profile


class Motion(Contract):
    def test_targets_around_every_limit(self, hand: Client) -> None:
        joints = hand.rig.profile.joints
        hand.connect()
        for number, joint in enumerate(joints):
            for target in dense(joint):
                assert reason(hand.ask(Joints({number: target}, 1, 500))) is NackCode.NOT_ARMED
        hand.arm()
        for number, joint in enumerate(joints):
            for target in dense(joint):
                hand.tell(Beat())
                answer = hand.ask(Joints({number: target}, 1, 500))
                if joint.min_us <= target <= joint.max_us:
                    assert isinstance(answer, Ack)
                else:
                    assert answer == Nack(NackCode.VALUE, MessageType.JOINTS, (4, 0))

    @pytest.mark.parametrize("where", ["min_us", "max_us"])
    @pytest.mark.parametrize("inside_us", [0, 1])
    def test_joints_go_to_their_limits(self, hand: Client, where: str, inside_us: int) -> None:
        by = inside_us if where == "min_us" else -inside_us
        targets = {i: getattr(joint, where) + by for i, joint in enumerate(hand.rig.profile.joints)}
        hand.arm().ask(Joints(targets, 100, LONG_MS))
        settle(hand)
        expect_widths(hand, *targets.values())
        assert hand.status().joints_us == tuple(targets.values())

    def test_one_bad_joint_refuses_the_whole_frame(self, hand: Client) -> None:
        joints = hand.rig.profile.joints
        put_into(hand, HandState.ARMED)
        for bad in (0, len(joints) - 1):
            for target in (joints[bad].min_us - 1, joints[bad].max_us + 1):
                targets = {i: joint.max_us for i, joint in enumerate(joints)} | {bad: target}
                with nothing_changes(hand):
                    answer = hand.ask(Joints(targets, 100, 500))
                assert answer == Nack(NackCode.VALUE, MessageType.JOINTS, (4 + 2 * bad, 0))
        expect_widths(hand, *hand.rig.profile.rest)

    def test_every_action_goes_to_its_pose(self, hand: Client) -> None:
        hand.arm()
        at = list(hand.rig.profile.rest)
        for action in HandAction:
            answer = hand.ask(Action(action, 100, 100, LONG_MS))
            if action not in hand.rig.profile.poses:
                assert reason(answer) is NackCode.UNSUPPORTED
                continue
            settle(hand)
            pose = hand.rig.profile.poses[action]
            at = [us or was for us, was in zip(pose, at, strict=True)]
            expect_widths(hand, *at)
            status = hand.status()
            assert (status.state, status.action) == (HandState.HOLD, action)
            assert status.joints_us == tuple(at)

    def test_an_action_done_and_repeated_changes_nothing(self, hand: Client) -> None:
        hand.arm().ask(wide_action(hand.rig.profile))
        settle(hand)
        hand.heard.clear()
        with nothing_changes(hand):
            answer = hand.ask(wide_action(hand.rig.profile))
        assert answer == Ack(MessageType.ACTION, HandState.HOLD)
        assert not any(isinstance(heard.message, Event) for heard in hand.heard)

    def test_joints_that_are_not_named_stay(self, hand: Client) -> None:
        profile = hand.rig.profile
        hand.arm()
        at = list(profile.rest)
        for number, joint in enumerate(profile.joints):
            hand.ask(Joints({number: joint.max_us}, 100, LONG_MS))
            settle(hand)
            at[number] = joint.max_us
            expect_widths(hand, *at)
            assert hand.status().action is None

    def test_full_travel_takes_as_long_as_the_rate_says(self, hand: Client) -> None:
        profile = hand.rig.profile
        hand.arm().ask(everywhere(profile, "min_us"))
        settle(hand)
        hand.heard.clear()
        start_ms = hand.now_ms
        hand.ask(everywhere(profile, "max_us"))
        settle(hand)
        at_ms, event = events(hand, EventKind.STATE_CHANGED)[-1]
        assert (event.state, event.detail) == (HandState.HOLD, HandState.MOVING)
        frames = max(-(-(joint.max_us - joint.min_us) // joint.rate_us) for joint in profile.joints)
        late_ms = at_ms - start_ms - (frames - 1) * FRAME_MS
        assert 0 <= late_ms <= FRAME_MS + POLL_MS + 3 * hand.rig.slack_ms

    @pytest.mark.parametrize("speed", [1, 2, 3, 10, 50, 99, 100])
    @pytest.mark.parametrize(("start", "end"), [("min_us", "max_us"), ("max_us", "min_us")])
    def test_speed_scales_the_rate_down(self, hand: Client, start: str, end: str, speed: int) -> None:
        hand.arm().ask(everywhere(hand.rig.profile, start))
        settle(hand)
        hand.ask(everywhere(hand.rig.profile, end, speed))
        hand.run(2 * FRAME_MS + hand.rig.slack_ms)
        hand.pulses.clear()
        hand.keep_alive(8 * FRAME_MS)
        for number, joint in enumerate(hand.rig.profile.joints):
            widths = [pulse.width_us for pulse in hand.pulses if pulse.joint == number]
            step = max(1, joint.rate_us * speed // 100)
            expected = min(abs(getattr(joint, end) - widths[0]), step * (len(widths) - 1))
            assert abs(abs(widths[-1] - widths[0]) - expected) <= 2 * hand.rig.tolerance_us

    @pytest.mark.parametrize("start", ["min_us", "max_us"])
    def test_joints_do_not_go_past_their_targets(self, hand: Client, start: str) -> None:
        joints = hand.rig.profile.joints
        targets = [(joint.min_us + joint.max_us) // 2 + 1 for joint in joints]
        hand.arm().ask(everywhere(hand.rig.profile, start))
        settle(hand)
        hand.pulses.clear()
        hand.ask(Joints(dict(enumerate(targets)), 100, LONG_MS))
        settle(hand)
        for pulse in hand.pulses:
            low, high = sorted((getattr(joints[pulse.joint], start), targets[pulse.joint]))
            assert low - hand.rig.tolerance_us <= pulse.width_us <= high + hand.rig.tolerance_us
        expect_widths(hand, *targets)

    def test_limits_may_only_be_narrowed(self, hand: Client) -> None:
        joints = hand.rig.profile.joints
        hand.connect()
        for number, joint in enumerate(joints):
            low, high, rate = joint.min_us, joint.max_us, joint.rate_us
            for limits in (
                (low - 1, high, rate),
                (low, high + 1, rate),
                (low, high, rate + 1),
                (0, 0xFFFF, 0xFFFF),
                (high + 1, high + 2, rate),
            ):
                good = Limits(0, joints[0].min_us, joints[0].max_us, 1)
                answer = hand.ask(Config((good, Limits(number, *limits))))
                assert answer == Nack(NackCode.VALUE, MessageType.CONFIG, (7, 0))
            assert hand.ask(Get(Topic.LIMITS, 0)) == Limits(
                0, joints[0].min_us, joints[0].max_us, joints[0].rate_us
            )
        for number, joint in enumerate(joints):
            for limits in (
                (joint.min_us, joint.max_us, joint.rate_us),
                (joint.min_us + 1, joint.max_us - 1, max(1, joint.rate_us - 1)),
                (joint.min_us + 2, joint.min_us + 2, 1),
            ):
                assert isinstance(hand.ask(Config((Limits(number, *limits),))), Ack)
                assert hand.ask(Get(Topic.LIMITS, number)) == Limits(number, *limits)

    def test_a_joint_that_is_named_twice_is_refused(self, hand: Client) -> None:
        """A second entry that is wider than the first would count."""
        hand.connect()
        joints = hand.rig.profile.joints
        wide = [
            Limits(number, joint.min_us, joint.max_us, joint.rate_us) for number, joint in enumerate(joints)
        ]
        for number, joint in enumerate(joints):
            narrow = Limits(number, joint.rest_us, joint.rest_us, 1)
            between = [limits for limits in wide if limits.joint != number][-2:]
            for again in (wide[number], narrow):
                answer = hand.ask(Config((narrow, *between, again)))
                assert answer == Nack(NackCode.VALUE, MessageType.CONFIG, (7 * (1 + len(between)), 0))
            assert hand.ask(Get(Topic.LIMITS, number)) == wide[number]
        assert isinstance(hand.ask(Config(tuple(wide[:4]))), Ack)

    @pytest.mark.parametrize(
        "numbers", [(1301, 1300, 1), (1200, 1300, 0), (0xFFFF, 0, 1)], ids=["empty", "rate 0", "swapped"]
    )
    def test_a_range_without_motion_is_refused(self, hand: Client, numbers: tuple[int, ...]) -> None:
        put_into(hand, HandState.IDLE)
        entry = b"\0" + b"".join(number.to_bytes(2, "little") for number in numbers)
        with nothing_changes(hand):
            assert hand.ask_raw(MessageType.CONFIG, entry) == Nack(NackCode.VALUE, MessageType.CONFIG)

    def test_narrowed_limits_hold_until_the_next_session(self, hand: Client) -> None:
        wide = hand.rig.profile
        hand.connect()
        inner = narrow(hand)
        for number, joint in enumerate(wide.joints):
            wider = Limits(number, joint.min_us, inner.joints[number].max_us, 1)
            assert reason(hand.ask(Config((wider,)))) is NackCode.VALUE
        hand.arm()
        hand.run(2 * FRAME_MS + hand.rig.slack_ms)
        expect_widths(hand, *inner.rest)
        for number, joint in enumerate(inner.joints):
            hand.tell(Beat())
            for target in (joint.min_us - 1, joint.max_us + 1):
                assert reason(hand.ask(Joints({number: target}, 100, 500))) is NackCode.VALUE
        for where in ("min_us", "max_us"):
            hand.ask(everywhere(inner, where))
            settle(hand, inner)
            expect_widths(hand, *(getattr(joint, where) for joint in inner.joints))
        hand.connect(43)
        hand.monitor.profile = wide
        for number, joint in enumerate(wide.joints):
            full = Limits(number, joint.min_us, joint.max_us, joint.rate_us)
            assert hand.ask(Get(Topic.LIMITS, number)) == full
        hand.arm().ask(everywhere(wide, "min_us"))
        settle(hand)
        expect_widths(hand, *(joint.min_us for joint in wide.joints))

    def test_poses_are_cut_to_narrowed_limits(self, hand: Client) -> None:
        hand.connect()
        inner = narrow(hand)
        action = wide_action(hand.rig.profile)
        hand.arm().ask(action)
        settle(hand, inner)
        pose = hand.rig.profile.poses[action.action]
        expect_widths(
            hand,
            *(
                min(max(us, joint.min_us), joint.max_us) if us else joint.rest_us
                for us, joint in zip(pose, inner.joints, strict=True)
            ),
        )

    def test_limits_may_not_leave_out_where_an_attached_joint_is(self, hand: Client) -> None:
        joint = hand.rig.profile.joints[0]
        at_us = (joint.min_us + joint.max_us) // 2
        hand.arm().ask(Joints({0: at_us}, 100, LONG_MS))
        settle(hand)
        hand.ask(Stop())
        for low, high, good in (
            (at_us + 1, joint.max_us, False),
            (joint.min_us, at_us - 1, False),
            (joint.min_us, joint.max_us, True),
            (at_us, at_us, True),
        ):
            with nothing_changes(hand):
                answer = hand.ask(Config((Limits(0, low, high, joint.rate_us),)))
            assert isinstance(answer, Ack) == good
