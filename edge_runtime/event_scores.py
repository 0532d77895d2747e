"""A decoder judged as a controller: events found, false activations a minute of rest, latency. Pure numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet, SignalSpec
from neurograsp.edge_runtime.decide import DecisionMachine

TOLERANCE_S = 0.5
"""An activation this long after an event's end still counts as its detection, not as a false one."""


@dataclass(frozen=True, eq=False)
class Happened:
    """What really happened in a recording, in stream time.

    Attributes:
        event_start_s, event_stop_s: (n_events,).
        event_action: (n_events,) index of the action; never rest.
        rest_start_s, rest_stop_s: (n_rests,) of the stretches labelled as rest; empty where the recording
            has none.
    """

    event_start_s: npt.NDArray[np.float64]
    event_stop_s: npt.NDArray[np.float64]
    event_action: npt.NDArray[np.int64]
    rest_start_s: npt.NDArray[np.float64]
    rest_stop_s: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoredStream:
    """The scores of one recording and what really happened in it.

    Attributes:
        time_s: (n_scores,) stream time of each score.
        restart: (n_scores,) bool, the score is the first one after a gap.
        probabilities: (n_scores, n_actions).
        event_start_s, event_stop_s: (n_events,) stream time.
        event_action: (n_events,) index of the action; never rest.
        rest_start_s, rest_stop_s: (n_rests,) stream time of the stretches labelled as rest; empty where
            the recording has none.
    """

    time_s: npt.NDArray[np.float64]
    restart: npt.NDArray[np.bool_]
    probabilities: npt.NDArray[np.float64]
    event_start_s: npt.NDArray[np.float64]
    event_stop_s: npt.NDArray[np.float64]
    event_action: npt.NDArray[np.int64]
    rest_start_s: npt.NDArray[np.float64]
    rest_stop_s: npt.NDArray[np.float64]

    @property
    def rest_s(self) -> float:
        """Seconds labelled as rest."""
        return float((self.rest_stop_s - self.rest_start_s).sum())

    @property
    def in_rest(self) -> npt.NDArray[np.bool_]:
        """(n_scores,) which scores lie in labelled rest."""
        return _inside(self.time_s, self.rest_start_s, self.rest_stop_s)


def scored_stream(
    frames: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    signal: SignalSpec,
    happened: Happened,
) -> ScoredStream:
    """The scores of a pipeline beside what happened.

    Args:
        frames: (n_scores,) frame counter of the newest frame in each window.
        probabilities: (n_scores, n_actions).
        signal: of the pipeline.
        happened: meanwhile.
    """
    return ScoredStream(
        time_s=frames / signal.rate_hz,
        restart=np.diff(frames, prepend=frames[:1]) > signal.hop * signal.decimation,
        probabilities=probabilities,
        **vars(happened),
    )


@dataclass(frozen=True)
class ControllerScores:
    """Attributes:
    n_events: events there were.
    hits: events in which the right action started.
    wrong: activations of another action during an event.
    false_activations: activations during labelled rest.
    stray: activations at times that are neither an event nor labelled rest.
    rest_min: minutes of labelled rest.
    held_s: seconds of labelled rest during which an action was active.
    latencies_s: from an event's start to its detection.
    """

    n_events: int
    hits: int
    wrong: int
    false_activations: int
    stray: int
    rest_min: float
    held_s: float
    latencies_s: tuple[float, ...]

    @property
    def event_tpr(self) -> float | None:
        return self.hits / self.n_events if self.n_events and self.rest_min else None

    @property
    def false_activations_per_min(self) -> float | None:
        return self.false_activations / self.rest_min if self.rest_min else None

    @property
    def held_in_rest(self) -> float | None:
        """Share of the labelled rest during which an action was active."""
        return self.held_s / (60 * self.rest_min) if self.rest_min else None

    def latency_ms(self, share: float) -> float | None:
        """Quantile of the latencies."""
        if not self.latencies_s or not self.rest_min:
            return None
        return 1000 * float(np.quantile(self.latencies_s, share))


@dataclass(frozen=True, eq=False)
class Played:
    """What the decision layer makes of the scores of a stream.

    Attributes:
        action: (n_scores,) int64, index of the active action after each score, -1 for none.
        started: (n_scores,) bool.
    """

    action: npt.NDArray[np.int64]
    started: npt.NDArray[np.bool_]


def play(stream: ScoredStream, spec: DecisionSpec, actions: ActionSet) -> Played:
    """Run the decision layer over a stream."""
    machine = DecisionMachine(spec, actions)
    action = np.full(len(stream.time_s), -1, np.int64)
    started = np.zeros(len(stream.time_s), bool)
    for i, (time_s, restart, scores) in enumerate(zip(stream.time_s, stream.restart, stream.probabilities)):
        if restart:
            machine.reset()
        verdict = machine.step(float(time_s), scores)
        started[i] = verdict.started
        if verdict.action is not None:
            action[i] = verdict.action
    return Played(action, started)


def activations(stream: ScoredStream, spec: DecisionSpec, actions: ActionSet) -> list[tuple[float, int]]:
    """Stream time and action of every activation that the decision layer makes of the scores."""
    played = play(stream, spec, actions)
    rows = np.flatnonzero(played.started)
    return [(float(stream.time_s[row]), int(played.action[row])) for row in rows]


def score_streams(
    streams: Sequence[ScoredStream], spec: DecisionSpec, actions: ActionSet
) -> ControllerScores:
    """Compare what the decision layer does with what happened.

    An event is hit when its action starts between its start and TOLERANCE_S after its end; a second
    start of it counts for nothing. Another action that starts in an event is wrong. Whatever else
    starts is false in labelled rest, and stray elsewhere.
    """
    n_events = hits = wrong = false = stray = 0
    rest_s = held_s = 0.0
    latencies: list[float] = []
    for stream in streams:
        played = play(stream, spec, actions)
        in_rest = stream.in_rest
        rest_s += stream.rest_s
        if in_rest.any():
            held_s += stream.rest_s * float((played.action[in_rest] >= 0).mean())
        n_events += len(stream.event_start_s)
        hit = np.zeros(len(stream.event_start_s), bool)
        for row in np.flatnonzero(played.started):
            time_s = float(stream.time_s[row])
            own = stream.event_action == played.action[row]
            begun = stream.event_start_s <= time_s
            right = own & begun & (time_s <= stream.event_stop_s + TOLERANCE_S)
            fresh = np.flatnonzero(right & ~hit)
            if len(fresh):
                hit[fresh[0]] = True
                latencies.append(time_s - float(stream.event_start_s[fresh[0]]))
            elif right.any():
                continue
            elif (begun & (time_s < stream.event_stop_s)).any():
                wrong += 1
            elif in_rest[row]:
                false += 1
            else:
                stray += 1
        hits += int(hit.sum())
    return ControllerScores(n_events, hits, wrong, false, stray, rest_s / 60, held_s, tuple(latencies))


def _inside(
    time_s: npt.NDArray[np.float64], start_s: npt.NDArray[np.float64], stop_s: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Which times lie in a stretch [start, stop)."""
    begun = np.searchsorted(np.sort(start_s), time_s, side="right")
    over = np.searchsorted(np.sort(stop_s), time_s, side="right")
    inside: npt.NDArray[np.bool_] = begun > over
    return inside
