"""Has the signal changed since the calibration? Asks for another one when it has.

Watched is the network's input of the last two minutes against that of the rest in the calibration: the power
of each hop's newest frames, whitened by the covariance that the channels had then (Hotelling's statistic of
process control). Another gain, a lost electrode, or two that are exchanged all change it. Of the two minutes
the quietest quarter counts, since a person who moves is no drift. What the network makes of the signal plays
no part: a decoder that has lost its way must not hide it. The limits were chosen on recordings: see
docs/calibration.md and benchmarks/drift.py.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.calibration import DriftReference
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE

SHRINKAGE = 0.2
"""Of the covariance towards equal, independent channels: a minute says little of its smallest axes."""

MEMORY_S = 120.0
QUIET = 0.25
"""The quantile that is compared."""

LEAST_LIMIT = 0.5
"""Octaves of power; a doubled gain is 2. Of a restless signal (EMG) the spread at rest is the limit."""

LOOKS = 16
"""How often the quantile is taken while the memory is filled once."""

MOST_CHANNELS = 256
MOST_HOPS = 20_000
"""Of the rest that is looked at, spread over it; the arithmetic takes 8 bytes a value."""

SHORTEST_S = 30.0
SMALLEST_AXIS, LARGEST_AXIS = 1e-6, 1e6
"""Of a covariance that is believed: int8 windows in real values have a power of 64 at most."""

SMALLEST = 2.0**-60
"""Where log2 of nothing at all ends."""

Hops = npt.NDArray[np.int8]
"""(n_hops, hop, n_channels), the newest frames of each window."""


def make_reference(hops: Hops, hop_s: float) -> DriftReference | None:
    """What the rest looked like; None where it is too short, or has too many channels to keep a covariance.

    The level is worked out on either half with the covariance of the other one: on frames that a covariance
    was fitted to, it would be too low.
    """
    n_hops, _, n_channels = hops.shape
    if n_hops * hop_s < SHORTEST_S or n_channels > MOST_CHANNELS:
        return None
    hops = hops[:: math.ceil(n_hops / MOST_HOPS)]
    n_hops = len(hops)
    halves = hops[: n_hops // 2], hops[n_hops // 2 :]
    levels = np.concatenate(
        [_octaves(own, _whitener(_covariance(other))) for own, other in (halves, halves[::-1])]
    )
    quiet, low, high = np.quantile(levels, [QUIET, 0.25, 0.75])
    covariance = _covariance(hops)[np.tril_indices(n_channels)]
    return DriftReference(
        covariance=tuple(float(f"{value:.6g}") for value in covariance),
        level=float(quiet),
        spread=float(high - low),
    )


class DriftMonitor:
    """Args:
    reference: from the calibration.
    n_channels, hop: of the windows.
    hop_s: seconds between two.
    memory_s: over which the quantile is taken.

    Attributes:
        limit: octaves.
        octaves: how far the memory's quantile is from the reference's; None until the memory is full.
        asked_at_s: stream time at which it first was beyond the limit.

    Raises:
        ConfigError: the reference's covariance is not one of so many channels.
    """

    def __init__(
        self,
        reference: DriftReference,
        n_channels: int,
        hop: int,
        hop_s: float,
        memory_s: float = MEMORY_S,
    ) -> None:
        self.limit = max(LEAST_LIMIT, reference.spread)
        self.octaves: float | None = None
        self.asked_at_s: float | None = None
        self._whitener = _whitener(_square(reference.covariance, n_channels)).astype(np.float32)
        self._level = reference.level
        self._hop = hop
        self._memory = np.zeros(max(LOOKS, round(memory_s / hop_s)))
        self._n = 0

    def push(self, time_s: float, window: npt.NDArray[np.int8]) -> bool:
        """Take a hop.

        Args:
            time_s: stream time.
            window: (window, n_channels) int8.

        Returns:
            whether it now asks for another calibration, for the first time.
        """
        frames = window[-self._hop :].astype(np.float32) @ self._whitener
        power = float(np.vdot(frames, frames)) / frames.size
        self._memory[self._n % len(self._memory)] = math.log2(max(power, SMALLEST))
        self._n += 1
        if self._n < len(self._memory) or self._n % (len(self._memory) // LOOKS):
            return False
        self.octaves = float(np.quantile(self._memory, QUIET)) - self._level
        if self.asked_at_s is not None or abs(self.octaves) <= self.limit:
            return False
        self.asked_at_s = time_s
        return True

    def report(self) -> dict[str, Any]:
        """See docs/schemas/run.schema.json."""
        return {"octaves": self.octaves, "limit": self.limit, "asked_at_s": self.asked_at_s}


def _covariance(hops: Hops) -> npt.NDArray[np.float64]:
    """(n_channels, n_channels) about zero, shrunk."""
    n_channels = hops.shape[-1]
    frames = hops.reshape(-1, n_channels) * INPUT_SCALE
    raw = frames.T @ frames / len(frames)
    # A step of rounding: where every channel is silent something must be left to divide by.
    power = max(float(np.trace(raw)) / n_channels, INPUT_SCALE**2 / 12)
    shrunk: npt.NDArray[np.float64] = (1 - SHRINKAGE) * raw + SHRINKAGE * power * np.eye(n_channels)
    return shrunk


def _whitener(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n_channels, n_channels): int8 frames times this have the unit matrix as their covariance."""
    inverse: npt.NDArray[np.float64] = np.linalg.inv(np.linalg.cholesky(covariance)).T * INPUT_SCALE
    return inverse


def _octaves(hops: Hops, whitener: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n_hops,) log2 of the mean whitened power of each hop."""
    power = ((hops @ whitener) ** 2).mean(axis=(1, 2))
    octaves: npt.NDArray[np.float64] = np.log2(np.maximum(power, SMALLEST))
    return octaves


def _square(triangle: Sequence[float], n_channels: int) -> npt.NDArray[np.float64]:
    square = np.zeros((n_channels, n_channels))
    rows, columns = np.tril_indices(n_channels)
    square[rows, columns] = square[columns, rows] = triangle
    axes = np.linalg.eigvalsh(square)
    if not np.all((axes > SMALLEST_AXIS) & (axes < LARGEST_AXIS)):
        raise ConfigError("drift.covariance: not the covariance of any signal; calibrate again")
    return square
