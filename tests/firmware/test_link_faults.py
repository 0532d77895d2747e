"""Whatever breaks between host and hand, it stands within watchdog and one servo frame (docs/faults.md)."""

import ctypes

import pytest
from core_rig import CoreRig
from fault_run import SPEED, NewRig, bound_ms, last_change_ms, measure
from link_faults import FAULTS, LONG, kill
from rig import Pulse
from scene import Scene

from neurograsp.firmware_bridge.protocol import HandAction, HandState

PHASES = 3


@pytest.fixture
def new_core(core: ctypes.CDLL) -> NewRig:
    return lambda start_ms: CoreRig(core, start_ms)


@pytest.mark.parametrize("name", FAULTS)
def test_the_hand_stands_in_time(name: str, new_core: NewRig) -> None:
    fault = FAULTS[name]
    for seed in range(1 if name in LONG else PHASES):
        scene, outcome = measure(new_core, fault, seed)
        assert outcome.stood_ms <= bound_ms(scene.rig, fault)
        assert outcome.safe_ms <= bound_ms(scene.rig, fault)
        assert outcome.state in fault.ends_in


def test_what_is_measured_is_there(new_core: NewRig) -> None:
    """Without a fault the hand goes on for longer than any bound."""
    scene, outcome = measure(new_core, FAULTS["host killed"], 0)
    moving = last_change_ms(scene.hand.pulses, 0) - outcome.struck_ms
    assert 180 < moving == outcome.stood_ms
    scene = Scene(new_core(1000), 0)
    host = scene.new_host(0)
    host.start()
    host.link.arm()
    host.link.act(HandAction.FIST, speed=SPEED, ttl_ms=10000)
    scene.run(3000)
    assert last_change_ms(scene.hand.pulses, 0) > 1000
    scene.rig.close()


def test_the_last_change_of_a_noisy_pulse() -> None:
    widths = [1500.0, 1513.2, 1526.1, 1526.9, 1525.3, 1526.4]
    pulses = [Pulse(number * 20000, 0, width) for number, width in enumerate(widths)]
    assert last_change_ms(pulses, tolerance_us=1.0) == 40
    assert last_change_ms(pulses[2:], tolerance_us=1.0) == float("-inf")


def test_after_a_fault_only_a_new_session_that_arms_moves_the_hand(new_core: NewRig) -> None:
    scene = Scene(new_core(1000), 7)
    first = scene.new_host(7)
    first.start()
    first.link.arm()
    first.link.act(HandAction.FIST, speed=SPEED, ttl_ms=10000)
    scene.run(300)
    kill(scene)
    scene.run(1000)
    assert scene.hand.state is HandState.FAILSAFE
    stood_ms = last_change_ms(scene.hand.pulses, 0)

    second = scene.new_host(8)
    second.start()
    second.link.act(HandAction.OPEN, ttl_ms=2000)
    scene.run(500)
    assert last_change_ms(scene.hand.pulses, 0) == stood_ms
    second.link.arm()
    scene.run(500)
    assert last_change_ms(scene.hand.pulses, 0) == stood_ms
    second.link.act(HandAction.OPEN, ttl_ms=2000)
    scene.run(500)
    assert last_change_ms(scene.hand.pulses, 0) > stood_ms + 2000
    scene.hand.monitor.check()
    scene.rig.close()


def test_a_host_that_was_frozen_learns_that_the_hand_has_stopped(new_core: NewRig) -> None:
    scene, _ = measure(new_core, FAULTS["host frozen for 1 s"], 0)
    host = scene.hosts[0]
    assert host.link.state.state is HandState.FAILSAFE
    assert host.link.stats.nacks > 0
    assert host.lost is None
