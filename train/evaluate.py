"""Score decoders on recordings by replaying them through the device's own pipeline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.classifier import probabilities
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.decoder_scores import (
    accuracy,
    balanced_accuracy,
    exclusive,
    frame_auc,
    macro_auc,
    one_against_rest,
)
from neurograsp.edge_runtime.event_scores import Happened, ScoredStream, score_streams, scored_stream
from neurograsp.edge_runtime.pipeline import STOP, Pipeline
from neurograsp.train.channels import fitted
from neurograsp.train.config import ActionsConfig, LabelsConfig, Unlabelled
from neurograsp.train.datasets import Recording
from neurograsp.train.targets import NO_ACTION, action_codes, active_at, truth_at

MODELS = ("float", "int8", "linear")

MEASURES = (
    "auc_macro",
    "auc_frame",
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
        picked: (n_examples,) which of the scores are examples.
        truth: (n_examples, n_actions) uint8, the actions of each example.
        block: (n_examples,) examples of one number are of one labelled stretch, and not independent.
        active: (n_scores, n_actions) bool, the actions labelled at each score's newest frame.
    """

    stream: ScoredStream
    logits: npt.NDArray[np.float64]
    picked: npt.NDArray[np.int64]
    truth: npt.NDArray[np.uint8]
    block: npt.NDArray[np.int64]
    active: npt.NDArray[np.bool_]


def hear(recording: Recording, spec: SignalSpec) -> Heard:
    """Push a recording through the board's pipeline; the frame counter carries its gaps.

    Raises:
        RecordingError: it does not fit the spec, or no piece of it is as long as a window.
    """
    recording = fitted(recording, spec)
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
    labels: LabelsConfig,
    scorer: BatchScorer,
    skip_s: float = 0.0,
) -> Replay:
    """Score what was heard and set it beside the labels.

    Args:
        recording: where it was heard.
        heard: see `hear`.
        spec: of the bundle.
        actions: labels to actions.
        labels: of kind "events": each labelled stretch is one example, scored by the window that ends
            next to its end. "states": every window is an example of the labels at its newest frame.
        scorer: windows to logits.
        skip_s: states: windows that end so soon after a change of labels are no examples. Labels follow
            a cue and people are slower; with the length of a window, it lies in one state whole.
    """
    logits = scorer(heard.windows)
    end = np.searchsorted(recording.frame_index, heard.frames)
    codes = action_codes(recording, actions)
    n_actions = len(spec.actions.names)
    if labels.kind == "events":
        picked, block = _event_examples(recording, codes, end, spec)
        truth = np.eye(n_actions, dtype=np.uint8)[codes[block]]
    else:
        there = truth_at(recording, codes, end, spec.actions, labels.unlabelled)
        picked = np.flatnonzero(there.known & (end - there.since >= skip_s * spec.rate_hz))
        block, truth = there.block[picked], there.active[picked].astype(np.uint8)
    happened = what_happened(recording, codes, spec, labels.unlabelled)
    scores = probabilities(logits, spec.actions.output)
    stream = scored_stream(heard.frames, scores, spec, happened)
    return Replay(stream, logits, picked, truth, block, active_at(recording, codes, end, n_actions))


def _event_examples(
    recording: Recording, codes: npt.NDArray[np.int64], end: npt.NDArray[np.int64], spec: SignalSpec
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The score whose window ends nearest to each stretch's end, no more than a hop away; the stretch."""
    picked, stretches = [], []
    reach = spec.hop * spec.decimation
    for number, (stop, code) in enumerate(zip(recording.labels.stop, codes)):
        if code == NO_ACTION or len(end) == 0:
            continue
        distance = np.abs(end + 1 - stop)
        nearest = int(np.argmin(distance))
        if distance[nearest] <= reach:
            picked.append(nearest)
            stretches.append(number)
    return np.array(picked, np.int64), np.array(stretches, np.int64)


def what_happened(
    recording: Recording, codes: npt.NDArray[np.int64], spec: SignalSpec, unlabelled: Unlabelled
) -> Happened:
    """The labels of a recording, as its stream time and the spec's actions."""
    labels = recording.labels
    rest = np.isin(codes, [] if spec.actions.rest_index is None else [spec.actions.rest_index])
    event = (codes != NO_ACTION) & ~rest
    rest_rows = ~_rows_of(recording, event) if unlabelled == "none" else _rows_of(recording, rest)
    rest_start, rest_stop = _stretches(recording, rest_rows)
    start, stop = recording.frame_index[labels.start], recording.frame_index[labels.stop - 1] + 1
    return Happened(
        event_start_s=start[event] / spec.rate_hz,
        event_stop_s=stop[event] / spec.rate_hz,
        event_action=codes[event],
        rest_start_s=rest_start / spec.rate_hz,
        rest_stop_s=rest_stop / spec.rate_hz,
    )


def _rows_of(recording: Recording, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(n_frames,) the rows of some of the labelled stretches."""
    rows = np.zeros(recording.n_frames, bool)
    for start, stop in zip(recording.labels.start[chosen], recording.labels.stop[chosen]):
        rows[start:stop] = True
    return rows


def _stretches(
    recording: Recording, rows: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Frame counters [start, stop) of the runs of rows, none across a gap."""
    starts, stops = [], []
    for piece in recording.iter_pieces():
        edges = np.flatnonzero(np.diff(np.concatenate([[False], rows[piece], [False]]))) + piece.start
        starts.append(recording.frame_index[edges[::2]])
        stops.append(recording.frame_index[edges[1::2] - 1] + 1)
    return np.concatenate(starts), np.concatenate(stops)


def measure(
    replays: Sequence[Replay], spec: SignalSpec, decision: DecisionSpec
) -> dict[str, float | int | None]:
    """The figures named in MEASURES, over all replays together.

    auc_macro is the mean over the actions of the one-vs-rest area under the ROC curve; auc_frame the mean
    over scores of the area over the actions of one frame; balanced_accuracy the mean recall of the most
    probable action; the controller's figures are those of `event_scores` at the decision layer's thresholds.
    """
    logits = np.concatenate([replay.logits[replay.picked] for replay in replays])
    truth = np.concatenate([replay.truth for replay in replays])
    controller = score_streams([replay.stream for replay in replays], decision, spec.actions)
    return {
        "auc_macro": macro_auc(truth, one_against_rest(logits, spec.actions.output)),
        "auc_frame": frame_auc(
            np.concatenate([replay.active for replay in replays]),
            np.concatenate([replay.logits for replay in replays]),
        ),
        "balanced_accuracy": balanced_accuracy(truth, logits),
        "accuracy": accuracy(truth, logits),
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
    own = group_by_subject(recordings, replays)
    return {subject: measure(found, spec, decision) for subject, found in own.items()}


def group_by_subject(recordings: Sequence[Recording], replays: Sequence[Replay]) -> dict[str, list[Replay]]:
    """The replays of each subject, in the order in which subjects first come."""
    own: dict[str, list[Replay]] = {}
    for recording, one in zip(recordings, replays, strict=True):
        own.setdefault(recording.subject, []).append(one)
    return own


def confusion(replays: Sequence[Replay], n_actions: int) -> list[list[int]]:
    """(n_actions, n_actions) counts of examples of one action: rows what was, columns the highest score."""
    table = np.zeros((n_actions, n_actions), np.int64)
    for one in replays:
        np.add.at(table, exclusive(one.truth, one.logits[one.picked]), 1)
    return [[int(value) for value in row] for row in table]


def by_measure(
    figures: Mapping[str, Mapping[str, Any]], measures: Sequence[str] = MEASURES
) -> dict[str, dict[str, Any]]:
    """{"int8": {measure: value}} to {measure: {"float": ..., "int8": ..., "linear": ...}}."""
    return {name: {model: figures.get(model, {}).get(name) for model in MODELS} for name in measures}
