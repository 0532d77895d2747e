"""The one place that divides recordings into training and validation, and that names the division."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.train.datasets import Labels, Recording

TAIL = 0.2

Split = Literal["auto", "within-session", "cross-session", "cross-subject"]
"""What validates. "within-session": the end of every session. "cross-session": the last session of every
subject. "cross-subject": all sessions of the last subject. "auto": the last session of a subject who has
several, the end of a single one. (Names as in MOABB: Jayaram & Barachant, J. Neural Eng. 15, 066011, 2018.)
"""

Unseen = Literal["cross-session", "cross-subject", "seen"]
"""What scores say of recordings: other sessions of people who were trained or validated on, other people, or
nothing."""


def split(
    recordings: Sequence[Recording],
    labels: Literal["events", "states"],
    how: Split = "auto",
    held_out: Collection[int | str] | None = None,
) -> tuple[list[Recording], list[Recording]]:
    """Training and validation recordings; by session or subject, or in time, never by window.

    The end of a session is the last fifth of its pieces where labels are events in short pieces, the
    last fifth of every piece where they are states.

    Args:
        recordings: sorted by subject, then session.
        labels: what they are.
        how: see `Split`.
        held_out: the sessions or subjects that validate instead of the last one.

    Raises:
        ConfigError: there are not the sessions or subjects to divide.
        RecordingError: a session too short to divide.
    """
    if held_out is not None:
        return _hold_out(recordings, how, held_out)
    subjects = list(dict.fromkeys(recording.subject for recording in recordings))
    if how == "cross-subject":
        if len(subjects) < 2:
            raise ConfigError(
                f"data.split: 'cross-subject' with one subject ({subjects[0]}); name more in data.subjects, "
                "of whom the last validates"
            )
        left_out = subjects[-1]
        return (
            [one for one in recordings if one.subject != left_out],
            [one for one in recordings if one.subject == left_out],
        )
    train: list[Recording] = []
    validation: list[Recording] = []
    for subject in subjects:
        own = [recording for recording in recordings if recording.subject == subject]
        if how == "cross-session" and len(own) == 1:
            raise ConfigError(
                f"data.split: 'cross-session', but subject {subject} has one session ({own[0].session}); "
                "give two, or choose 'within-session'"
            )
        if how == "within-session" or len(own) == 1:
            parts = [split_tail(one, labels) for one in own]
            train += [first for first, _ in parts]
            validation += [last for _, last in parts]
        else:
            train += own[:-1]
            validation.append(own[-1])
    return train, validation


def _hold_out(
    recordings: Sequence[Recording], how: Split, held_out: Collection[int | str]
) -> tuple[list[Recording], list[Recording]]:
    kind: Literal["subject", "session"] = "subject" if how == "cross-subject" else "session"
    names = {str(name) for name in held_out}
    absent = names.difference(getattr(one, kind) for one in recordings)
    if absent or not names:
        raise ConfigError(
            f"data.held_out: {f'no {kind} ' + ', '.join(sorted(absent)) if absent else f'names no {kind}'}; "
            f"there are {', '.join(dict.fromkeys(getattr(one, kind) for one in recordings))}"
        )
    train = [one for one in recordings if getattr(one, kind) not in names]
    if not train:
        raise ConfigError(f"data.held_out: holds out every {kind}; leave one to train on")
    return train, [one for one in recordings if getattr(one, kind) in names]


def unseen(name: str, known: Collection[str]) -> Unseen:
    """What a score of a recording is worth.

    Args:
        name: the recording as "subject/session".
        known: those that were trained or validated on.
    """
    if name in known:
        return "seen"
    subjects = {one.partition("/")[0] for one in known}
    return "cross-session" if name.partition("/")[0] in subjects else "cross-subject"


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
