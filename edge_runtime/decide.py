"""From probabilities to actions: a pure state machine with time passed in.

TRANSITIONS is the whole machine, drawn in docs/decisions.md: a step finds out which event a score is, and
the table says what follows. What the table lacks cannot happen; if it did, KeyError ends the run and the
hand is stopped. Every step gives a `Verdict` with its reason.
"""

import enum
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet

REFRESH_S = 0.25
"""While an action lasts, its command is repeated this often, well within its time-to-live."""

FULL = 100
"""Percent."""

CERTAIN = 1.0
"""An action ends as fast as is allowed."""


class DecisionState(enum.StrEnum):
    FILLING = "filling"
    """Fewer scores than are smoothed over."""

    IDLE = "idle"
    """No action, and none asks."""

    WAITING = "waiting"
    """No action; one is above its threshold and may not start yet."""

    ACTIVE = "active"


class DecisionEvent(enum.StrEnum):
    """What a score, or a gap, is to the machine; p is smoothed."""

    FILL = "fill"
    """There are too few scores to smooth."""

    QUIET = "quiet"
    """No action is active, and every p is below its `on`."""

    REFUSE = "refuse"
    """No action is active; one has p >= `on`, but dwell, refractory time or order forbid it."""

    START = "start"
    """An action that is not active has p >= `on`, and nothing forbids it."""

    LAST = "last"
    """The active action has p >= `off`, and no other one starts."""

    END = "end"
    """The active action has p < `off`, or one that is no number, and no other one starts."""

    RESET = "reset"
    """A gap."""


def _transitions() -> dict[tuple[DecisionState, DecisionEvent], DecisionState]:
    state, event = DecisionState, DecisionEvent
    idle = {event.QUIET: state.IDLE, event.REFUSE: state.WAITING, event.START: state.ACTIVE}
    rows = {
        state.FILLING: {event.FILL: state.FILLING, **idle},
        state.IDLE: idle,
        state.WAITING: idle,
        state.ACTIVE: {event.LAST: state.ACTIVE, event.START: state.ACTIVE, event.END: state.IDLE},
    }
    return {
        (before, what): after
        for before, row in rows.items()
        for what, after in {**row, event.RESET: state.FILLING}.items()
    }


TRANSITIONS = _transitions()


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
        speed, force: of the command, in percent of what the hand allows.
        faults: of each channel, (n_channels,) int8 as `quality.Fault`; None where nobody looked.
    """

    time_s: float
    frame: int
    logits: npt.NDArray[np.float64]
    probabilities: npt.NDArray[np.float64]
    action: str | None
    started: bool
    command: str | None
    reason: str
    speed: int = FULL
    force: int = FULL
    faults: npt.NDArray[np.int8] | None = None


@dataclass(frozen=True)
class Verdict:
    """A `Decision` with numbers for actions, as far as the machine knows it."""

    action: int | None
    started: bool
    command: int | None
    reason: str
    speed: int = FULL
    force: int = FULL


class DecisionMachine:
    """Args:
    spec: thresholds and times.
    actions: what the probabilities mean.

    Attributes:
        state: after the last step.
        smoothed: the probabilities that the last step went by; None while there are too few.
        streak: the action whose probability was the highest above its `on`, None where none was, and for how
            many steps by now.
    """

    def __init__(self, spec: DecisionSpec, actions: ActionSet) -> None:
        self.state = DecisionState.FILLING
        self.smoothed: list[float] | None = None
        self.streak: tuple[int | None, int] = (None, 0)
        self._spec = spec
        self._actions = actions
        self._moving = [i for i in range(len(actions.names)) if i != actions.rest_index]
        self._nothing = np.zeros(len(actions.names))
        self._recent: deque[npt.NDArray[np.float64]] = deque(maxlen=spec.smooth)
        self._active = -1
        self._previous = ""
        self._started_at = -np.inf
        self._sent_at = -np.inf

    @property
    def active(self) -> int | None:
        """The action under way; None without one."""
        return self._active if self.state is DecisionState.ACTIVE else None

    def reset(self) -> None:
        """Forget scores and the active action, as after a gap. The order of actions is kept."""
        self._take(DecisionEvent.RESET)
        self._recent.clear()
        self.smoothed, self.streak = None, (None, 0)

    def step(self, time_s: float, probabilities: npt.NDArray[np.float64]) -> Verdict:
        """Take one score.

        Args:
            time_s: stream time, rising.
            probabilities: (n_actions,).
        """
        self._recent.append(probabilities)
        if len(self._recent) < self._spec.smooth:
            self._take(DecisionEvent.FILL)
            return Verdict(None, False, None, f"{len(self._recent)} of {self._spec.smooth} scores to smooth")
        smoothed: list[float] = (sum(self._recent, self._nothing) / self._spec.smooth).tolist()
        candidate = self._candidate(smoothed)
        streak = self.streak[1] + 1 if candidate == self.streak[0] else 1
        self.smoothed, self.streak = smoothed, (candidate, streak)

        acting = self.state is DecisionState.ACTIVE
        if candidate is not None and not (acting and candidate == self._active):
            refusal = self._refusal(candidate, streak, time_s)
            if refusal is None:
                return self._start(candidate, time_s, smoothed)
            if not acting:
                self._take(DecisionEvent.REFUSE)
                return Verdict(None, False, None, refusal)
        if not acting:
            self._take(DecisionEvent.QUIET)
            return Verdict(None, False, None, "all below their thresholds")
        return self._go_on(time_s, smoothed)

    def _take(self, event: DecisionEvent) -> None:
        self.state = TRANSITIONS[self.state, event]

    def _start(self, action: int, time_s: float, smoothed: list[float]) -> Verdict:
        self._take(DecisionEvent.START)
        self._active, self._previous = action, self._actions.names[action]
        self._started_at = self._sent_at = time_s
        return self._verdict(True, action, self._why(smoothed, ">=", self._spec.on), smoothed[action])

    def _go_on(self, time_s: float, smoothed: list[float]) -> Verdict:
        probability = smoothed[self._active]
        if not probability >= self._spec.off[self._active]:  # NaN ends it too
            self._take(DecisionEvent.END)
            reason = self._why(smoothed, "<", self._spec.off) + ", ended"
            return self._verdict(False, self._actions.rest_index, reason, CERTAIN)
        self._take(DecisionEvent.LAST)
        command = None
        if time_s - self._sent_at >= REFRESH_S:
            command, self._sent_at = self._active, time_s
        return self._verdict(False, command, self._why(smoothed, ">=", self._spec.off), probability)

    def _verdict(self, started: bool, command: int | None, reason: str, probability: float) -> Verdict:
        action = self._active if self.state is DecisionState.ACTIVE else None
        rule = self._spec.proportional
        percent = FULL if rule is None else rule.percent(probability, self._spec.off[self._active])
        speed = percent if rule and rule.of == "speed" else FULL
        force = percent if rule and rule.of == "force" else FULL
        return Verdict(action, started, command, reason, speed, force)

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

    def _why(self, smoothed: list[float], relation: str, thresholds: tuple[float, ...]) -> str:
        """Of the active action, or of the one that has just ended."""
        name = self._actions.names[self._active]
        return f"{name}: p {smoothed[self._active]:.2f} {relation} {thresholds[self._active]:.2f}"
