"""The integer, causal, stateful filter of a `SignalSpec`.

The same frames in any chunking give the same output, bit for bit, on every machine. Arithmetic:

============ =========================================== =====================================
step         format                                      worst-case growth
============ =========================================== =====================================
load         counts << (30 - adc_bits): full scale 2^29  none; beyond 2^30 clips
SOS          samples int32, Q30 coefficients, int64      clips at 2^30: 6 dB above full scale;
             accumulator, second-order error feedback    a rail-to-rail step needs 3 dB
FIR          samples int32, Q15 taps, int64 accumulator  sum of |taps| (below 4), then clips
spatial      samples int32, Q30 weights, int64           none: the |weights| of a row sum to 1 or less
             accumulator, rounded
scale        int64 product, rounded shift, int8          clips at -128 and 127
============ =========================================== =====================================

Every clipped sample is counted, and every count at the rails that adc_bits declares. Error against
the float64 reference: `docs/filter.md`.
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.signal_spec import FirStage, SignalSpec, SosStage, SpatialStage, Stage
from neurograsp.edge_runtime.dsp import kernel as kernels

Int32 = npt.NDArray[np.int32]


@dataclass
class Clipped:
    """Samples that met a limit since the start.

    Attributes:
        input: counts at the rails that the declared adc_bits give, or beyond.
        filter: inside the stages.
        output: at the int8 input of the network.
    """

    input: int = 0
    filter: int = 0
    output: int = 0


class FilterChain:
    """Counts in, int8 network input out.

    The first frame after the start or after `reset` primes every stage at that frame's steady
    state, so that a constant input gives no transient.

    Args:
        spec: what to compute.
        kernel: the module that computes it; the compiled one where it is there.
    """

    def __init__(self, spec: SignalSpec, kernel: ModuleType | None = None) -> None:
        self.clipped = Clipped()
        self._kernel = kernel or kernels.default
        self._n_channels = len(spec.channels)
        self._shift = spec.input_shift
        self._stages = [_stage(stage, self._n_channels) for stage in spec.stages]
        self._scale = tuple(
            np.array(values, np.int32)
            for values in (spec.scale.offset, spec.scale.multiplier, spec.scale.shift)
        )
        self._primed = False

    def reset(self) -> None:
        """Forget everything; the next frame primes."""
        self._primed = False

    def filter(self, counts: Int32) -> Int32:
        """Run the stages, without the scaling to int8.

        Args:
            counts: (n_frames, n_channels) int32.

        Returns:
            (n_kept, n_channels) int32 samples; full scale of the input is 2^29.
        """
        n_frames = len(counts)
        if counts.shape != (n_frames, self._n_channels):
            raise ValueError(f"counts {counts.shape}: expected (n_frames, {self._n_channels})")
        frames = np.empty((n_frames, self._n_channels), np.int32)
        counts = np.ascontiguousarray(counts, np.int32)
        self.clipped.input += self._kernel.load(counts, counts.size, self._shift, frames)
        if n_frames and not self._primed:
            level = frames[0].astype(np.int64)
            for stage in self._stages:
                level = stage.prime(level)
            self._primed = True
        for stage in self._stages:
            frames, clipped = stage.run(frames, self._kernel)
            self.clipped.filter += clipped
        return frames

    def process(self, counts: Int32) -> npt.NDArray[np.int8]:
        """Filter and scale.

        Args:
            counts: (n_frames, n_channels) int32.

        Returns:
            (n_kept, n_channels) int8.
        """
        frames = self.filter(counts)
        out = np.empty(frames.shape, np.int8)
        offset, multiplier, shift = self._scale
        self.clipped.output += self._kernel.scale(
            frames, len(frames), self._n_channels, offset, multiplier, shift, out
        )
        return out


def _stage(stage: Stage, n_channels: int) -> "_Sos | _Fir | _Spatial":
    if isinstance(stage, SosStage):
        return _Sos(stage, n_channels)
    return _Fir(stage, n_channels) if isinstance(stage, FirStage) else _Spatial(stage)


class _Sos:
    def __init__(self, stage: SosStage, n_channels: int) -> None:
        self._coefs = np.array(stage.coefficients, np.int32)
        self._state = np.zeros((len(self._coefs), 6, n_channels), np.int32)

    def prime(self, level: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        self._state[:] = 0
        for section, (b0, b1, b2, a1, a2) in enumerate(self._coefs.astype(np.int64)):
            settled = (b0 + b1 + b2) * level // (2**30 + a1 + a2)
            settled = np.clip(settled, -(2**30), 2**30 - 1)
            self._state[section, 0:2] = level
            self._state[section, 2:4] = settled
            level = settled
        return level

    def run(self, frames: Int32, kernel: ModuleType) -> tuple[Int32, int]:
        n_frames, n_channels = frames.shape
        clipped = kernel.sos(frames, n_frames, n_channels, self._coefs, len(self._coefs), self._state)
        return frames, clipped


class _Fir:
    def __init__(self, stage: FirStage, n_channels: int) -> None:
        self._taps = np.array(stage.taps, np.int32)
        self._factor = stage.factor
        self._history = np.zeros((len(self._taps), n_channels), np.int32)
        self._cursor = np.zeros(2, np.uint32)

    def prime(self, level: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        self._history[:] = level
        self._cursor[:] = 0
        settled: npt.NDArray[np.int64] = (int(self._taps.sum()) * level + (1 << 14)) >> 15
        return np.clip(settled, -(2**30), 2**30 - 1)

    def run(self, frames: Int32, kernel: ModuleType) -> tuple[Int32, int]:
        n_frames, n_channels = frames.shape
        n_kept = (int(self._cursor[1]) + n_frames) // self._factor
        out = np.empty((n_kept, n_channels), np.int32)
        clipped = kernel.fir(
            frames,
            n_frames,
            n_channels,
            self._taps,
            len(self._taps),
            self._factor,
            self._history,
            self._cursor,
            out,
        )
        return out, clipped


class _Spatial:
    def __init__(self, stage: SpatialStage) -> None:
        self._weights = np.array(stage.weights, np.int32)

    def prime(self, level: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        settled: npt.NDArray[np.int64] = (self._weights.astype(np.int64) @ level + (1 << 29)) >> 30
        return np.clip(settled, -(2**30), 2**30 - 1)

    def run(self, frames: Int32, kernel: ModuleType) -> tuple[Int32, int]:
        out = np.empty_like(frames)
        return out, kernel.mix(frames, *frames.shape, self._weights, out)
