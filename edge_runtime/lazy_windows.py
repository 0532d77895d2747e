"""Windows over filtered frames, cut only when they are asked for."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view


class LazyWindows:
    """Looks like an array (n_windows, n_time, n_channels) int8 and holds every frame once.

    Args:
        frames: (n_frames, n_channels) int8, in memory or mapped from a file.
        last: (n_windows,) int64, row of the newest frame in each window.
        n_time: frames a window.

    Raises:
        ValueError: a window reaches outside of the frames.
    """

    def __init__(self, frames: npt.NDArray[np.int8], last: npt.NDArray[np.int64], n_time: int) -> None:
        if n_time < 1 or (len(last) and not n_time - 1 <= last.min() <= last.max() < len(frames)):
            raise ValueError(f"windows of {n_time} frames reach outside of {len(frames)} frames")
        self.frames = frames
        self.last = last
        self.shape = (len(last), n_time, frames.shape[1])
        self.dtype = frames.dtype
        # A window is contiguous in C order: one copy of its bytes instead of one for each frame.
        flat = np.ascontiguousarray(frames).reshape(-1)
        self._every = sliding_window_view(flat, n_time * frames.shape[1]) if len(last) else flat

    def __len__(self) -> int:
        return len(self.last)

    def __getitem__(self, rows: Any) -> npt.NDArray[np.int8]:
        """The windows of a slice, a mask or an array of numbers (n_windows, n_time, n_channels); of a
        number the one (n_time, n_channels)."""
        _, n_time, n_channels = self.shape
        last = self.last[rows]
        if not len(self.last):
            return np.zeros((0, n_time, n_channels), np.int8)
        windows: npt.NDArray[np.int8] = self._every[(last + 1 - n_time) * n_channels]
        return windows.reshape(*np.shape(last), n_time, n_channels)

    def select(self, rows: Any) -> "LazyWindows":
        """Some of the windows, still not cut."""
        return LazyWindows(self.frames, self.last[rows], self.shape[1])
