"""One fault: what makes it happen, and how long the hand goes on after it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from rig import FRAME_MS, Pulse, Rig
from scene import Scene

from neurograsp.firmware_bridge.protocol import Event, HandAction, HandState, HandStatus

SPEED = 40
"""Percent. A fist takes over a second then, so that its end is never what stops the hand."""


AFTER_MS = 2600
"""Beyond watchdog and limp, and time for another fist, were it obeyed."""

NewRig = Callable[[int], Rig]
"""Makes a hand whose clock shows so many milliseconds at power-up."""


@dataclass(frozen=True)
class Fault:
    """Attributes:
    strike: makes it happen, in the middle of a movement.
    before: called before a host is there.
    prepare: called once the hand moves, up to 400 ms before the fault.
    ends_in: states in which the hand may be left.
    late_ms: what the line itself may add to the last frame before the fault.
    run_in_ms: from the first movement to the fault, at least.
    start_ms: the hand's clock at power-up.
    check: asserts that it was this fault that struck.
    tells: the hand itself says that it is safe.
    """

    strike: Callable[[Scene], None]
    before: Callable[[Scene], None] = lambda scene: None
    prepare: Callable[[Scene], None] = lambda scene: None
    ends_in: tuple[HandState, ...] = (HandState.FAILSAFE,)
    late_ms: float = 0.0
    run_in_ms: float = 300.0
    start_ms: int = 1000
    check: "Callable[[Scene, Outcome], None]" = lambda scene, outcome: None
    tells: bool = True


@dataclass(frozen=True)
class Outcome:
    """Times from the fault, milliseconds.

    Attributes:
        struck_ms: when that was, on the rig's clock.
        stood_ms: to the last pulse that differed from the one before; 0: there was none.
        safe_ms: to the hand saying that it is no longer in motion or about to be.
        state: in the end.
    """

    struck_ms: float
    stood_ms: float
    safe_ms: float
    state: HandState


def bound_ms(rig: Rig, fault: Fault) -> float:
    """Watchdog and one servo frame, and what the line and the rig's clock add."""
    return rig.profile.watchdog_ms + FRAME_MS + fault.late_ms + rig.slack_ms


def measure(new_rig: NewRig, fault: Fault, seed: int) -> tuple[Scene, Outcome]:
    """One run, with phases of host, hand and fault that `seed` draws.

    Raises:
        AssertionError: a pulse was wrong.
    """
    rig = new_rig(fault.start_ms)
    try:
        scene = Scene(rig, seed)
        return scene, _measured(scene, fault, seed)
    finally:
        rig.close()


def _measured(scene: Scene, fault: Fault, seed: int) -> Outcome:
    fault.before(scene)
    scene.run(scene.rng.uniform(0, FRAME_MS))
    host = scene.new_host(seed)
    host.start()
    host.link.arm()
    scene.run(60)
    host.link.act(HandAction.FIST, speed=SPEED, ttl_ms=scene.rig.profile.max_ttl_ms)
    scene.run(60)
    fault.prepare(scene)
    scene.run(fault.run_in_ms + scene.rng.uniform(0, 100))
    assert scene.hand.state is HandState.MOVING
    struck_ms = scene.rig.now_ms
    fault.strike(scene)
    scene.run(AFTER_MS)
    scene.hand.monitor.check()
    moved_ms = last_change_ms(scene.hand.pulses, scene.rig.tolerance_us)
    stood_ms = max(0.0, moved_ms - struck_ms)
    outcome = Outcome(struck_ms, stood_ms, _safe_ms(scene, struck_ms), scene.hand.state)
    fault.check(scene, outcome)
    return outcome


def last_change_ms(pulses: list[Pulse], tolerance_us: float) -> float:
    """When the last pulse came that was not as the one before; -inf: all were alike."""
    final: dict[int, float] = {}
    changed_us = -math.inf
    next_us: dict[int, float] = {}
    for pulse in reversed(pulses):
        width_us = final.setdefault(pulse.joint, pulse.width_us)
        if abs(pulse.width_us - width_us) > 2 * tolerance_us:
            changed_us = max(changed_us, next_us[pulse.joint])
            final[pulse.joint] = math.nan  # its last change is known
        next_us[pulse.joint] = pulse.at_us
    return changed_us / 1000


def _safe_ms(scene: Scene, struck_ms: float) -> float:
    for heard in scene.hand.heard:
        if heard.at_ms < struck_ms or not isinstance(heard.message, Event | HandStatus):
            continue
        if heard.message.state is not HandState.MOVING:
            return heard.at_ms - struck_ms
    return math.inf
