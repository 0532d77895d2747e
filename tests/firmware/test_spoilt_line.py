"""A line that is bad for minutes: the hand does what it was told or nothing, and hosts find back to it."""

import ctypes
from collections.abc import Iterator

import pytest
from core_rig import CoreRig
from fault_run import SPEED
from faulty_line import Faults
from link_faults import TANGLED
from rig import Rig
from scene import Host, Scene

from neurograsp.firmware_bridge.errors import LinkError
from neurograsp.firmware_bridge.protocol import HandAction, HandState, HandStatus

WRIST = (5, 6)
"""Neither fist nor open hand moves these."""

LINES = {
    "bits turned over": Faults(flip=1e-3),
    "more bits turned over": Faults(flip=5e-3),
    "frames lost": Faults(drop=0.3),
    "frames twice": Faults(duplicate=0.5),
    "frames swapped": Faults(swap=0.3),
    "frames late": Faults(delay_ms=60),
    "all of these": TANGLED,
}


@pytest.fixture
def rig(core: ctypes.CDLL) -> Iterator[Rig]:
    made = CoreRig(core)
    yield made
    made.close()


def grasp(host: Host, scene: Scene) -> None:
    """Fist and open hand by turns, for as long as the host runs."""

    def act() -> None:
        action = HandAction.OPEN if scene.now_ms // 700 % 2 else HandAction.FIST
        host.link.act(action, speed=SPEED, ttl_ms=1000)

    host.each_tick = act


def keep_going(scene: Scene, seconds: int) -> int:
    """Let time pass; a host that lost the hand, or whose hand latched, begins anew. How often that was."""
    begun = 0
    for _ in range(seconds * 10):
        scene.run(100)
        for host in scene.hosts:
            if not host.running or host.link.state.state in (HandState.FAILSAFE, HandState.IDLE):
                host.running = False
                begun += 1
                try:
                    host.start()
                    host.link.arm()
                except LinkError:
                    host.running = False
    return begun


def check(scene: Scene) -> None:
    """Only what was commanded has moved, and it has moved."""
    scene.hand.monitor.check()
    widths = {joint: {p.width_us for p in scene.hand.pulses if p.joint == joint} for joint in range(7)}
    assert all(widths[joint] == {scene.rig.profile.rest[joint]} for joint in WRIST)
    assert all(max(widths[joint]) - min(widths[joint]) > 300 for joint in range(5))
    shown = {heard.message.action for heard in scene.hand.heard if isinstance(heard.message, HandStatus)}
    assert shown <= {HandAction.HOLD, HandAction.FIST, HandAction.OPEN}


@pytest.mark.parametrize("seconds", [12, pytest.param(300, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", LINES)
def test_a_spoilt_line(name: str, seconds: int, rig: Rig) -> None:
    scene = Scene(rig, seed=1)
    scene.to_hand.faults = scene.to_host.faults = LINES[name]
    grasp(scene.new_host(1), scene)
    keep_going(scene, seconds)
    check(scene)
    lines = (scene.to_hand, scene.to_host)
    assert all(line.spoilt + line.lost + line.repeated + line.swapped + line.late > 20 for line in lines)


def test_garbage_between_all_frames(rig: Rig) -> None:
    scene = Scene(rig, seed=2)
    scene.noise = lambda: scene.rng.randbytes(scene.rng.randrange(12))
    grasp(scene.new_host(1), scene)
    keep_going(scene, 12)
    check(scene)


def test_two_hosts_that_both_want_the_hand(rig: Rig) -> None:
    scene = Scene(rig, seed=3)
    for seed in (1, 2):
        grasp(scene.new_host(seed), scene)
    again = keep_going(scene, 12)
    check(scene)
    assert again > 4
