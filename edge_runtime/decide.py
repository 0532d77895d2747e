"""From probabilities to actions: a pure state machine with time passed in.

    none --(p >= on for `dwell` scores, refractory over, order allowed)--> action
    action --(p < off)--> none            action --(another one starts)--> that one
    any --(reset)--> none

Every step gives a `Decision` with its reason.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet

REFRESH_S = 0.25
"""While an action lasts, its command is repeated this often, well within its time-to-live."""


@dataclass(frozen=True)
class Decision:
    """What was decided at one hop.

    Attributes:
        time_s: stream time (frame counter over rate).
        frame: frame counter of the newest frame in the window.
        logits: (n_actions,) of the network.
        probabilities: (n_actions,) before smoothing.
        action: the active action's name, or None.
        started: whether it started at this hop.
        command: the hand's action to send now, or None to send nothing.
        reason: why.
    """

    time_s: float
    frame: int
    logits: npt.NDArray[np.float64]
    probabilities: npt.NDArray[np.float64]
    action: str | None
    started: bool
    command: str | None
    reason: str


@dataclass(frozen=True)
class Verdict:
    action: int | None
    started: bool
    command: int | None
    reason: str


class DecisionMachine:
    """Args:
    spec: thresholds and times.
    actions: what the probabilities mean.
    """

    def __init__(self, spec: DecisionSpec, actions: ActionSet) -> None:
        self._spec = spec
        self._actions = actions
        self._moving = [i for i in range(len(actions.names)) if i != actions.rest_index]
        self._nothing = np.zeros(len(actions.names))
        self._recent: deque[npt.NDArray[np.float64]] = deque(maxlen=spec.smooth)
        self._active: int | None = None
        self._previous = ""
        self._streak: tuple[int | None, int] = (None, 0)
        self._started_at = -np.inf
        self._sent_at = -np.inf

    @property
    def active(self) -> int | None:
        """The action under way."""
        return self._active

    def reset(self) -> None:
        """Forget scores and the active action, as after a gap. The order of actions is kept."""
        self._recent.clear()
        self._active = None
        self._streak = (None, 0)

    def step(self, time_s: float, probabilities: npt.NDArray[np.float64]) -> Verdict:
        """Take one score.

        Args:
            time_s: stream time, rising.
            probabilities: (n_actions,).
        """
        self._recent.append(probabilities)
        if len(self._recent) < self._spec.smooth:
            return Verdict(None, False, None, f"{len(self._recent)} of {self._spec.smooth} scores to smooth")
        smoothed = (sum(self._recent, self._nothing) / self._spec.smooth).tolist()
        candidate = self._candidate(smoothed)
        streak = self._streak[1] + 1 if candidate == self._streak[0] else 1
        self._streak = (candidate, streak)

        if candidate is not None and candidate != self._active:
            refusal = self._refusal(candidate, streak, time_s)
            if refusal is None:
                self._active, self._previous = candidate, self._actions.names[candidate]
                self._started_at = self._sent_at = time_s
                return Verdict(candidate, True, candidate, self._why(candidate, smoothed, ">=", "on"))
            if self._active is None:
                return Verdict(None, False, None, refusal)
        if self._active is None:
            return Verdict(None, False, None, "all below their thresholds")
        if not smoothed[self._active] >= self._spec.off[self._active]:  # NaN ends it too
            ended, self._active = self._active, None
            reason = self._why(ended, smoothed, "<", "off") + ", ended"
            return Verdict(None, False, self._actions.rest_index, reason)
        command = None
        if time_s - self._sent_at >= REFRESH_S:
            command, self._sent_at = self._active, time_s
        return Verdict(self._active, False, command, self._why(self._active, smoothed, ">=", "off"))

    def _candidate(self, smoothed: list[float]) -> int | None:
        above = [i for i in self._moving if smoothed[i] >= self._spec.on[i]]
        return max(above, key=smoothed.__getitem__, default=None)

    def _refusal(self, candidate: int, streak: int, time_s: float) -> str | None:
        name = self._actions.names[candidate]
        if streak < self._spec.dwell:
            return f"{name}: {streak} of {self._spec.dwell} scores above its threshold"
        if time_s - self._started_at < self._spec.refractory_s:
            return f"{name}: refractory for {self._spec.refractory_s:g} s after {self._previous}"
        before = (self._spec.after or {}).get(name)
        if before is not None and self._previous not in before:
            return f"{name}: may not follow {self._previous or 'the beginning'}"
        return None

    def _why(self, action: int, smoothed: list[float], relation: str, threshold: str) -> str:
        limit = self._spec.on[action] if threshold == "on" else self._spec.off[action]
        return f"{self._actions.names[action]}: p {smoothed[action]:.2f} {relation} {limit:.2f}"
