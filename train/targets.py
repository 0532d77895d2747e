"""What labels say: the truth at any row, and the targets of training windows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.contract.signal_spec import ActionSet, SignalSpec
from neurograsp.train.config import ActionsConfig, LabelsConfig, Unlabelled
from neurograsp.train.datasets import Recording

NO_ACTION = -1

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Truth:
    """Attributes:
    active: (n_rows, n_actions) bool; of a softmax at most one action a row, the one that began last.
    known: (n_rows,) bool, whether the labels say anything there.
    block: (n_rows,) int64, rows of one number have no change of labels between them.
    since: (n_rows,) int64, the row at which the block begins.
    """

    active: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    block: Int64
    since: Int64


def action_codes(recording: Recording, actions: ActionsConfig) -> Int64:
    """(n_labels,) index of the action of each labelled stretch, NO_ACTION where it is none of them.

    Raises:
        RecordingError: not a single stretch is one of the actions'.
    """
    of_label: dict[str, int] = {}
    for index, action in enumerate(actions.names):
        for label in actions.labels.get(action, (action,)):
            of_label[label] = index
    table = np.array([of_label.get(name, NO_ACTION) for name in recording.labels.names], np.int64)
    codes = table[recording.labels.code]
    if not (codes != NO_ACTION).any():
        raise RecordingError(
            f"{recording.source}: none of its labels ({', '.join(recording.labels.names)}) is one of the "
            f"actions' ({', '.join(sorted(of_label))}); set actions.labels"
        )
    return codes


def active_at(recording: Recording, codes: Int64, rows: Int64, n_actions: int) -> npt.NDArray[np.bool_]:
    """(n_rows, n_actions) actions whose stretches hold each row; rows must rise."""
    active = np.zeros((len(rows), n_actions), bool)
    first, last = np.searchsorted(rows, [recording.labels.start, recording.labels.stop])
    for begin, end, code in zip(first, last, codes):
        if code != NO_ACTION:
            active[begin:end, code] = True
    return active


def truth_at(
    recording: Recording, codes: Int64, rows: Int64, actions: ActionSet, unlabelled: Unlabelled
) -> Truth:
    """The truth at some rows.

    Args:
        recording: with its labels.
        codes: see `action_codes`.
        rows: (n_rows,) rising.
        actions: the action set.
        unlabelled: what a row without a label of the action set means.
    """
    labels = recording.labels
    active = active_at(recording, codes, rows, len(actions.names))
    if actions.output == "softmax":
        active = _newest_only(recording, codes, rows, active)
    known: npt.NDArray[np.bool_] = np.any(active, axis=1)
    if unlabelled == "none":
        if actions.rest_index is not None:
            active[~known, actions.rest_index] = True
        known = np.ones(len(rows), bool)
    counted = codes != NO_ACTION
    edges = np.unique(np.concatenate([[0], labels.start[counted], labels.stop[counted]]))
    block = np.searchsorted(edges, rows, side="right") - 1
    return Truth(active, known, block, edges[block])


def _newest_only(
    recording: Recording, codes: Int64, rows: Int64, active: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    newest = np.full(len(rows), NO_ACTION, np.int64)
    for label in np.argsort(recording.labels.start, kind="stable"):
        if codes[label] != NO_ACTION:
            begin, end = np.searchsorted(rows, [recording.labels.start[label], recording.labels.stop[label]])
            newest[begin:end] = codes[label]
    one: npt.NDArray[np.bool_] = newest[:, None] == np.arange(active.shape[1])
    return one


def event_targets(
    recording: Recording, codes: Int64, end: Int64, spec: SignalSpec, tolerance: int
) -> npt.NDArray[np.float32]:
    """(n, n_actions) float32: the events whose stretches end with the windows, or nearly.

    Args:
        recording: with its labels.
        codes: see `action_codes`.
        end: (n,) row of the newest frame in each window.
        spec: of the windows.
        tolerance: kept frames beside a stretch's end. Of a softmax the nearest event alone counts.
    """
    y = np.zeros((len(end), len(spec.actions.names)), np.float32)
    known = codes != NO_ACTION
    distance = np.abs(end[:, None] + 1 - recording.labels.stop[known])
    near = distance <= tolerance * spec.decimation
    if spec.actions.output == "softmax":
        near &= distance == distance.min(axis=1, keepdims=True)
        near &= np.cumsum(near, axis=1) == 1
    window, event = np.nonzero(near)
    y[window, codes[known][event]] = 1
    return y


def training_targets(
    recording: Recording, codes: Int64, end: Int64, spec: SignalSpec, labels: LabelsConfig
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Targets (n, n_actions) float32 of windows, and which windows are examples at all (n,).

    Args:
        recording: with its labels.
        codes: see `action_codes`.
        end: (n,) row of the newest frame in each window.
        spec: of the windows.
        labels: how labels become targets.
    """
    if labels.kind == "events":
        y = event_targets(recording, codes, end, spec, labels.tolerance)
        return y, np.any(y, axis=1)
    if labels.border_s:
        rows = np.arange(recording.n_frames)
        everywhere = truth_at(recording, codes, rows, spec.actions, labels.unlabelled)
        reach = round(labels.border_s * spec.rate_hz)
        return soft_targets(everywhere, recording.pieces, end, reach), everywhere.known[end]
    truth = truth_at(recording, codes, end, spec.actions, labels.unlabelled)
    first = end + 1 - spec.window * spec.decimation
    settled = first - truth.since >= labels.skip_s * spec.rate_hz
    return truth.active.astype(np.float32), truth.known & settled


def soft_targets(truth: Truth, pieces: Int64, end: Int64, reach: int) -> npt.NDArray[np.float32]:
    """(n, n_actions) float32: the share of each action in the rows around a window's newest frame.

    Across the border of two states that is a straight line from one to the other. Nothing across a gap and
    nothing unknown has a share.

    Args:
        truth: at every row of the recording.
        pieces: (n_pieces, 2) of the recording.
        end: (n,) rows, each in a piece; those that are known have targets.
        reach: rows before and after.
    """
    piece = pieces[np.searchsorted(pieces[:, 0], end, side="right") - 1]
    first = np.maximum(end - reach, piece[:, 0])
    stop = np.minimum(end + reach + 1, piece[:, 1])
    before = np.zeros((len(truth.known) + 1, truth.active.shape[1] + 1), np.int64)
    np.cumsum(np.column_stack([truth.active, truth.known]), axis=0, out=before[1:])
    within = before[stop] - before[first]
    share: npt.NDArray[np.float64] = within[:, :-1] / np.maximum(within[:, -1:], 1)
    return share.astype(np.float32)
