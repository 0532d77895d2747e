"""What the parts of the contract share."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hand_client import Client
from rig import FRAME_MS, Profile, Rig, UnsupportedInput

from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.protocol import (
    Action,
    Answer,
    Beat,
    Config,
    Event,
    EventKind,
    HandAction,
    HandState,
    Joints,
    Limits,
    Nack,
    NackCode,
)

ARMED = (HandState.ARMED, HandState.MOVING, HandState.HOLD)
LATCHED = (HandState.FAILSAFE, HandState.ESTOP)
LONG_MS = 5000
"""A time to live that no test outlasts."""


class Contract:
    """A hand just powered on for each test; at the end the monitor has its say."""

    @pytest.fixture
    def hand(self, rig: Rig) -> Iterator[Client]:
        rig.power_on()
        client = Client(rig)
        yield client
        client.finish()


def reason(answer: Answer) -> NackCode:
    """Why it was refused."""
    assert isinstance(answer, Nack), answer
    return answer.code


NONE = HandInput(0)


def set_inputs(hand: Client, active: HandInput) -> None:
    """On a board that has them; else the test is skipped."""
    try:
        hand.rig.inputs(active)
    except UnsupportedInput:
        pytest.skip(f"{hand.rig.name} has not got {active!r}")


def stop_by_estop(hand: Client, again: bool = False) -> None:
    """Pressed and released; `again`: it is pressed already, and released first."""
    for active in (NONE, HandInput.ESTOP, NONE) if again else (HandInput.ESTOP, NONE):
        set_inputs(hand, active)
        hand.run(FRAME_MS + hand.rig.slack_ms)
    assert hand.state is HandState.ESTOP


def latch(hand: Client, how: str) -> None:
    """Into FAILSAFE by "silence" or into ESTOP by "estop"."""
    if how == "silence":
        fall_silent(hand)
        hand.run(FRAME_MS)  # the pulses that were on their way
    else:
        stop_by_estop(hand)


def fall_silent(hand: Client) -> None:
    """Nothing is sent until the watchdog has bitten."""
    hand.wait_for(HandState.FAILSAFE, hand.rig.profile.watchdog_ms + 2 * hand.rig.slack_ms + FRAME_MS)


def put_into(hand: Client, state: HandState) -> Client:
    """From power-up into any state; MOVING is slow, a microsecond a servo frame."""
    if state is HandState.BOOT:
        return hand
    hand.connect()
    hand.wait_for(HandState.IDLE, FRAME_MS + hand.rig.slack_ms)
    if state is HandState.ESTOP:
        stop_by_estop(hand)
    if state in (HandState.IDLE, HandState.ESTOP):
        return hand
    hand.arm()
    hand.run(FRAME_MS + hand.rig.slack_ms)
    if state is HandState.MOVING:
        hand.ask(everywhere(hand.rig.profile, "max_us", speed=1))
    elif state is HandState.HOLD:
        hand.ask(everywhere(hand.rig.profile, "rest_us"))
    elif state is HandState.FAILSAFE:
        fall_silent(hand)
    assert hand.state is state
    return hand


def everywhere(profile: Profile, where: str, speed: int = 100, ttl_ms: int = LONG_MS) -> Joints:
    """JOINTS that sends each joint to a field of its `Joint`."""
    targets = {number: getattr(joint, where) for number, joint in enumerate(profile.joints)}
    return Joints(targets, speed, ttl_ms)


def stay(profile: Profile) -> Config:
    """CONFIG that narrows joint 0 to its rest position."""
    rest_us = profile.joints[0].rest_us
    return Config((Limits(0, rest_us, rest_us, 1),))


def wide_action(profile: Profile, speed: int = 100, ttl_ms: int = LONG_MS) -> Action:
    """The action whose pose is the farthest from rest."""

    def travel(action: HandAction) -> int:
        pose = profile.poses[action]
        return sum(abs(us - rest) for us, rest in zip(pose, profile.rest, strict=True) if us)

    return Action(max(profile.poses, key=travel), speed, 100, ttl_ms)


def travel_ms(profile: Profile) -> float:
    """For the slowest joint from one end to the other."""
    frames = max((joint.max_us - joint.min_us) / joint.rate_us for joint in profile.joints)
    return (frames + 3) * FRAME_MS


def settle(hand: Client, profile: Profile | None = None) -> None:
    """Until the hand is where it was told to go, with beats; in time by its profile or by a narrowed one."""
    end_ms = hand.now_ms + travel_ms(profile or hand.rig.profile) + 2 * hand.rig.slack_ms
    while hand.state is HandState.MOVING:
        assert hand.now_ms < end_ms, "still MOVING"
        hand.keep_alive(FRAME_MS)
    hand.keep_alive(2 * FRAME_MS + hand.rig.slack_ms)


def expect_widths(hand: Client, *expected: float) -> None:
    """The last pulse of each joint."""
    tolerance_us = hand.rig.tolerance_us
    for joint, (width, wanted) in enumerate(zip(hand.widths, expected, strict=True)):
        assert width is not None, f"joint {joint} has no pulse"
        assert abs(width - wanted) <= tolerance_us, f"joint {joint} is at {width}, not {wanted}"


@contextmanager
def nothing_changes(hand: Client) -> Iterator[None]:
    """What is done in the block leaves the state, the outputs and each pulse as they are, and so do the two
    servo frames after it. A hand that is MOVING goes on, a microsecond a servo frame (`put_into`)."""
    hand.run(0)
    state, attached = hand.state, hand.attached
    before, start, start_ms = list(hand.widths), len(hand.pulses), hand.now_ms
    yield
    hand.tell(Beat())
    hand.drain()
    hand.run(2 * FRAME_MS + hand.rig.slack_ms)
    assert (hand.state, hand.attached) == (state, attached)
    new = hand.pulses[start:]
    assert bool(new) == attached
    frames = (hand.now_ms - start_ms) / FRAME_MS + 1 if state is HandState.MOVING else 0
    for pulse in new:
        was = before[pulse.joint]
        assert was is not None
        assert abs(pulse.width_us - was) <= 2 * hand.rig.tolerance_us + frames, pulse


def events(hand: Client, kind: EventKind) -> list[tuple[float, Event]]:
    """When each such EVENT was heard, and the event."""
    return [
        (heard.at_ms, heard.message)
        for heard in hand.heard
        if isinstance(heard.message, Event) and heard.message.kind is kind
    ]


def left_after(hand: Client, state: HandState, since_ms: float) -> float:
    """From `since_ms` to the EVENT that the hand had left `state`."""
    (at_ms,) = [
        at_ms
        for at_ms, event in events(hand, EventKind.STATE_CHANGED)
        if event.detail == state and at_ms >= since_ms
    ]
    return at_ms - since_ms


def expect_time(hand: Client, ms: float, expected_ms: float) -> None:
    """A time, as exactly as this rig has it."""
    assert abs(ms - expected_ms) <= hand.rig.slack_ms, (
        f"{ms} ms, must be {expected_ms} +- {hand.rig.slack_ms}"
    )
