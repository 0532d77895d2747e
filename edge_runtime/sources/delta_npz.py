"""Integer signals stored as differences in an `.npz`: small on disk, exact, readable with numpy alone.

A recording is untrusted input: sizes are capped and compared with the archive's own directory
before anything is allocated, and nothing is unpickled.
"""

import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import RecordingError

MAX_BYTES = 512 * 1024 * 1024
MAX_MEMBERS = 64
MAX_RATE_HZ = 1e6


@dataclass(frozen=True, eq=False)
class DeltaFrames:
    """Frames of one file.

    Attributes:
        counts: (n_frames, n_channels) int32, C-contiguous, amplifier counts.
        frame_index: (n_frames,) int64, the source's frame counter; it jumps at a gap.
        rate_hz: frames a second.
        channels: channel names in the order of the columns.
        path: where the frames came from, for messages.
    """

    counts: NDArray[np.int32]
    frame_index: NDArray[np.int64]
    rate_hz: float
    channels: tuple[str, ...]
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
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            _check_sizes(path, list(members.values()))
            missing = [name for name in required if f"{name}.npy" not in members]
            if missing:
                raise RecordingError(
                    f"{path}: no array {', '.join(map(repr, missing))} in it; it is not a recording of this "
                    "format, or it was written incompletely"
                )
            return {
                name: _read_member(archive, members[f"{name}.npy"])
                for name in (*required, *optional)
                if f"{name}.npy" in members
            }
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: no such recording; check the path") from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except (
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise RecordingError(
            f"{path}: damaged or not an .npz ({_one_line(error)}); copy it again from its source"
        ) from error


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


def _check_sizes(path: str | Path, members: list[zipfile.ZipInfo]) -> None:
    total = sum(info.file_size for info in members)
    if len(members) > MAX_MEMBERS or total > MAX_BYTES:
        raise RecordingError(
            f"{path}: {len(members)} arrays of {total} bytes in all are over the limit of "
            f"{MAX_MEMBERS} arrays and {MAX_BYTES} bytes; split the recording"
        )


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """Read one `.npy` whose declared shape must be exactly what the archive's directory says is there."""
    with archive.open(info) as stream:
        version = npy.read_magic(stream)
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"{info.filename} has .npy version {version}")
        shape, fortran_order, dtype = readers[version](stream)
        n_bytes = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or n_bytes != info.file_size - stream.tell():
            raise ValueError(f"{info.filename} does not hold the {dtype} {shape} it declares")
        data = stream.read(n_bytes)
        if len(data) != n_bytes:
            raise EOFError(f"{info.filename} ends early")
    return np.ndarray(shape, dtype, buffer=data, order="F" if fortran_order else "C")


def _rising(path: str | Path, frame: NDArray[Any], n_frames: int) -> NDArray[np.int64]:
    if frame.dtype.kind not in "iu" or frame.shape != (n_frames,):
        raise RecordingError(
            f"{path}: 'frame' must be {n_frames} integers, one a frame, not {frame.dtype} {frame.shape}; "
            "write the frame counter"
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


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
