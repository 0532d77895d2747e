"""The filter in C gives the board's frames and counts what the board counts, bit for bit."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from core_bench import compile_c
from numpy.typing import NDArray
from toys import CHAINS, chain_signal, toy_signal

from neurograsp.convert.c_target.export import write_sources
from neurograsp.convert.c_target.signal_c import signal_files
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain

N_CHANNELS = 5
SOURCES = ("kernel.c", "ng_filter.c", "ng_signal.c")


class FilterInC:
    def __init__(self, spec: SignalSpec, folder: Path) -> None:
        write_sources(folder)
        for name, text in signal_files(spec).items():
            (folder / name).write_text(text)
        sources = [folder / name for name in SOURCES]
        self._library = ctypes.CDLL(str(compile_c(sources, folder / "filter.so", "-shared", "-fPIC")))
        self._frame = np.empty(len(spec.channels), np.int8)

    def reset(self) -> None:
        self._library.ng_filter_reset()

    def process(self, counts: NDArray[np.int32]) -> NDArray[np.int8]:
        kept = [
            self._frame.copy()
            for row in counts
            if self._library.ng_filter_push(row.ctypes, self._frame.ctypes)
        ]
        return np.stack(kept)

    @property
    def clipped(self) -> tuple[int, ...]:
        return tuple((ctypes.c_uint32 * 3).in_dll(self._library, "ng_filter_clipped"))


@pytest.mark.parametrize("name", CHAINS)
def test_the_frames_of_the_board(name: str, tmp_path: Path) -> None:
    spec = chain_signal(name, n_channels=N_CHANNELS)
    here, board = FilterInC(spec, tmp_path), FilterChain(spec)
    rng = np.random.default_rng(0)
    half = 2 ** (spec.adc_bits - 1)
    for top in (half // 8, half, 2**31 - 1):
        counts = rng.integers(-top, top, (401, N_CHANNELS), np.int32)
        counts[200:230] = top
        np.testing.assert_array_equal(here.process(counts), board.process(counts))
        here.reset()
        board.reset()
    assert here.clipped == (board.clipped.input, board.clipped.filter, board.clipped.output)
    assert here.clipped[0] and here.clipped[2]


def test_a_filter_of_no_stage(tmp_path: Path) -> None:
    spec = toy_signal(n_channels=N_CHANNELS)
    here, board = FilterInC(spec, tmp_path), FilterChain(spec)
    counts = np.random.default_rng(0).integers(-(2**15), 2**15, (50, N_CHANNELS), np.int32)
    np.testing.assert_array_equal(here.process(counts), board.process(counts))
