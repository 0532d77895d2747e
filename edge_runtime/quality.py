"""Which electrodes are not to be believed, once a hop, by their raw counts and by the network's input.

============ ==================================================================================
railed       at the ends of the amplifier's range for a share of the span
flat         the same count throughout the span: a cable is off, or the amplifier repeats itself
mains        50 or 60 Hz is most of the signal, and the filter lets more of it through to the network than a
             large sample of training: an electrode that floats
saturated    the network's input is at its ends for a share of the span: far larger than in training
quiet        the network's input is within one step of zero throughout the span: shorted, or off
============ ==================================================================================

All of it follows from the `SignalSpec`, so a bundle needs no figures of its own, and counts without a unit
will do.
"""

import enum
from collections import Counter

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.quality_spec import QualitySpec
from neurograsp.edge_runtime.contract.signal_spec import (
    INPUT_SCALE,
    SAMPLE_BITS,
    FirStage,
    SignalSpec,
    SosStage,
    SpatialStage,
)

MAINS_HZ = (50.0, 60.0)
MAINS_SHARE = 0.7
"""Of a channel's variance. A lone sine has all of it, EMG a fifth in a band as narrow as a span can tell."""

NAMED = 4
"""Channels that a description names; of more it gives the number."""

Float = npt.NDArray[np.float64]


class Fault(enum.IntEnum):
    """What is wrong with a channel; of several the first that is true."""

    NONE = 0
    RAILED = 1
    FLAT = 2
    MAINS = 3
    SATURATED = 4
    QUIET = 5


class SignalQuality:
    """Looks at the newest frames of one stretch.

    Args:
        signal: of the bundle.
        spec: the limits.
    """

    def __init__(self, signal: SignalSpec, spec: QualitySpec) -> None:
        self.spec = spec
        self._channels = signal.channels
        self.allowed = int(spec.bad_channels * len(signal.channels))
        self._rail = 2 ** (signal.adc_bits - 1) - 1
        self._n_raw = max(2, round(spec.span_s * signal.rate_hz))
        self._least_railed = self._rail**2 / self._n_raw  # mean square of a span with one count at a rail
        self._n_input = max(1, round(self._n_raw / signal.decimation))
        self._recent = np.zeros((self._n_raw, len(signal.channels)))
        self._taken = 0
        below_nyquist = [hz for hz in MAINS_HZ if hz < signal.rate_hz / 2]
        self._basis = _basis(below_nyquist, signal.rate_hz, self._n_raw)
        unit = input_unit(signal)
        through = [_mixing(signal) * (response(signal, hz) / unit[:, None]) for hz in below_nyquist]
        self._to_input = np.array(through).reshape(-1, len(unit), len(unit))

    def reset(self) -> None:
        """Begin a new stretch."""
        self._taken = 0

    def push(self, counts: npt.NDArray[np.int32]) -> None:
        """Take the frames up to the next check, (n_frames, n_channels)."""
        newest = counts[-self._n_raw :]
        n = len(newest)
        self._taken += len(counts)
        self._recent[: self._n_raw - n] = self._recent[n:]
        self._recent[self._n_raw - n :] = newest

    def check(self, window: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """The fault of each channel, (n_channels,), as `Fault`.

        Args:
            window: (window, n_channels) int8 that ends with the newest frame.
        """
        faults = np.zeros(len(self._channels), np.int8)
        newest = window[-self._n_input :]
        lowest, highest = newest.min(axis=0), newest.max(axis=0)
        if len(newest) == self._n_input:
            faults[(lowest >= -1) & (highest <= 1)] = Fault.QUIET
        if lowest.min() == -128 or highest.max() == 127:
            at_ends = (newest == -128) | (newest == 127)
            faults[at_ends.mean(axis=0) >= self.spec.saturated] = Fault.SATURATED
        if self._taken < self._n_raw:
            return faults
        recent = self._recent
        mean_square = np.einsum("ij,ij->j", recent, recent) / self._n_raw
        parts = self._basis @ recent
        squares = parts * parts
        variance = mean_square - squares[0]
        self._find_mains(parts, squares, variance, faults)
        # Neither at the rails nor flat, without a look at every count.
        if mean_square.max() < self._least_railed and (variance > 1e-9 * mean_square + 1e-3).all():
            return faults
        lowest, highest = recent.min(axis=0), recent.max(axis=0)
        faults[lowest == highest] = Fault.FLAT
        if lowest.min() <= -self._rail or highest.max() >= self._rail:
            at_rails = np.abs(recent) >= self._rail
            faults[at_rails.mean(axis=0) >= self.spec.railed] = Fault.RAILED
        return faults

    def _find_mains(
        self, parts: Float, squares: Float, variance: Float, faults: npt.NDArray[np.int8]
    ) -> None:
        """`parts` and their squares as `_basis` gives them, (1 + 2 frequencies, n_channels)."""
        mostly = squares[1::2] + squares[2::2] >= 2 * MAINS_SHARE * variance
        if not mostly.any():
            return
        waves = parts[1:].reshape(len(self._to_input), 2, -1).transpose(0, 2, 1)
        let_through = np.matmul(self._to_input, waves)
        amplitude_squared = np.einsum("ijk,ijk->ij", let_through, let_through)
        faults[(mostly & (amplitude_squared >= self.spec.mains**2)).any(axis=0)] = Fault.MAINS

    def too_many(self, faults: npt.NDArray[np.int8]) -> bool:
        """Whether more channels are bad than may be."""
        return int(np.count_nonzero(faults)) > self.allowed

    def describe(self, faults: npt.NDArray[np.int8]) -> str:
        """The bad channels in words: "3 of 32 electrodes bad (Fp1, Fp2 railed; O1 flat)"."""
        bad = np.flatnonzero(faults)
        named: dict[Fault, list[str]] = {}
        for channel in bad[:NAMED]:
            named.setdefault(Fault(int(faults[channel])), []).append(self._channels[channel])
        parts = [f"{', '.join(names)} {fault.name.lower()}" for fault, names in named.items()]
        more = [f"{len(bad) - NAMED} more"] if len(bad) > NAMED else []
        return f"{len(bad)} of {len(self._channels)} electrodes bad ({'; '.join([*parts, *more])})"


class QualityCounters:
    """How often each channel was bad.

    Attributes:
        checks: hops that were looked at.
        gated: of those, hops with too many bad channels.
    """

    def __init__(self, channels: tuple[str, ...]) -> None:
        self.checks = self.gated = 0
        self._channels = channels
        self._every = np.arange(len(channels))
        self._hops = np.zeros((len(Fault), len(channels)), np.int64)

    def add(self, faults: npt.NDArray[np.int8], gated: bool) -> None:
        """Count one hop."""
        self.checks += 1
        self.gated += gated
        if faults.any():
            self._hops[faults, self._every] += 1

    @property
    def bad(self) -> dict[str, Counter[str]]:
        """Name of a channel to fault to the hops in which it had that one."""
        found = {
            name: Counter({fault.name.lower(): int(hops[fault]) for fault in Fault if fault and hops[fault]})
            for name, hops in zip(self._channels, self._hops.T)
        }
        return {name: faults for name, faults in found.items() if faults}


def response(signal: SignalSpec, hz: float) -> float:
    """Gain of the time filters at a frequency of the source (what folds back by decimation included)."""
    z = np.exp(-2j * np.pi * hz / signal.rate_hz)
    gain = 1.0
    for stage in signal.stages:
        if isinstance(stage, SosStage):
            for b0, b1, b2, a1, a2 in stage.coefficients:
                gain *= float(abs((b0 + b1 * z + b2 * z**2) / (2**30 + a1 * z + a2 * z**2)))
        elif isinstance(stage, FirStage):
            gain *= float(abs(np.polyval(np.array(stage.taps[::-1]) / 2**15, z)))
            z = z**stage.factor
    return gain


def _mixing(signal: SignalSpec) -> Float:
    """Product of the spatial stages, (n_channels, n_channels)."""
    product = np.eye(len(signal.channels))
    for stage in signal.stages:
        if isinstance(stage, SpatialStage):
            product = np.array(stage.weights) / 2**30 @ product
    return product


def input_unit(signal: SignalSpec) -> Float:
    """Counts after the filter that make 1 at the network's input, (n_channels,)."""
    multiplier = np.array(signal.scale.multiplier, np.float64)
    samples = 2.0 ** np.array(signal.scale.shift) / multiplier / INPUT_SCALE
    return samples / 2.0 ** (SAMPLE_BITS - signal.adc_bits)


def _basis(frequencies: list[float], rate_hz: float, n_frames: int) -> Float:
    """Rows that give the mean, and the cosine and the sine part of each frequency beside offset and drift."""
    time_s = np.arange(n_frames) / rate_hz
    rows = [np.full((1, n_frames), 1 / n_frames)]
    for hz in frequencies:
        angle = 2 * np.pi * hz * time_s
        columns = np.stack([np.cos(angle), np.sin(angle), np.ones(n_frames), time_s], axis=1)
        rows.append(np.linalg.pinv(columns)[:2])
    return np.concatenate(rows)
