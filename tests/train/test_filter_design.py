"""What the integer stages let through, measured on sines, and the filters that are refused."""

import numpy as np
import pytest
from toys import toy_signal

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.signal_spec import FirStage, SosStage
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.train.filter_design import FilterConfig, design

AMPLITUDE = 10_000


def gain_db(config: FilterConfig, hz: float, rate_hz: float = 500.0) -> float:
    """Of a sine after ten seconds, in decibels; aliases count."""
    spec = toy_signal(design((config,), rate_hz), n_channels=1, rate_hz=rate_hz)
    phase = 2 * np.pi * hz * np.arange(round(14 * rate_hz)) / rate_hz
    counts = np.rint(AMPLITUDE * np.sin(phase + 0.3))[:, None].astype(np.int32)
    out = FilterChain(spec).filter(counts)[round(10 * rate_hz / spec.decimation) :]
    rms = np.sqrt(np.mean((out / 2.0**spec.input_shift) ** 2))
    return float(20 * np.log10(rms * np.sqrt(2) / AMPLITUDE + 1e-12))


@pytest.mark.parametrize(
    ("config", "hz", "low", "high"),
    [
        (FilterConfig("highpass", (1.0,), order=2), 1.0, -3.1, -2.9),
        (FilterConfig("highpass", (1.0,), order=2), 0.1, -41, -39),
        (FilterConfig("highpass", (1.0,), order=2), 20.0, -0.1, 0.1),
        (FilterConfig("lowpass", (40.0,), order=4), 40.0, -3.1, -2.9),
        (FilterConfig("lowpass", (40.0,), order=4), 10.0, -0.1, 0.1),
        (FilterConfig("lowpass", (40.0,), order=4), 160.0, -300, -48),
        (FilterConfig("bandpass", (8.0, 30.0), order=2), 8.0, -3.1, -2.9),
        (FilterConfig("bandpass", (8.0, 30.0), order=2), 15.5, -0.1, 0.1),
        (FilterConfig("bandpass", (8.0, 30.0), order=2), 30.0, -3.1, -2.9),
        (FilterConfig("notch", (50.0,)), 50.0, -300, -60),
        (FilterConfig("notch", (50.0,)), 45.0, -0.2, 0.1),
        (FilterConfig("notch", (50.0,), harmonics=4), 200.0, -300, -60),
        (FilterConfig("notch", (50.0,), harmonics=9), 240.0, -1, 0.1),
        (FilterConfig("decimate", (40.0,), factor=5), 20.0, -0.1, 0.1),
        (FilterConfig("decimate", (40.0,), factor=5), 70.0, -300, -60),
        (FilterConfig("decimate", (40.0,), factor=5), 101.0, -300, -60),
        (FilterConfig("decimate", factor=2), 60.0, -0.1, 0.1),
        (FilterConfig("moving_average", length=10), 50.0, -300, -60),
        (FilterConfig("moving_average", length=10), 1.0, -0.1, 0.1),
    ],
)
def test_gain(config: FilterConfig, hz: float, low: float, high: float) -> None:
    assert low <= gain_db(config, hz) <= high


def test_each_stage_sees_the_rate_that_is_left() -> None:
    low = FilterConfig("lowpass", (20.0,))
    after = design((FilterConfig("decimate", (40.0,), factor=5), low), 500.0)[1]
    assert after == design((low,), 100.0)[0]


@pytest.mark.parametrize("length", [1, 3, 7, 100, 1024])
def test_a_moving_average_keeps_the_mean_exactly(length: int) -> None:
    (stage,) = design((FilterConfig("moving_average", length=length),), 250.0)
    assert isinstance(stage, FirStage)
    assert sum(stage.taps) == 2**15
    assert max(stage.taps) - min(stage.taps) <= 1


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize("rate_hz", [160.0, 1000.0])
def test_steep_filters_stay_stable_and_block_a_constant(order: int, rate_hz: float) -> None:
    (stage,) = design((FilterConfig("bandpass", (0.5, 40.0), order=order),), rate_hz)
    assert isinstance(stage, SosStage)
    assert len(stage.coefficients) == order
    rng = np.random.default_rng(0)
    counts = rng.integers(-(2**15), 2**15, (round(20 * rate_hz), 1)).astype(np.int32)
    counts[round(5 * rate_hz) :] = 12_345
    out = FilterChain(toy_signal((stage,), n_channels=1, rate_hz=rate_hz)).filter(counts)
    # Poles next to one in a steep 0.5 Hz edge keep a few counts' worth of rounding at the most.
    assert np.abs(out[-round(rate_hz) :]).max() < 2**14 * 40


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (FilterConfig("lowpass", (250.0,)), r"^signal\.filters\[0\] \(lowpass\): hz must be 1 value"),
        (FilterConfig("lowpass", ()), "hz must be 1 value"),
        (FilterConfig("bandpass", (8.0,)), "hz must be 2 value"),
        (FilterConfig("bandpass", (30.0, 8.0)), "bandpass"),
        (FilterConfig("highpass", (0.0,)), "between 0 and 250 Hz"),
        (FilterConfig("highpass", (1.0,), order=9), "order must be 1 to 8"),
        (FilterConfig("notch", (50.0,), q=0.0), "notch"),
        (FilterConfig("decimate", (40.0,), factor=1), "factor must be 2 to 32"),
        (FilterConfig("decimate", (40.0,), factor=33), "factor must be 2 to 32"),
        (FilterConfig("moving_average", length=0), "length must be 1 to 1024"),
        (FilterConfig("lowpass", (0.001,), order=8), "lowpass"),
    ],
)
def test_impossible_filters_are_refused(config: FilterConfig, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        design((config,), 500.0)
