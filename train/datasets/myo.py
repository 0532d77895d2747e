"""Myo armband surface EMG: `p{participant}_session{n}.npz`, 8 electrodes, 200 Hz nominal, no unit.

A session is one-minute recordings that follow each other in the file, not in time. Labels follow the cue.

Data: github.com/aljazfrancic/myo-readings-dataset (MIT).
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.sources.delta_npz import rate_of, read_npz
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps

FILE_NAME = re.compile(r"p(\d+)_session(\d+)\.npz", re.IGNORECASE)
CHANNELS = tuple(f"EMG{electrode}" for electrode in range(1, 9))
NAMES = (
    "rest",
    "flexion",
    "extension",
    "radial_deviation",
    "ulnar_deviation",
    "pronation",
    "supination",
    "fist",
)
GAP_S = 1.0


def read(path: Path, subject: str, session: str) -> Recording:
    """One session; a piece is one recording, a label is a run of one value inside it.

    The file does not say how long the breaks were: the frame counter jumps by `GAP_S` at each.

    Raises:
        RecordingError: the file is damaged, or its labels do not match the samples.
    """
    arrays = read_npz(path, ("emg", "label", "recording", "sfreq"))
    emg = arrays["emg"]
    if emg.dtype != np.int8 or emg.ndim != 2 or emg.shape[1] != len(CHANNELS) or not len(emg):
        raise RecordingError(
            f"{path}: 'emg' must be int8 (n, {len(CHANNELS)}), not {emg.dtype} {emg.shape}; "
            "give the armband's eight electrodes as columns"
        )
    rate_hz = rate_of(path, arrays["sfreq"])
    label = _per_frame(path, "label", arrays["label"], len(emg))
    recording = _per_frame(path, "recording", arrays["recording"], len(emg))
    if label.max() >= len(NAMES):
        raise RecordingError(
            f"{path}: label {label.max()} does not match the {len(NAMES)} gestures 0..{len(NAMES) - 1}; "
            "use the labels of this recording"
        )
    new_piece = np.diff(recording, prepend=recording[:1]) != 0
    frame_index = np.arange(len(emg), dtype=np.int64) + np.cumsum(new_piece) * round(GAP_S * rate_hz)
    edges = np.flatnonzero(new_piece | (np.diff(label, prepend=label[:1]) != 0))
    start = np.concatenate(([0], edges)).astype(np.int64)
    stop = np.concatenate((edges, [len(emg)])).astype(np.int64)
    return Recording(
        counts=np.ascontiguousarray(emg, dtype=np.int32),
        rate_hz=rate_hz,
        channels=CHANNELS,
        lsb_uv=None,
        pieces=split_at_jumps(frame_index),
        frame_index=frame_index,
        labels=Labels(names=NAMES, start=start, stop=stop, code=label[start]),
        subject=subject,
        session=session,
        source=str(path),
    )


def _per_frame(path: Path, key: str, array: NDArray[np.integer], n_frames: int) -> NDArray[np.int64]:
    if array.dtype != np.uint8 or array.shape != (n_frames,):
        raise RecordingError(
            f"{path}: label array {key!r} ({array.dtype} {array.shape}) does not match {n_frames} samples; "
            "use the labels of this recording"
        )
    values: NDArray[np.int64] = array.astype(np.int64)
    return values
