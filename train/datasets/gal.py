"""WAY-EEG-GAL event windows: `subj{S}_series{R}.npz`, 32 channels at 500 Hz, six grasp-and-lift events.

Only frames within 150 ms of an event are there; the frame counter jumps over the rest.

Luciw, Jarocka & Edin, "Multi-channel EEG recordings during 3,936 grasp and lift trials with varying
weight and friction", Scientific Data 1:140047 (2014).
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames, names_of, read_delta_npz, read_npz
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps

FILE_NAME = re.compile(r"subj(\d+)_series(\d+)\.npz", re.IGNORECASE)


def read(path: Path, subject: str, session: str) -> Recording:
    """One series; labels are the event windows, 149 or 150 frames each.

    Raises:
        RecordingError: the file is damaged, or its two forms of the labels contradict each other.
    """
    frames = read_delta_npz(path)
    return Recording(
        counts=frames.counts,
        rate_hz=frames.rate_hz,
        channels=frames.channels,
        lsb_uv=None,
        pieces=split_at_jumps(frames.frame_index),
        frame_index=frames.frame_index,
        labels=_labels(frames),
        subject=subject,
        session=session,
        source=frames.path,
    )


def _labels(frames: DeltaFrames) -> Labels:
    arrays = read_npz(frames.path, ("windows", "event_names", "events"))
    windows, events = arrays["windows"], arrays["events"]
    names = names_of(frames.path, "event_names", arrays["event_names"])
    n_frames = len(frames.frame_index)
    if windows.dtype.kind not in "iu" or windows.ndim != 2 or windows.shape[1] != 4:
        raise RecordingError(
            f"{frames.path}: label array 'windows' must be integers (m, 4), not {windows.dtype} "
            f"{windows.shape}; copy the recording again from its source"
        )
    if events.dtype.kind not in "biu" or events.shape != (n_frames, len(names)):
        raise RecordingError(
            f"{frames.path}: label array 'events' ({events.dtype} {events.shape}) does not match "
            f"{n_frames} frames and {len(names)} event names; use the labels of this recording"
        )
    code, _, first, length = windows.astype(np.int64).T
    bad = np.flatnonzero((code < 0) | (code >= len(names)) | (length <= 0) | (length > n_frames))
    if bad.size:
        raise RecordingError(
            f"{frames.path}: label window {int(bad[0])} {windows[bad[0]].tolist()} does not match "
            f"{len(names)} event names and {n_frames} frames; use the labels of this recording"
        )
    start = np.searchsorted(frames.frame_index, first).astype(np.int64)
    stop = start + length
    _check_present(frames, windows, start, stop)
    _check_agree(frames, names, events, start, stop, code)
    return Labels(names=names, start=start, stop=stop, code=code.copy())


def _check_present(
    frames: DeltaFrames, windows: NDArray[np.integer], start: NDArray[np.int64], stop: NDArray[np.int64]
) -> None:
    """Every window's first and last frame must be there, with no gap between."""
    index = frames.frame_index
    first, length = windows[:, 2].astype(np.int64), windows[:, 3].astype(np.int64)
    here = stop <= len(index)
    here[here] &= (index[start[here]] == first[here]) & (index[stop[here] - 1] == (first + length - 1)[here])
    bad = np.flatnonzero(~here)
    if bad.size:
        raise RecordingError(
            f"{frames.path}: label window {int(bad[0])} {windows[bad[0]].tolist()} does not match the "
            "frames: not all of them are in the recording; use the labels of this recording"
        )


def _check_agree(
    frames: DeltaFrames,
    names: tuple[str, ...],
    events: NDArray[np.integer],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    code: NDArray[np.int64],
) -> None:
    rebuilt = np.zeros(events.shape, dtype=bool)
    for a, b, column in zip(start.tolist(), stop.tolist(), code.tolist(), strict=True):
        rebuilt[a:b, column] = True
    rows, columns = np.nonzero(rebuilt != events)
    if rows.size:
        raise RecordingError(
            f"{frames.path}: label {names[columns[0]]!r} does not match: 'windows' and 'events' differ at "
            f"frame {int(frames.frame_index[rows[0]])}; use the labels of this recording"
        )
