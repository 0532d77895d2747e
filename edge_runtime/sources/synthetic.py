"""A signal that fits any bundle, made without hardware: for timing, wiring and safety tests.

It carries no intention, so what a bundle decides on it means nothing.
"""

import time
from collections.abc import Callable

import numpy as np

from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.sources.base import Block

PEAK_UV = 30.0
MAX_BURST_S = 1.0


class SyntheticSource:
    """Noise with a 10 Hz rhythm and 50 Hz mains, paced by the clock.

    Args:
        spec: channels, rate and unit to imitate.
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
        self._counts_a_uv = 1 / spec.lsb_uv if spec.lsb_uv else 2.0**spec.adc_bits / 2000

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
        seconds = index[:, None] / self._spec.rate_hz
        phase = np.linspace(0, np.pi, n_channels)
        wave = np.sin(2 * np.pi * 10 * seconds + phase) + 0.5 * np.sin(2 * np.pi * 50 * seconds)
        noise = self._random.normal(size=(n_frames, n_channels))
        microvolts = PEAK_UV * (0.4 * wave + 0.3 * noise)
        limit = 2 ** (self._spec.adc_bits - 1) - 1
        counts = np.clip(np.rint(microvolts * self._counts_a_uv), -limit, limit)
        return Block(counts.astype(np.int32), index)

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        self._begin = None
