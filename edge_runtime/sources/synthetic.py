"""A signal that fits any bundle, made without hardware: for timing, wiring and safety tests.

It carries no intention, so what a bundle decides on it means nothing.
"""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.quality import input_unit
from neurograsp.edge_runtime.sources.base import Block

SIZE = 0.3
"""Root mean square at the network's input, where 1 is the size of a large training sample."""

TRIAL_S = 2.0
MAX_BURST_S = 1.0


class SyntheticSource:
    """Noise with a 10 Hz rhythm and 50 Hz mains, as large as the bundle expects, paced by the clock.

    Args:
        spec: channels, rate and size to imitate.
        seed: of the noise.
        clock: seconds, monotonic.
    """

    def __init__(self, spec: SignalSpec, seed: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.description = f"synthetic signal ({len(spec.channels)} channels, {spec.rate_hz:g} Hz)"
        self._spec = spec
        self._random = np.random.default_rng(seed)
        self._clock = clock
        self._sent = 0
        self._begin: float | None = None
        self._factor = np.full(len(spec.channels), 2.0**spec.adc_bits / 2000)
        self._factor *= SIZE / self._size()

    def _size(self) -> npt.NDArray[np.float64]:
        """What the bundle's filter and scale make of it, (n_channels,), for a factor as it is."""
        trial = self._counts(np.arange(round(TRIAL_S * self._spec.rate_hz)), np.random.default_rng(0))
        filtered = FilterChain(self._spec).filter(trial) / 2.0**self._spec.input_shift
        rms: npt.NDArray[np.float64] = np.sqrt(np.mean(filtered**2, axis=0)) / input_unit(self._spec)
        return np.maximum(rms, 1e-3)

    def start(self) -> None:
        self._begin = self._clock()

    def read(self) -> Block:
        n_channels = len(self._spec.channels)
        if self._begin is None:
            return Block.empty(n_channels)
        due = int((self._clock() - self._begin) * self._spec.rate_hz) - self._sent
        n_frames = min(due, int(MAX_BURST_S * self._spec.rate_hz))
        if n_frames <= 0:
            return Block.empty(n_channels)
        index = np.arange(self._sent, self._sent + n_frames, dtype=np.int64)
        self._sent += n_frames
        return Block(self._counts(index, self._random), index)

    def _counts(self, index: npt.NDArray[np.int64], random: np.random.Generator) -> npt.NDArray[np.int32]:
        n_channels = len(self._spec.channels)
        seconds = index[:, None] / self._spec.rate_hz
        phase = np.linspace(0, np.pi, n_channels)
        wave = np.sin(2 * np.pi * 10 * seconds + phase) + 0.5 * np.sin(2 * np.pi * 50 * seconds)
        noise = random.normal(size=(len(index), n_channels))
        limit = 2 ** (self._spec.adc_bits - 1) - 1
        counts = np.clip(np.rint(self._factor * (0.4 * wave + 0.3 * noise)), -limit, limit)
        return counts.astype(np.int32)

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        self._begin = None
