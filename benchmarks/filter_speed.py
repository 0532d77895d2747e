"""The integer filter against scipy.signal.sosfilt with the same sections: docs/timing.md.

    python benchmarks/filter_speed.py [--channels 32] [--frames 10]

Both keep their state from block to block. Microseconds a block, medians: back to back, and at 50 Hz as in a
tick, where the caches have cooled between blocks.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from scipy import signal

from neurograsp.edge_runtime.contract.signal_spec import ActionSet, GapPolicy, Scale, SignalSpec, SosStage
from neurograsp.edge_runtime.dsp import kernel
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.train.filter_design import FilterConfig, design

RATE_HZ = 500.0
FILTERS = {
    "high-pass and low-pass, order 2": (
        FilterConfig("highpass", (0.5,), order=2),
        FilterConfig("lowpass", (40.0,), order=2),
    ),
    "notch and band-pass, order 4": (
        FilterConfig("notch", (50.0,)),
        FilterConfig("bandpass", (0.5, 40.0), order=4),
    ),
}
PACE_S = 0.02
WARM_UP, HOT, PACED = 20, 3000, 250


def spec_of(filters: tuple[FilterConfig, ...], n_channels: int) -> SignalSpec:
    return SignalSpec(
        channels=tuple(f"C{number}" for number in range(n_channels)),
        rate_hz=RATE_HZ,
        lsb_uv=None,
        adc_bits=24,
        stages=design(filters, RATE_HZ),
        scale=Scale((0,) * n_channels, (2**30,) * n_channels, (44,) * n_channels),
        window=1,
        hop=1,
        actions=ActionSet(("rest",), ("REST",), "softmax", "rest"),
        gap=GapPolicy(),
    )


def measure(run: Callable[[], object], paced: bool) -> float:
    """Median of a call, in microseconds."""
    taken = []
    begin = time.perf_counter()
    for number in range(WARM_UP + (PACED if paced else HOT)):
        if paced:
            time.sleep(max(0.0, begin + number * PACE_S - time.perf_counter()))
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return median(taken[WARM_UP:]) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--frames", type=int, default=10)
    arguments = parser.parse_args()
    counts = np.random.default_rng(0).integers(-(2**20), 2**20, (arguments.frames, arguments.channels))
    counts = counts.astype(np.int32)
    frames = counts.astype(np.float64)
    print(f"{arguments.frames} frames x {arguments.channels} channels, filter kernel: {_kernel()}\n")
    print("| | sections | here | sosfilt | times | here, 50 Hz | sosfilt, 50 Hz | times |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, filters in FILTERS.items():
        spec = spec_of(filters, arguments.channels)
        rows = [row for stage in spec.stages if isinstance(stage, SosStage) for row in stage.coefficients]
        sections = np.insert(np.array(rows) / 2.0**30, 3, 1.0, axis=1)
        chain, state = FilterChain(spec), signal.sosfilt_zi(sections)[:, :, None] * frames[0]

        def theirs(sections: np.ndarray = sections, state: np.ndarray = state) -> None:
            _, state[:] = signal.sosfilt(sections, frames, axis=0, zi=state)

        cells = []
        for paced in (False, True):
            here = measure(lambda chain=chain: chain.filter(counts), paced)  # type: ignore[misc]
            there = measure(theirs, paced)
            cells += [f"{here:.1f}", f"{there:.1f}", f"{there / here:.1f}"]
        print(f"| {name} | {len(rows)} | {' | '.join(cells)} |", flush=True)


def _kernel() -> str:
    return "numpy" if kernel.compiled is None else "C"


if __name__ == "__main__":
    main()
