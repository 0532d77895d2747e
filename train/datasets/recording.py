"""What every reader gives: one recording in integer counts, with its gaps and labels."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import RecordingError


@dataclass(frozen=True, eq=False)
class Labels:
    """Labelled stretches of a recording; they may overlap.

    Attributes:
        names: what a code stands for.
        start: (n,) int64, first row of each stretch.
        stop: (n,) int64, row after the last, above `start`.
        code: (n,) int64, index into `names`.

    Raises:
        RecordingError: shapes, types or values that break the above.
    """

    names: tuple[str, ...]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    code: NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.start) if isinstance(self.start, np.ndarray) and self.start.ndim == 1 else -1
        for key in ("start", "stop", "code"):
            _check_array("labels", key, getattr(self, key), np.dtype(np.int64), (n,))
        if len(set(self.names)) != len(self.names) or "" in self.names:
            raise RecordingError(f"labels: names must be distinct and not empty, not {self.names}")
        if np.any(self.start < 0) or np.any(self.stop <= self.start):
            raise RecordingError("labels: each must start at row 0 or later and stop after it starts")
        if np.any(self.code < 0) or np.any(self.code >= len(self.names)):
            raise RecordingError(f"labels: a code is outside 0..{len(self.names) - 1}, the names there are")

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, eq=False)
class Recording:
    """One session of one subject.

    Attributes:
        counts: (n_frames, n_channels) int32, C-contiguous, amplifier counts.
        rate_hz: frames a second.
        channels: channel names in the order of the columns.
        lsb_uv: microvolt a count, or None where the source has no one unit.
        pieces: (n_pieces, 2) int64, rows [start, stop) that are contiguous in time, in order;
            nothing is filtered or windowed across two of them.
        frame_index: (n_frames,) int64, the source's frame counter: rises by 1 inside a piece, by more
            at a gap.
        labels: the labelled stretches, in rows.
        subject: the subject's name in its data set.
        session: the session's name in its data set.
        source: path, for messages.

    Raises:
        RecordingError: shapes, types or values that break the above; the message names `source`.
    """

    counts: NDArray[np.int32]
    rate_hz: float
    channels: tuple[str, ...]
    lsb_uv: float | None
    pieces: NDArray[np.int64]
    frame_index: NDArray[np.int64]
    labels: Labels
    subject: str
    session: str
    source: str

    def __post_init__(self) -> None:
        n_channels = len(self.channels)
        n_frames = len(self.counts) if isinstance(self.counts, np.ndarray) and self.counts.ndim else 0
        _check_array(self.source, "counts", self.counts, np.dtype(np.int32), (n_frames, n_channels))
        if not n_frames or not n_channels or not self.counts.flags.c_contiguous:
            raise RecordingError(
                f"{self.source}: counts must have frames and channels in C order, not {self.counts.shape}"
            )
        if len(set(self.channels)) != n_channels or "" in self.channels:
            raise RecordingError(
                f"{self.source}: channel names must be distinct and not empty: {self.channels}; rename them"
            )
        if not (math.isfinite(self.rate_hz) and self.rate_hz > 0):
            raise RecordingError(f"{self.source}: the rate must be above 0 Hz, not {self.rate_hz}")
        if self.lsb_uv is not None and not (math.isfinite(self.lsb_uv) and self.lsb_uv > 0):
            raise RecordingError(f"{self.source}: a count must be above 0 uV, or None, not {self.lsb_uv}")
        _check_array(self.source, "frame_index", self.frame_index, np.dtype(np.int64), (n_frames,))
        self._check_pieces()
        if np.any(self.labels.stop > n_frames):
            raise RecordingError(
                f"{self.source}: a label does not match: it ends at row {int(self.labels.stop.max())} "
                f"of {n_frames}; use the labels of this recording"
            )

    def _check_pieces(self) -> None:
        n_pieces = len(self.pieces) if isinstance(self.pieces, np.ndarray) and self.pieces.ndim else 0
        _check_array(self.source, "pieces", self.pieces, np.dtype(np.int64), (n_pieces, 2))
        rows = self.pieces.ravel()
        in_order = np.all(self.pieces[:, 0] < self.pieces[:, 1]) and np.all(np.diff(rows) >= 0)
        if not n_pieces or not in_order or rows[0] < 0 or rows[-1] > self.n_frames:
            raise RecordingError(
                f"{self.source}: pieces must be rows [start, stop) in order, without overlap, "
                f"in 0..{self.n_frames}"
            )
        fallen = self.frame_index[1:] <= self.frame_index[:-1]
        jumps = np.flatnonzero(np.diff(self.frame_index) != 1) + 1
        inside = np.searchsorted(self.pieces[:, 0], jumps) - 1
        within = (inside >= 0) & (jumps < self.pieces[np.maximum(inside, 0), 1])
        if np.any(fallen) or np.any(within):
            raise RecordingError(
                f"{self.source}: the frame counter must rise, and by 1 inside a piece; split where it jumps"
            )

    @property
    def n_frames(self) -> int:
        """Number of frames held, gaps not counted."""
        return len(self.counts)

    @property
    def duration_s(self) -> float:
        """Seconds of signal held, gaps not counted."""
        return self.n_frames / self.rate_hz

    def iter_pieces(self) -> Iterator[slice]:
        """The contiguous pieces as row slices."""
        for start, stop in self.pieces.tolist():
            yield slice(start, stop)


def split_at_jumps(frame_index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Contiguous pieces (n_pieces, 2) of a non-empty rising frame counter (n_frames,)."""
    edges = np.concatenate(([0], np.flatnonzero(np.diff(frame_index) != 1) + 1, [len(frame_index)]))
    return np.stack((edges[:-1], edges[1:]), axis=1).astype(np.int64)


def _check_array(source: str, key: str, array: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise RecordingError(f"{source}: {key} must be {dtype} {shape}, not {found}")
