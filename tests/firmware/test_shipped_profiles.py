"""The core as each hand that ships; the bench judges every pulse, and the end of the test that judgement."""

import ctypes
from collections.abc import Callable, Iterator
from itertools import product

import pytest
from core_bench import Bench
from core_rig import CoreRig
from hand_contract import HandContract
from rig import ARM, Rig

from neurograsp.firmware_bridge.profiles import KEEP, Profile, load_profile, shipped_profiles
from neurograsp.firmware_bridge.protocol import (
    Action,
    Beat,
    HandState,
    Joints,
)

NewHand = Callable[..., Bench]


@pytest.mark.slow
class TestContract(HandContract):
    """What holds of one hand holds of every other."""

    @pytest.fixture(scope="class", params=[name for name in shipped_profiles() if name != ARM.name])
    @classmethod
    def rig(cls, core: ctypes.CDLL, request: pytest.FixtureRequest) -> Iterator[Rig]:
        rig = CoreRig(core, profile=load_profile(request.param))
        yield rig
        rig.close()


@pytest.fixture(params=shipped_profiles())
def profile(request: pytest.FixtureRequest) -> Profile:
    return load_profile(request.param)


def until_it_rests(hand: Bench, profile: Profile) -> int:
    """How long the hand moves, heartbeats going on; never longer than its slowest joint needs."""
    for ms in range(0, max(joint.travel_ms for joint in profile.joints) + 40, 20):
        if hand.state is HandState.HOLD:
            return ms
        hand.tell(Beat())
        hand.wait(20)
    raise AssertionError(f"{hand.state.name} at {hand.pulses}")


def test_from_every_action_to_every_other(new_hand: NewHand, profile: Profile) -> None:
    hand = new_hand(profile=profile.name).arm()
    at = list(profile.rest)
    for pair in product(sorted(profile.actions), repeat=2):
        for action in pair:
            hand.ask(Action(action, 100, 100, profile.max_ttl_ms))
            until_it_rests(hand, profile)
            at = [before if us == KEEP else us for before, us in zip(at, profile.poses[action], strict=True)]
            assert hand.pulses[: len(at)] == tuple(at)


def test_from_one_end_to_the_other_takes_the_stated_time(new_hand: NewHand, profile: Profile) -> None:
    hand = new_hand(profile=profile.name).arm()
    for number, joint in enumerate(profile.joints):
        hand.ask(Joints({number: joint.min_us}, 100, profile.max_ttl_ms))
        until_it_rests(hand, profile)
        hand.ask(Joints({number: joint.max_us}, 100, profile.max_ttl_ms))
        assert until_it_rests(hand, profile) == joint.travel_ms
