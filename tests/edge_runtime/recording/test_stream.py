"""Lost, repeated and late frames; flat and railed channels."""

import numpy as np
import pytest
from sources import block_of, blocks

from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.recording.stream import ChannelWatch, Unbroken


@pytest.mark.parametrize("seed", range(20))
def test_against_a_loop_over_single_frames(seed: int) -> None:
    rng = np.random.default_rng(seed)
    index = [100]
    for step in rng.choice([1, 1, 1, 1, 2, 5, 0, -2], 300).tolist():
        index.append(max(100, index[-1] + step))
    want, lost, newest, held = [100], [], 100, 100
    for number in index[1:]:
        if number <= newest:
            continue
        for missing in range(newest + 1, number):
            lost.append(missing - 100)
            want.append(held)
        want.append(number)
        newest = held = number
    stream = Unbroken(max_lost=100)
    counts, gaps = [], []
    for block in blocks(index, int(rng.integers(1, 40))):
        piece, found = stream.push(block)
        counts.append(piece)
        gaps += found
    assert np.concatenate(counts)[:, 0].tolist() == want
    assert [row for start, stop in gaps for row in range(start, stop)] == lost
    assert (stream.n_frames, stream.n_lost) == (len(want), len(lost))
    assert stream.n_repeated == len(index) - (len(want) - len(lost))


def test_too_long_a_loss_ends_it_and_leaves_what_came_before() -> None:
    stream = Unbroken(max_lost=10)
    stream.push(block_of(np.arange(5)))
    with pytest.raises(SourceError, match="11 frames in a row"):
        stream.push(block_of(np.arange(16, 20)))
    assert (stream.n_frames, stream.n_lost) == (5, 0)
    assert stream.push(block_of(np.arange(15, 20)))[1] == [(5, 15)]


def test_an_empty_block() -> None:
    counts, gaps = Unbroken(10).push(block_of(np.arange(0)))
    assert counts.shape == (0, 2)
    assert gaps == []


def test_channels_that_are_flat_or_railed_are_named() -> None:
    watch = ChannelWatch(limit=1000)
    assert watch.faults(("Fz", "Cz", "Pz")) == []
    noise = np.random.default_rng(0).integers(-900, 900, (100, 3)).astype(np.int32)
    watch.push(noise)
    assert watch.faults(("Fz", "Cz", "Pz")) == []
    noise[:, 1] = 7
    noise[50, 2] = -1000
    watch.push(noise)
    assert watch.faults(("Fz", "Cz", "Pz")) == [
        "flat: Cz (1 of 2 s)",
        "at the end of the range: Pz (1 of 2 s)",
    ]
