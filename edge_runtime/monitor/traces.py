"""Signals as a screen shows them: the least and the most of every column, in bounded memory."""

import math

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain

COLUMNS_A_SECOND = 100
KEPT_S = 10.0
AMPLITUDE_S = 1.0
GAP_S = 0.2
"""What is missing is shown as at most so much: a recording of pieces would be an empty screen."""

FILTERED_STEPS = 16
"""Filtered values are told in this part of a count: a quiet EMG of 8 bits is a few counts high."""

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


class Columns:
    """Args:
    n_channels: of the samples.
    frames: of the source, a column.
    kept: columns.
    """

    def __init__(self, n_channels: int, frames: int, kept: int) -> None:
        self.frames = frames
        self.newest = -1
        """Number of the newest column, still being filled; -1 before the first."""
        self._kept = kept
        self._number = np.full(kept, -1, np.int64)
        self._low = np.zeros((kept, n_channels), np.int64)
        self._high = np.zeros((kept, n_channels), np.int64)

    def add(self, frame_index: Int, samples: Int) -> None:
        """Take samples (n, n_channels) with their frame numbers (n,), which must rise."""
        if len(samples) == 0:
            return
        numbers = frame_index // self.frames
        starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
        lows, highs = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
        for number, low, high in zip(numbers[starts], lows, highs):
            place = number % self._kept
            if self._number[place] == number:
                np.minimum(self._low[place], low, out=self._low[place])
                np.maximum(self._high[place], high, out=self._high[place])
            else:
                self._number[place], self._low[place], self._high[place] = number, low, high
        self.newest = int(numbers[-1])

    def since(self, column: int) -> tuple[int, list[tuple[list[int], list[int]] | None]]:
        """The finished columns from number `column` on, as far as they are kept.

        Returns:
            the number of the first, and (least, most) of each channel for each; None for a column without
            frames.
        """
        first = max(column, self.newest - self._kept + 1, 0)
        found: list[tuple[list[int], list[int]] | None] = []
        for number in range(first, self.newest):
            place = number % self._kept
            there = self._number[place] == number
            found.append((self._low[place].tolist(), self._high[place].tolist()) if there else None)
        return first, found


class Traces:
    """The counts of a run, and what its filter makes of them; after a gap the filter begins anew."""

    def __init__(self, signal: SignalSpec) -> None:
        n_channels = len(signal.channels)
        frames = math.ceil(signal.rate_hz / COLUMNS_A_SECOND)
        kept = math.ceil(KEPT_S * signal.rate_hz / frames)
        self.raw = Columns(n_channels, frames, kept)
        wider = max(frames, signal.decimation)
        self.filtered = Columns(n_channels, wider, math.ceil(KEPT_S * signal.rate_hz / wider))
        self._chain = FilterChain(signal)
        self._decimation = signal.decimation
        self._shift = signal.input_shift
        self._last: int | None = None
        self._taken = 0
        self._most_missing = math.ceil(GAP_S * signal.rate_hz)
        self._left_out = 0
        self._n_newest = max(2, round(AMPLITUDE_S * signal.rate_hz / signal.decimation))
        self._newest = np.empty((0, n_channels))

    def take(self, frame_index: Int, counts: npt.NDArray[np.int32]) -> None:
        """Take frames: their numbers (n,), and (n, n_channels). Those that were there are left out."""
        last = frame_index[0] - 1 if self._last is None else self._last
        before = np.maximum.accumulate(np.concatenate(([last], frame_index[:-1])))
        fresh = frame_index > before
        frame_index, counts = frame_index[fresh], counts[fresh]
        if len(counts) == 0:
            return
        missing = np.diff(frame_index, prepend=last) - 1
        shown = frame_index - self._left_out - np.maximum(missing - self._most_missing, 0).cumsum()
        self._left_out = int(frame_index[-1] - shown[-1])
        self.raw.add(shown, counts.astype(np.int64))
        jumps = np.flatnonzero(missing[1:]) + 1
        if missing[0]:
            self._begin()
        for k, (numbers, stretch) in enumerate(zip(np.split(shown, jumps), np.split(counts, jumps))):
            if k:
                self._begin()
            self._filter(numbers, stretch)
        self._last = int(frame_index[-1])

    def _begin(self) -> None:
        self._chain.reset()
        self._taken = 0

    def _filter(self, numbers: Int, counts: npt.NDArray[np.int32]) -> None:
        samples = self._chain.filter(counts)
        # A kept sample is as old as the last frame that went into it.
        before, self._taken = self._taken, self._taken + len(counts)
        kept = np.arange(before // self._decimation + 1, self._taken // self._decimation + 1)
        index = numbers[0] + kept * self._decimation - 1 - before
        wide = samples.astype(np.int64)
        self.filtered.add(index, (wide * FILTERED_STEPS) >> self._shift)
        newest = np.concatenate((self._newest, wide / 2.0**self._shift))
        self._newest = newest[-self._n_newest :]

    def amplitude(self) -> Float | None:
        """Standard deviation of the filtered signal in the last second, (n_channels,) counts; None before."""
        return self._newest.std(axis=0) if len(self._newest) > 1 else None
