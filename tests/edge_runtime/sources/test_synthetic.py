from dataclasses import replace

import numpy as np
import pytest
from toys import CHAINS, chain_signal, toy_signal

from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.sources.synthetic import MAX_BURST_S, SIZE, SyntheticSource


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


@pytest.mark.parametrize("name", [*CHAINS, None])
@pytest.mark.parametrize("lsb_uv", [1.0, None])
def test_it_is_as_large_as_the_bundle_expects(name: str | None, lsb_uv: float | None) -> None:
    clock = Clock()
    spec = toy_signal(n_channels=4) if name is None else chain_signal(name, n_channels=4)
    spec = replace(spec, lsb_uv=lsb_uv)
    source = SyntheticSource(spec, clock=clock)
    source.start()
    clock.now_s += 1.0
    counts = source.read().counts
    assert np.abs(counts).max() < 2**15
    rms = FilterChain(spec).process(counts)[20:].astype(float).std(axis=0) * INPUT_SCALE
    assert rms == pytest.approx(SIZE, rel=0.3)


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
