"""Faults at random, many at once: the hand moves only while a host that is well drives it."""

import ctypes
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable

import pytest
from core_rig import CoreRig
from fault_run import SPEED
from faulty_line import PERFECT
from rig import FRAME_MS
from scene import Host, Scene
from test_spoilt_line import LINES

from neurograsp.firmware_bridge.errors import LinkError
from neurograsp.firmware_bridge.protocol import HandAction

LATE_MS = 60
"""No line of LINES is later."""

HOSTS = 3


def begin(host: Host) -> None:
    """A session, armed, if that can be had now."""
    host.running = False
    try:
        host.start()
        host.link.arm()
    except LinkError:
        host.running = False


def stop(host: Host) -> None:
    if host.link.stats.sent:
        host.link.stop()


def storm(scene: Scene, seconds: int) -> Counter[str]:
    """Let things go wrong for a while; what did, how often."""
    rng = scene.rng

    def command() -> None:
        action = rng.choice((HandAction.FIST, HandAction.OPEN))
        if rng.random() < 0.1:
            host = rng.choice(scene.hosts)
            host.link.act(action, speed=SPEED, ttl_ms=5000)

    for seed in range(HOSTS):
        scene.new_host(seed).each_tick = command
    happens: dict[str, Callable[[Host], object]] = {
        "begins": begin,
        "begins again": begin,
        "freezes": lambda host: setattr(host, "running", False),
        "thaws": lambda host: setattr(host, "running", host.link.stats.acked > 0 and host.lost is None),
        "is silent": lambda host: setattr(host, "healthy", False),
        "speaks again": lambda host: setattr(host, "healthy", True),
        "stops": stop,
        "gets a bad line": lambda host: spoil(scene, rng.choice(list(LINES))),
        "gets a good line": lambda host: spoil(scene, None),
    }
    count: Counter[str] = Counter()
    end_ms = scene.now_ms + seconds * 1000
    while scene.now_ms < end_ms:
        what = rng.choice(list(happens))
        count[what] += 1
        happens[what](rng.choice(scene.hosts))
        scene.run(rng.choice((10, 100, 100, 400)))
    return count


def spoil(scene: Scene, line: str | None) -> None:
    scene.to_hand.faults = scene.to_host.faults = PERFECT if line is None else LINES[line]


def changes_ms(scene: Scene) -> list[float]:
    """When pulses came that were not as the ones before."""
    widths: dict[int, float] = {}
    changed = []
    for pulse in scene.hand.pulses:
        if widths.setdefault(pulse.joint, pulse.width_us) != pulse.width_us:
            changed.append(pulse.at_us / 1000)
        widths[pulse.joint] = pulse.width_us
    return changed


@pytest.mark.parametrize(
    "seed",
    [
        *range(3),
        *(pytest.param(n, marks=pytest.mark.slow) for n in range(3, 15)),
        *(pytest.param(n, marks=pytest.mark.long) for n in range(15, 60)),
    ],
)
def test_nothing_moves_without_a_host_that_is_well(seed: int, core: ctypes.CDLL) -> None:
    scene = Scene(CoreRig(core, start_ms=2**32 - 15000), seed)
    happened = storm(scene, 30)
    scene.hand.monitor.check()
    assert len(happened) == 9
    changed = changes_ms(scene)
    assert len(changed) > 100
    bound_ms = scene.rig.profile.watchdog_ms + FRAME_MS + LATE_MS
    for at_ms in changed:
        driven_ms = scene.driven_ms[bisect_right(scene.driven_ms, at_ms) - 1]
        assert at_ms - driven_ms <= bound_ms, f"moved at {at_ms:.0f} ms, driven last at {driven_ms:.0f} ms"
    scene.rig.close()
