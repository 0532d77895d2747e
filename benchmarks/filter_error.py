"""Error of the integer filter against SciPy's float64 one: the table of docs/filter.md.

    .venv/bin/python benchmarks/filter_error.py

The filter is a 50 Hz notch (Q 30) and a Butterworth band-pass 0.5-40 Hz (order 2 of the prototype, two
sections). The reference is `scipy.signal.sosfilt` with the unrounded coefficients, so rounding the
coefficients counts as error too. Both start in the first frame's steady state; the first 20 s are left
out. Figures are 20 log10(rms of the reference / rms of the difference), the worst of four channels.
Takes ten seconds.
"""

import numpy as np
import numpy.typing as npt
from scipy import signal

from neurograsp.edge_runtime.contract.signal_spec import ActionSet, GapPolicy, Scale, SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.train.filter_design import FilterConfig, design

RATES_HZ = (160.0, 250.0, 500.0, 1000.0)
NOTCH_HZ, NOTCH_Q = 50.0, 30.0
BAND_HZ = (0.5, 40.0)
BAND_ORDER = 2
SETTLE_S, MEASURE_S = 20.0, 10.0
N_CHANNELS = 4

INPUTS = {
    "16 bit, full scale": (16, 2**12, 0),
    "24 bit, full scale": (24, 2**20, 0),
    "24 bit, 0.1 mV EEG on 20 mV": (24, 2_700, 540_000),
}
"""adc_bits, rms of the noise and offset in counts; the last as a FreeEEG32 (0.037 uV a count) sees it."""


def noise(rate_hz: float, rms: float, offset: float, seed: int) -> npt.NDArray[np.int32]:
    """(n_frames, N_CHANNELS) counts: white noise with a mains sine as strong, on an offset."""
    rng = np.random.default_rng(seed)
    n_frames = round((SETTLE_S + MEASURE_S) * rate_hz)
    mains = np.sqrt(2) * np.sin(2 * np.pi * NOTCH_HZ * np.arange(n_frames) / rate_hz)
    return np.rint(offset + rms * (rng.normal(size=(n_frames, N_CHANNELS)) + mains[:, None])).astype(np.int32)


def reference(counts: npt.NDArray[np.int32], rate_hz: float) -> npt.NDArray[np.float64]:
    """SciPy's answer in counts."""
    b, a = signal.iirnotch(NOTCH_HZ, NOTCH_Q, fs=rate_hz)
    band = signal.butter(BAND_ORDER, BAND_HZ, "bandpass", fs=rate_hz, output="sos")
    sections = np.concatenate([[np.concatenate([b, a])], band])
    steady = signal.sosfilt_zi(sections)[..., None] * counts[0]
    result: npt.NDArray[np.float64] = signal.sosfilt(sections, counts.astype(float), axis=0, zi=steady)[0]
    return result


def integer(counts: npt.NDArray[np.int32], rate_hz: float, adc_bits: int) -> npt.NDArray[np.float64]:
    """The device's answer in counts."""
    n_channels = counts.shape[1]
    filters = (
        FilterConfig("notch", (NOTCH_HZ,), q=NOTCH_Q),
        FilterConfig("bandpass", BAND_HZ, order=BAND_ORDER),
    )
    spec = SignalSpec(
        channels=tuple(map(str, range(n_channels))),
        rate_hz=rate_hz,
        lsb_uv=None,
        adc_bits=adc_bits,
        stages=design(filters, rate_hz),
        scale=Scale((0,) * n_channels, (1,) * n_channels, (1,) * n_channels),
        window=1,
        hop=1,
        actions=ActionSet(("any",), ("REST",), "sigmoid", None),
        gap=GapPolicy(),
    )
    return FilterChain(spec).filter(counts) / 2.0**spec.input_shift


def error_db(rate_hz: float, adc_bits: int, rms: float, offset: float, seed: int = 0) -> float:
    """Signal to error, decibels, after SETTLE_S."""
    counts = noise(rate_hz, rms, offset, seed)
    settled = slice(round(SETTLE_S * rate_hz), None)
    wanted = reference(counts, rate_hz)[settled]
    error = integer(counts, rate_hz, adc_bits)[settled] - wanted
    ratio = np.sqrt(np.mean(wanted**2, axis=0) / np.mean(error**2, axis=0))
    return float(20 * np.log10(ratio.min()))


def main() -> None:
    print("| rate | " + " | ".join(INPUTS) + " |")
    print("|---|" + "---|" * len(INPUTS))
    for rate_hz in RATES_HZ:
        figures = [f"{error_db(rate_hz, *given):.0f} dB" for given in INPUTS.values()]
        print(f"| {rate_hz:g} Hz | " + " | ".join(figures) + " |")


if __name__ == "__main__":
    main()
