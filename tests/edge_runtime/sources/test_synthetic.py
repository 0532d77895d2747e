from dataclasses import replace

import numpy as np
import pytest
from toys import toy_signal

from neurograsp.edge_runtime.sources.synthetic import MAX_BURST_S, SyntheticSource


class Clock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_the_clock_paces_it() -> None:
    clock = Clock()
    source = SyntheticSource(toy_signal(), clock=clock)
    assert len(source.read().counts) == 0
    source.start()
    assert len(source.read().counts) == 0
    clock.now_s += 0.1
    block = source.read()
    assert block.counts.shape == (25, 2)
    assert block.frame_index.tolist() == list(range(25))
    assert len(source.read().counts) == 0
    clock.now_s += 0.006
    assert source.read().frame_index.tolist() == [25]
    assert not source.finished()


def test_a_late_reader_gets_bounded_bursts_and_no_gap() -> None:
    clock = Clock()
    source = SyntheticSource(toy_signal(), clock=clock)
    source.start()
    clock.now_s += 2.5
    blocks = [source.read() for _ in range(4)]
    most = round(MAX_BURST_S * 250)
    assert [len(block.counts) for block in blocks] == [most, most, 125, 0]
    index = np.concatenate([block.frame_index for block in blocks])
    assert index.tolist() == list(range(625))


@pytest.mark.parametrize("lsb_uv", [1.0, 0.04, None])
def test_it_fits_unit_and_range(lsb_uv: float | None) -> None:
    clock = Clock()
    source = SyntheticSource(replace(toy_signal(), lsb_uv=lsb_uv), clock=clock)
    source.start()
    clock.now_s += 1.0
    counts = source.read().counts
    assert np.abs(counts).max() < 2**15
    if lsb_uv is not None:
        assert 10 < (counts * lsb_uv).std() < 40


def test_the_seed_repeats_it() -> None:
    made = []
    for seed in (1, 1, 2):
        clock = Clock()
        source = SyntheticSource(toy_signal(), seed=seed, clock=clock)
        source.start()
        clock.now_s += 1.0
        made.append(source.read().counts)
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
