"""What must hold of every servo pulse, whatever is being tested."""

import math
from collections.abc import Iterable

from rig import FRAME_MS, Profile, Pulse

_SHOWN = 5


class Monitor:
    """Judges all pulses of a run: inside the limits, no step above the rate nor sooner than a servo frame, no
    pulse before ARM or after the outputs were let go, and motion only while the hand may be MOVING.

    What the hand may do is told by whoever sees the line. Permission counts from when a frame was sent that
    may give it, and ends two servo frames and `slack_ms` after it was heard to be over.

    Attributes:
        count: pulses judged.
        violations: one line each.
    """

    def __init__(
        self, profile: Profile, tolerance_us: float = 0, slack_ms: float = 0, frame_slack_ms: float = 0
    ) -> None:
        self.profile = profile
        self._tolerance_us = tolerance_us
        self._apart_us = (FRAME_MS - frame_slack_ms) * 1000
        self._after_us = (slack_ms + 2 * FRAME_MS) * 1000
        self._pulses_until_us = -math.inf
        self._moves_until_us = -math.inf
        self._last: dict[int, Pulse] = {}
        self.count = 0
        self.violations: list[str] = []

    def restarted(self) -> None:
        """Power was off: whatever was under way is over."""
        self._pulses_until_us = self._moves_until_us = -math.inf
        self._last.clear()

    def may_pulse(self) -> None:
        """ARM is on its way, or the hand says that its outputs are attached."""
        if self._pulses_until_us != math.inf:
            self._last.clear()  # outputs that were let go may start anywhere inside the limits
        self._pulses_until_us = math.inf

    def let_go(self, at_ms: float) -> None:
        """The outputs were heard to be detached."""
        self._pulses_until_us = min(self._pulses_until_us, at_ms * 1000 + self._after_us)
        self.stopped(at_ms)

    def may_move(self) -> None:
        """A command is on its way, or the hand says that it is MOVING."""
        self._moves_until_us = math.inf

    def stopped(self, at_ms: float) -> None:
        """The hand was heard not to be MOVING."""
        self._moves_until_us = min(self._moves_until_us, at_ms * 1000 + self._after_us)

    def judge(self, pulses: Iterable[Pulse]) -> None:
        """Pulses in the order in which they came; permissions so far must have been told."""
        for pulse in pulses:
            self.count += 1
            before = self._last.get(pulse.joint)
            self.violations += [
                f"{pulse.at_us / 1000:.3f} ms, joint {pulse.joint}: {text}"
                for text in self._wrong(pulse, before)
            ]
            self._last[pulse.joint] = pulse

    def _wrong(self, pulse: Pulse, before: Pulse | None) -> Iterable[str]:
        width, tolerance = pulse.width_us, self._tolerance_us
        joint = self.profile.joints[pulse.joint]
        if not joint.min_us - tolerance <= width <= joint.max_us + tolerance:
            yield f"{width:.1f} us is outside {joint.min_us} to {joint.max_us}"
        if pulse.at_us > self._pulses_until_us:
            yield "a pulse though the outputs are detached"
        if before is None:
            return
        step = abs(width - before.width_us)
        if step > joint.rate_us + 2 * tolerance:
            yield f"a step of {step:.1f} us, the rate is {joint.rate_us}"
        if pulse.at_us - before.at_us < self._apart_us:
            yield f"only {(pulse.at_us - before.at_us) / 1000:.3f} ms after the last pulse"
        if step > 2 * tolerance and pulse.at_us > self._moves_until_us:
            yield f"moved by {step:.1f} us though not MOVING"

    def check(self) -> None:
        """Raise AssertionError with the first violations."""
        assert not self.violations, "\n".join(
            [f"{len(self.violations)} violations in {self.count} pulses", *self.violations[:_SHOWN]]
        )
