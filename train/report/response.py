"""Frequency responses of the filter: as designed in float64, and of the board's integers."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ConfigError, MissingExtra
from neurograsp.edge_runtime.contract.signal_spec import FirStage, SignalSpec, SosStage
from neurograsp.train.filter_design import FilterConfig, design

Float = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

MOST_HARMONICS = 1000


def integer_response(spec: SignalSpec, hz: Float) -> Complex:
    """Of the integer coefficients, rounding of the samples aside.

    Args:
        spec: its stages are taken in order, each at the rate that the ones before it leave.
        hz: (n,) frequencies at the input.

    Returns:
        (n,) gain; above half the rate that a stage leaves, of what is folded down.
    """
    response = np.ones(len(hz), np.complex128)
    rate_hz = spec.rate_hz
    for stage in spec.stages:
        if isinstance(stage, SosStage):
            for b0, b1, b2, a1, a2 in np.array(stage.coefficients, np.float64) / 2**30:
                response *= _rational((b0, b1, b2), (1.0, a1, a2), hz, rate_hz)
        elif isinstance(stage, FirStage):
            response *= _rational(np.array(stage.taps, np.float64) / 2**15, (1.0,), hz, rate_hz)
            rate_hz /= stage.factor
    return response


def designed_response(filters: tuple[FilterConfig, ...], rate_hz: float, hz: Float) -> Complex:
    """Of SciPy's float64 design of the same filters.

    Raises:
        ConfigError: the filters are impossible at that rate.
        MissingExtra: SciPy is not installed.
    """
    try:
        from scipy import signal
    except ImportError as error:
        raise MissingExtra("SciPy", "train") from error
    if any(config.harmonics > MOST_HARMONICS for config in filters):
        raise ConfigError(f"signal.filters: at most {MOST_HARMONICS} harmonics")
    alike = tuple(config for config in filters if not config.mixes)
    design(alike, rate_hz)
    response = np.ones(len(hz), np.complex128)
    for config in alike:
        if config.kind == "notch":
            for centre in config.hz[0] * np.arange(1, config.harmonics + 1):
                if centre < rate_hz / 2:
                    b, a = signal.iirnotch(centre, config.q, fs=rate_hz)
                    response *= _rational(b, a, hz, rate_hz)
        elif config.kind in ("moving_average", "decimate"):
            response *= _rational(_float_taps(config, rate_hz), (1.0,), hz, rate_hz)
            rate_hz /= config.factor
        else:
            corner = config.hz if config.kind == "bandpass" else config.hz[0]
            sections = signal.butter(config.order, corner, config.kind, fs=rate_hz, output="sos")
            for section in sections:
                response *= _rational(section[:3], section[3:], hz, rate_hz)
    return response


def decibel(response: Complex) -> Float:
    """Gain in dB, no less than -160."""
    return np.asarray(20 * np.log10(np.maximum(np.abs(response), 1e-8)), np.float64)


def grid(spec: SignalSpec) -> Float:
    """Frequencies to plot, evenly spaced in their logarithm, up to half the rate."""
    return np.geomspace(spec.rate_hz / 10_000, spec.rate_hz / 2, 2000)


def _float_taps(config: FilterConfig, rate_hz: float) -> Float:
    from scipy import signal

    if config.kind == "moving_average":
        return np.full(config.length, 1 / config.length)
    edge = config.hz[0] if config.hz else 0.4 * rate_hz / config.factor
    prototype = signal.firwin(20 * config.factor + 1, edge, fs=rate_hz, window=("kaiser", 5.0))
    taps = signal.minimum_phase(prototype, method="homomorphic", half=False)
    return np.asarray(taps / taps.sum(), np.float64)


def _rational(b: Sequence[float] | Float, a: Sequence[float] | Float, hz: Float, rate_hz: float) -> Complex:
    delay = np.exp(-2j * np.pi * hz / rate_hz)
    above = np.polynomial.polynomial.polyval(delay, np.asarray(b))
    below = np.polynomial.polynomial.polyval(delay, np.asarray(a))
    return np.asarray(above / below, np.complex128)
