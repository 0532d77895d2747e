"""Integer signals stored as differences in an `.npz`: small on disk, exact, readable with numpy alone.

A recording is untrusted input: sizes are capped and compared with the archive's own directory
before anything is allocated, and nothing is unpickled.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime import npz
from neurograsp.edge_runtime.contract.errors import RecordingError

MAX_BYTES = 512 * 1024 * 1024
MAX_RATE_HZ = 1e6
MAX_FRAME = 2**53
"""Playback carries the frame counter as float64."""


@dataclass(frozen=True, eq=False)
class DeltaFrames:
    """Frames of one file.

    Attributes:
        counts: (n_frames, n_channels) int32, C-contiguous, amplifier counts.
        frame_index: (n_frames,) int64, the source's frame counter; it jumps at a gap.
        rate_hz: frames a second.
        channels: channel names in the order of the columns.
        lsb_uv: microvolt a count, or None where the source has no unit.
        path: where the frames came from, for messages.
    """

    counts: NDArray[np.int32]
    frame_index: NDArray[np.int64]
    rate_hz: float
    channels: tuple[str, ...]
    lsb_uv: float | None
    path: str


def read_delta_npz(path: str | Path) -> DeltaFrames:
    """Read `eeg_delta`, `sfreq`, `channels` and, where there is one, `frame`.

    `eeg_delta` is (n_channels, n_frames) int16; its running sum with int16 wrap-around is the signal.
    A file without `frame` has no gaps.

    Raises:
        RecordingError: the file is missing, damaged, too large or not of this format.
    """
    arrays = read_npz(path, ("eeg_delta", "sfreq", "channels"), optional=("frame",))
    delta = arrays["eeg_delta"]
    if delta.dtype != np.int16 or delta.ndim != 2 or 0 in delta.shape:
        raise RecordingError(
            f"{path}: 'eeg_delta' must be int16 (n_channels, n_frames), not {delta.dtype} {delta.shape}; "
            "write it as the difference of int16 samples along time"
        )
    channels = names_of(path, "channels", arrays["channels"])
    if len(channels) != delta.shape[0]:
        raise RecordingError(
            f"{path}: 'channels' names {len(channels)} channels and 'eeg_delta' has {delta.shape[0]}; "
            "give one name a row"
        )
    n_frames = delta.shape[1]
    frame_index = np.arange(n_frames, dtype=np.int64)
    if "frame" in arrays:
        frame_index = _rising(path, arrays["frame"], n_frames)
    signal = np.cumsum(delta, axis=1, dtype=np.int16)
    return DeltaFrames(
        counts=np.ascontiguousarray(signal.T, dtype=np.int32),
        frame_index=frame_index,
        rate_hz=rate_of(path, arrays["sfreq"]),
        channels=channels,
        lsb_uv=None,
        path=str(path),
    )


def read_npz(
    path: str | Path, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Load the named arrays of an untrusted `.npz`; others in it are not looked at.

    Returns:
        name -> read-only array; an absent optional one is left out.

    Raises:
        RecordingError: the file is missing, damaged or over the size caps, or lacks a required array.
    """
    try:
        return npz.read_npz(path, required, optional, max_bytes=MAX_BYTES)
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: no such recording; check the path") from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except npz.NpzError as error:
        raise RecordingError(f"{path}: {error}") from error


def names_of(path: str | Path, key: str, array: NDArray[Any]) -> tuple[str, ...]:
    """A one-dimensional array of distinct, non-empty texts as a tuple; RecordingError if it isn't one."""
    try:
        names = tuple(map(str, array.tolist())) if array.dtype.kind == "U" and array.ndim == 1 else ()
    except ValueError as error:
        raise RecordingError(f"{path}: {key!r} holds text that is not Unicode; write it again") from error
    if not names or "" in names or len(set(names)) != len(names):
        raise RecordingError(
            f"{path}: {key!r} must be distinct names, not {array.dtype} {array.shape}; write one name each"
        )
    return names


def rate_of(path: str | Path, array: NDArray[Any]) -> float:
    """`sfreq` as a float in hertz; RecordingError unless it is one finite positive number."""
    rate_hz = float(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind in "fiu" else math.nan
    if not 0 < rate_hz <= MAX_RATE_HZ:
        raise RecordingError(
            f"{path}: 'sfreq' must be one number of hertz above 0, not "
            f"{rate_hz if array.size == 1 else array.shape}; write the sampling rate"
        )
    return rate_hz


def _rising(path: str | Path, frame: NDArray[Any], n_frames: int) -> NDArray[np.int64]:
    if frame.dtype.kind not in "iu" or frame.shape != (n_frames,):
        raise RecordingError(
            f"{path}: 'frame' must be {n_frames} integers, one a frame, not {frame.dtype} {frame.shape}; "
            "write the frame counter"
        )
    if int(frame.max()) > MAX_FRAME:
        raise RecordingError(
            f"{path}: 'frame' goes up to {int(frame.max())}, at most 2^53 is possible; begin it at 0"
        )
    index: NDArray[np.int64] = frame.astype(np.int64)
    fallen = np.flatnonzero(index[1:] <= index[:-1])
    if fallen.size or index[0] < 0:
        row = int(fallen[0]) + 1 if fallen.size else 0
        raise RecordingError(
            f"{path}: 'frame' does not rise at row {row} (value {int(index[row])}); "
            "sort the frames and drop repeated ones"
        )
    return index
