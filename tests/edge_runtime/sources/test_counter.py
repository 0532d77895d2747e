from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import chunks

from neurograsp.edge_runtime.sources.base import CounterUnwrapper

MODULI = st.sampled_from([8, 200, 256, 65_536])


@given(st.data(), MODULI, st.integers(0, 10_000), st.lists(st.integers(0, 10_000), max_size=6))
def test_any_gaps_and_late_frames_in_any_chunks(
    data: st.DataObject, modulus: int, first: int, cuts: list[int]
) -> None:
    """A frame up to an eighth of the modulus back is a late one; the rest of the circle is a gap."""
    late = modulus // 8
    steps = data.draw(st.lists(st.integers(-late, modulus - late - 1), max_size=60))
    first %= modulus
    true = np.cumsum([first, *steps]).astype(np.int64)
    unwrapper = CounterUnwrapper(modulus)
    raw = true % modulus
    found = np.concatenate([unwrapper.unwrap(raw[part]) for part in chunks(len(raw), cuts)])
    assert found.tolist() == true.tolist()


@pytest.mark.parametrize("lost", [1, 100, 127, 128, 200, 222])
def test_lost_frames_are_seen(lost: int) -> None:
    """Half a second at 250 Hz is 125 frames: losing more than that must not look like a repetition."""
    unwrapper = CounterUnwrapper(256)
    seen = [*range(250), *range(250 + lost, 600 + lost)]
    found = [int(unwrapper.unwrap(np.array([number % 256], np.int64))[0]) for number in seen]
    assert found == seen
    assert max(b - a for a, b in pairwise(found)) == lost + 1


def test_a_counter_that_never_wraps_is_left_alone() -> None:
    raw = np.array([5, 6, 1000, 3], np.int64)
    assert CounterUnwrapper(None).unwrap(raw).tolist() == [5, 6, 1000, 3]


def test_nothing_changes_nothing() -> None:
    unwrapper = CounterUnwrapper(256)
    unwrapper.unwrap(np.array([254, 255], np.int64))
    assert unwrapper.unwrap(np.empty(0, np.int64)).tolist() == []
    assert unwrapper.unwrap(np.array([0, 1], np.int64)).tolist() == [256, 257]
