"""A recording played by this machine's clock, where there is no BrainFlow to play it."""

import time
from collections.abc import Callable

import numpy as np

from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.edge_runtime.sources.fit import fitting_columns


class FilePlayer:
    """Delivers what `PlaybackSource` does: every frame once, no time spent in gaps.

    Args:
        frames: the recording.
        spec: the bundle's signal.
        speed: 1 plays in real time.
        clock: seconds, monotonic.

    Raises:
        ConfigError: the recording lacks a channel of the bundle, or has another rate or unit.
    """

    def __init__(
        self,
        frames: DeltaFrames,
        spec: SignalSpec,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.description = f"{frames.path}, played without BrainFlow"
        self._counts = np.ascontiguousarray(frames.counts[:, fitting_columns(frames, spec)])
        self._frame_index = frames.frame_index
        self._rate_hz = frames.rate_hz * speed
        self._clock = clock
        self._begin: float | None = None
        self._n_read = 0

    def start(self) -> None:
        self._begin = self._clock()

    def read(self) -> Block:
        elapsed_s = 0.0 if self._begin is None else self._clock() - self._begin
        due = slice(self._n_read, int(elapsed_s * self._rate_hz))
        block = Block(self._counts[due], self._frame_index[due])
        self._n_read += len(block.frame_index)
        return block

    def finished(self) -> bool:
        return self._n_read == len(self._frame_index)

    def stop(self) -> None:
        self._begin = None
