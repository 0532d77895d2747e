"""Score decoders on recordings by replaying them through the device's own pipeline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.classifier import probabilities
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.decoder_scores import macro_auc, one_against_rest
from neurograsp.edge_runtime.event_scores import ScoredStream, score_streams
from neurograsp.edge_runtime.pipeline import STOP, Pipeline
from neurograsp.train.config import ActionsConfig
from neurograsp.train.datasets import Recording
from neurograsp.train.windows import NO_ACTION, action_codes, check_fits, states_at

MEASURES = (
    "auc_macro",
    "balanced_accuracy",
    "accuracy",
    "n_events",
    "event_tpr",
    "false_activations_per_min",
    "detection_latency_ms_p50",
    "detection_latency_ms_p90",
    "held_in_rest",
    "n_scored",
)
"""The figures of `evaluate`; see docs/scores.md. None where one does not apply."""


BatchScorer = Callable[[npt.NDArray[np.int8]], npt.NDArray[np.float64]]
"""Windows (n, window, n_channels) int8 to (n, n_actions) float64 logits."""


@dataclass(frozen=True, eq=False)
class Heard:
    """What the pipeline made of a recording before the network saw it.

    Attributes:
        windows: (n_scores, window, n_channels) int8.
        frames: (n_scores,) frame counter of the newest frame in each.
    """

    windows: npt.NDArray[np.int8]
    frames: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Replay:
    """One recording after it went through the pipeline.

    Attributes:
        stream: its scores in time, and its events.
        logits: (n_scores, n_actions).
        picked: (n_examples,) which of the scores are examples of a label.
        truth: (n_examples,) action of each example.
    """

    stream: ScoredStream
    logits: npt.NDArray[np.float64]
    picked: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]


def hear(recording: Recording, spec: SignalSpec) -> Heard:
    """Push a recording through the board's pipeline; the frame counter carries its gaps.

    Raises:
        RecordingError: it does not fit the spec, or no piece of it is as long as a window.
    """
    check_fits(recording, spec)
    windows: list[npt.NDArray[np.int8]] = []
    n_actions = len(spec.actions.names)

    def keep(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        windows.append(window)
        return np.zeros(n_actions)

    thresholds = (1.0,) * n_actions
    pipeline = Pipeline(spec, DecisionSpec(thresholds, thresholds), keep)
    rows = np.concatenate([np.arange(piece.start, piece.stop) for piece in recording.iter_pieces()])
    made = pipeline.push(recording.counts[rows], recording.frame_index[rows])
    if not windows:
        raise RecordingError(
            f"{recording.source}: no piece is as long as the window of {spec.window_s:g} s; nothing to score"
        )
    frames = [decision.frame for decision in made if decision.command != STOP]
    return Heard(np.stack(windows), np.array(frames, np.int64))


def replay(
    recording: Recording,
    heard: Heard,
    spec: SignalSpec,
    actions: ActionsConfig,
    kind: Literal["events", "states"],
    scorer: BatchScorer,
) -> Replay:
    """Score what was heard and set it beside the labels.

    Args:
        recording: where it was heard.
        heard: see `hear`.
        spec: of the bundle.
        actions: labels to actions.
        kind: "events": each labelled stretch is one example, scored by the window that ends next to
            its end. "states": every window is an example of the label at its newest frame.
        scorer: windows to logits.
    """
    logits = scorer(heard.windows)
    end = np.searchsorted(recording.frame_index, heard.frames)
    codes = action_codes(recording, actions)
    if kind == "events":
        picked, truth = _event_examples(recording, codes, end, spec)
    else:
        state, _ = states_at(recording, codes, end)
        picked = np.flatnonzero(state != NO_ACTION)
        truth = state[picked]
    return Replay(_stream(recording, codes, spec, heard.frames, logits), logits, picked, truth)


def _event_examples(
    recording: Recording, codes: npt.NDArray[np.int64], end: npt.NDArray[np.int64], spec: SignalSpec
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The score whose window ends nearest to each stretch's end, no more than a hop away."""
    picked, truth = [], []
    reach = spec.hop * spec.decimation
    for stop, code in zip(recording.labels.stop, codes):
        if code == NO_ACTION or len(end) == 0:
            continue
        distance = np.abs(end + 1 - stop)
        nearest = int(np.argmin(distance))
        if distance[nearest] <= reach:
            picked.append(nearest)
            truth.append(int(code))
    return np.array(picked, np.int64), np.array(truth, np.int64)


def _stream(
    recording: Recording,
    codes: npt.NDArray[np.int64],
    spec: SignalSpec,
    frames: npt.NDArray[np.int64],
    logits: npt.NDArray[np.float64],
) -> ScoredStream:
    rest = codes == (NO_ACTION if spec.actions.rest_index is None else spec.actions.rest_index)
    if spec.actions.rest_index is None:
        rest = np.zeros(len(codes), bool)
    labels = recording.labels
    event = (codes != NO_ACTION) & ~rest
    rest_start, rest_stop = _within_pieces(recording, rest)
    start, stop = recording.frame_index[labels.start], recording.frame_index[labels.stop - 1] + 1
    return ScoredStream(
        time_s=frames / spec.rate_hz,
        restart=np.diff(frames, prepend=frames[:1]) > spec.hop * spec.decimation,
        probabilities=probabilities(logits, spec.actions.output),
        event_start_s=start[event] / spec.rate_hz,
        event_stop_s=stop[event] / spec.rate_hz,
        event_action=codes[event],
        rest_start_s=rest_start / spec.rate_hz,
        rest_stop_s=rest_stop / spec.rate_hz,
    )


def _within_pieces(
    recording: Recording, chosen: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Frame counters [start, stop) of labelled stretches, without the gaps in them."""
    start = np.maximum(recording.labels.start[chosen][:, None], recording.pieces[:, 0])
    stop = np.minimum(recording.labels.stop[chosen][:, None], recording.pieces[:, 1])
    there = stop > start
    return recording.frame_index[start[there]], recording.frame_index[stop[there] - 1] + 1


def measure(
    replays: Sequence[Replay], spec: SignalSpec, decision: DecisionSpec
) -> dict[str, float | int | None]:
    """The figures named in MEASURES, over all replays together.

    auc_macro is the mean over the actions of the one-vs-rest area under the ROC curve;
    balanced_accuracy the mean recall of the most probable action; the controller's figures are
    those of `event_scores` at the decision layer's thresholds.
    """
    logits = np.concatenate([replay.logits[replay.picked] for replay in replays])
    truth = np.concatenate([replay.truth for replay in replays])
    controller = score_streams([replay.stream for replay in replays], decision, spec.actions)
    guess = logits.argmax(axis=1) if len(logits) else np.zeros(0, np.int64)
    recalls = [float((guess[truth == code] == code).mean()) for code in np.unique(truth)]
    one_hot = np.eye(len(spec.actions.names))[truth]
    return {
        "auc_macro": macro_auc(one_hot, one_against_rest(logits, spec.actions.output)),
        "balanced_accuracy": float(np.mean(recalls)) if recalls else None,
        "accuracy": float((guess == truth).mean()) if len(truth) else None,
        "n_events": controller.n_events,
        "event_tpr": controller.event_tpr,
        "false_activations_per_min": controller.false_activations_per_min,
        "detection_latency_ms_p50": controller.latency_ms(0.5),
        "detection_latency_ms_p90": controller.latency_ms(0.9),
        "held_in_rest": controller.held_in_rest,
        "n_scored": len(truth),
    }


def measure_subjects(
    recordings: Sequence[Recording], replays: Sequence[Replay], spec: SignalSpec, decision: DecisionSpec
) -> dict[str, dict[str, float | int | None]]:
    """The figures of each subject; `mean_over_subjects` makes one of them."""
    own: dict[str, list[Replay]] = {}
    for recording, one in zip(recordings, replays, strict=True):
        own.setdefault(recording.subject, []).append(one)
    return {subject: measure(found, spec, decision) for subject, found in own.items()}


def confusion(replays: Sequence[Replay], n_actions: int) -> list[list[int]]:
    """(n_actions, n_actions) counts: rows are what was, columns what the scores say."""
    table = np.zeros((n_actions, n_actions), np.int64)
    for one in replays:
        if len(one.truth):
            np.add.at(table, (one.truth, one.logits[one.picked].argmax(axis=1)), 1)
    return [[int(value) for value in row] for row in table]


def by_measure(figures: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """{"int8": {measure: value}} to {measure: {"float": ..., "int8": ..., "linear": ...}}."""
    return {
        name: {model: figures.get(model, {}).get(name) for model in ("float", "int8", "linear")}
        for name in MEASURES
    }
