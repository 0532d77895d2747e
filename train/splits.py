"""The one place that divides recordings into training and validation: by session, never by window."""

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets import Labels, Recording

TAIL = 0.2


def split(
    recordings: list[Recording], kind: Literal["events", "states"]
) -> tuple[list[Recording], list[Recording]]:
    """Training and validation recordings.

    Of several sessions the last one (of each subject) validates. Of a single one its last fifth
    does: the last fifth of its pieces where labels are events in short pieces, the last fifth of
    every piece where they are states.

    Args:
        recordings: sorted by subject, then session.
        kind: what the labels are.
    """
    train: list[Recording] = []
    validation: list[Recording] = []
    for subject in dict.fromkeys(recording.subject for recording in recordings):
        own = [recording for recording in recordings if recording.subject == subject]
        if len(own) > 1:
            train += own[:-1]
            validation.append(own[-1])
        else:
            first, last = split_tail(own[0], kind)
            train.append(first)
            validation.append(last)
    return train, validation


def split_tail(recording: Recording, kind: Literal["events", "states"]) -> tuple[Recording, Recording]:
    """A recording's first four fifths and its last fifth."""
    starts, stops = recording.pieces.T
    if kind == "events":
        cut = len(starts) - max(1, round(len(starts) * TAIL))
        if cut < 1:
            raise RecordingError(f"{recording.source}: too few pieces to validate on; give two sessions")
        return (
            take_rows(recording, recording.pieces[:cut]),
            take_rows(recording, recording.pieces[cut:]),
        )
    middle = stops - np.maximum(1, ((stops - starts) * TAIL).astype(np.int64))
    if not (middle > starts).any():
        raise RecordingError(f"{recording.source}: too short to validate on; give two sessions")
    return (
        take_rows(recording, np.stack([starts, middle], axis=1)),
        take_rows(recording, np.stack([middle, stops], axis=1)),
    )


def take_rows(recording: Recording, ranges: npt.NDArray[np.int64]) -> Recording:
    """The part of a recording in some of its rows; labels are cut where the rows end.

    Args:
        recording: the whole.
        ranges: (n_pieces, 2) rows [start, stop), in order, none across a gap.
    """
    ranges = ranges[ranges[:, 1] > ranges[:, 0]]
    rows = np.concatenate([np.arange(start, stop) for start, stop in ranges])
    lengths = ranges[:, 1] - ranges[:, 0]
    new_starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    labels = recording.labels
    start, stop, code = [], [], []
    for (old_start, old_stop), new_start in zip(ranges, new_starts):
        begin = np.maximum(labels.start, old_start)
        end = np.minimum(labels.stop, old_stop)
        inside = end > begin
        start.append(begin[inside] - old_start + new_start)
        stop.append(end[inside] - old_start + new_start)
        code.append(labels.code[inside])
    return replace(
        recording,
        counts=np.ascontiguousarray(recording.counts[rows]),
        frame_index=recording.frame_index[rows],
        pieces=np.stack([new_starts, new_starts + lengths], axis=1).astype(np.int64),
        labels=Labels(labels.names, np.concatenate(start), np.concatenate(stop), np.concatenate(code)),
    )
