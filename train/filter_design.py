"""SciPy chooses coefficients here, on the workstation; their integers are what counts from then on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.signal_spec import FirStage, SosStage, SpatialStage, Stage

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FilterConfig:
    """One stage as a person writes it.

    Attributes:
        kind: highpass, lowpass and bandpass are Butterworth; notch is a second-order IIR of quality
            `q`; decimate is a minimum-phase FIR low-pass that keeps one frame in `factor`;
            moving_average is the mean of `length` frames, keeping one in `factor`; average_reference,
            laplacian and whitening mix the channels, whitening as the training recordings have it.
        hz: corner frequency, (low, high) for bandpass, the centre of a notch.
        order: of the Butterworth prototype.
        harmonics: a notch is repeated at the multiples up to this one, below the Nyquist frequency.
        shrinkage: of the covariance that whitening inverts, 0 to 1.
        neighbours: of each channel in a laplacian.
    """

    kind: Literal[
        "highpass",
        "lowpass",
        "bandpass",
        "notch",
        "moving_average",
        "decimate",
        "average_reference",
        "laplacian",
        "whitening",
    ]
    hz: tuple[float, ...] = ()
    order: int = 2
    q: float = 30.0
    harmonics: int = 1
    factor: int = 1
    length: int = 0
    shrinkage: float = 0.05
    neighbours: int = 4

    @property
    def mixes(self) -> bool:
        """Whether it mixes the channels; all others treat each alike."""
        return self.kind in ("average_reference", "laplacian", "whitening")


FitSpatial = Callable[[FilterConfig, tuple[Stage, ...]], SpatialStage]
"""Makes a stage that mixes the channels, given the stages before it."""


def design(
    filters: tuple[FilterConfig, ...], rate_hz: float, fit_spatial: FitSpatial | None = None
) -> tuple[Stage, ...]:
    """Integer stages for the filters, in order; each sees the rate that the ones before it leave.

    Args:
        filters: what to design.
        rate_hz: of the source.
        fit_spatial: makes the stages that mix the channels; None where there are none.

    Raises:
        ConfigError: a frequency, order, factor, length or shrinkage that is impossible at that rate.
    """
    stages: list[Stage] = []
    for number, config in enumerate(filters):
        where = f"signal.filters[{number}] ({config.kind})"
        try:
            made: list[SosStage | FirStage] | list[SpatialStage]
            if config.mixes and fit_spatial is not None:
                made = [fit_spatial(config, tuple(stages))]
            else:
                made = _design_one(config, rate_hz, where)
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from error
        for stage in made:
            stages.append(stage)
            if isinstance(stage, FirStage):
                rate_hz /= stage.factor
    return tuple(stages)


def _design_one(config: FilterConfig, rate_hz: float, where: str) -> list[SosStage | FirStage]:
    if config.kind == "average_reference" or config.kind == "laplacian" or config.kind == "whitening":
        raise ValueError("mixes the channels, and there is no recording to fit it to")
    if config.kind == "moving_average":
        return [moving_average(config.length, config.factor, where)]
    expected = 2 if config.kind == "bandpass" else 1
    if config.kind == "decimate" and not config.hz:
        return [decimate(rate_hz, 0.4 * rate_hz / max(config.factor, 1), config.factor, where)]
    if len(config.hz) != expected or any(not 0 < hz < rate_hz / 2 for hz in config.hz):
        raise ConfigError(
            f"{where}: hz must be {expected} value(s) between 0 and {rate_hz / 2:g} Hz (half the rate), "
            f"not {list(config.hz)}"
        )
    if config.kind == "decimate":
        return [decimate(rate_hz, config.hz[0], config.factor, where)]
    if config.kind == "notch":
        return [
            notch(config.hz[0] * harmonic, config.q, rate_hz)
            for harmonic in range(1, config.harmonics + 1)
            if config.hz[0] * harmonic < rate_hz / 2
        ]
    return [butterworth(config.kind, config.hz, config.order, rate_hz)]


def butterworth(
    kind: Literal["highpass", "lowpass", "bandpass"], hz: tuple[float, ...], order: int, rate_hz: float
) -> SosStage:
    """Butterworth filter; a band-pass of `order` N has N sections."""
    from scipy import signal

    if not 1 <= order <= 8:
        raise ValueError(f"order must be 1 to 8, not {order}")
    sections = signal.butter(order, hz if kind == "bandpass" else hz[0], kind, fs=rate_hz, output="sos")
    return SosStage("sos", kind, tuple(hz), order, to_q30(spread_gain(sections)))


def notch(hz: float, q: float, rate_hz: float) -> SosStage:
    from scipy import signal

    if not q > 0:
        raise ValueError(f"q must be above 0, not {q}")
    b, a = signal.iirnotch(hz, q, fs=rate_hz)
    return SosStage("sos", "notch", (hz,), 2, to_q30(np.concatenate([b, a])[None, :]))


def decimate(rate_hz: float, hz: float, factor: int, where: str) -> FirStage:
    """Minimum-phase FIR (20 taps a decimation step, Kaiser beta 5) of unit gain at DC."""
    from scipy import signal

    if not 2 <= factor <= 32:
        raise ConfigError(f"{where}: factor must be 2 to 32, not {factor}")
    prototype = signal.firwin(20 * factor + 1, hz, fs=rate_hz, window=("kaiser", 5.0))
    taps = signal.minimum_phase(prototype, method="homomorphic", half=False)
    taps = np.trim_zeros(np.round(taps / taps.sum() * 2**15), "b")
    taps[np.argmax(taps)] += 2**15 - taps.sum()
    return FirStage("fir", "decimate", hz, tuple(int(tap) for tap in taps), factor)


def moving_average(length: int, factor: int, where: str) -> FirStage:
    """The mean of `length` frames (to 15 bits), keeping one frame in `factor`."""
    if not 1 <= length <= 1024 or not 1 <= factor <= 256:
        raise ConfigError(f"{where}: length must be 1 to 1024 and factor 1 to 256")
    edges = np.round(np.arange(length + 1) * 2**15 / length).astype(int)
    return FirStage("fir", "moving_average", None, tuple(int(tap) for tap in np.diff(edges)), factor)


def spread_gain(sections: Float) -> Float:
    """Share the gain out so that the cascade's response up to every section peaks at 1.

    The layout with the best signal-to-noise ratio at full scale, and none of its sections clips on
    a steady sine.

    Args:
        sections: (n_sections, 6) as SciPy lays them out.
    """
    from scipy import signal

    sections = sections.copy()
    grid = np.concatenate([[0.0], np.geomspace(1e-6, np.pi, 20_000)])
    response = np.ones(len(grid), complex)
    wanted_gain = 1.0
    for row in sections:
        _, one = signal.sosfreqz(row[None, :], worN=grid)
        response = response * one
        peak = np.abs(response).max()
        row[:3] /= peak
        response /= peak
        wanted_gain *= peak
    sections[-1, :3] *= wanted_gain
    return sections


def to_q30(sections: Float) -> tuple[tuple[int, int, int, int, int], ...]:
    """Round to Q30, keeping zeros at DC and at the Nyquist frequency exactly there."""
    rows = []
    for b0, b1, b2, _, a1, a2 in sections:
        whole_b0 = round(b0 * 2**30)
        if np.isclose(abs(b1), 2 * abs(b0)) and np.isclose(b2, b0):
            whole_b = (whole_b0, 2 * whole_b0 * (1 if b1 * b0 > 0 else -1), whole_b0)
        elif np.isclose(abs(b1), abs(b0)) and np.isclose(b2, 0, atol=1e-15):
            whole_b = (whole_b0, whole_b0 * (1 if b1 * b0 > 0 else -1), 0)
        elif np.isclose(b1, 0, atol=1e-15) and np.isclose(b2, -b0):
            whole_b = (whole_b0, 0, -whole_b0)
        else:
            whole_b = (whole_b0, round(b1 * 2**30), round(b2 * 2**30))
        rows.append((*whole_b, round(a1 * 2**30), round(a2 * 2**30)))
    return tuple(rows)
