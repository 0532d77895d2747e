import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import chunks

from neurograsp.edge_runtime.sources.stamps import JITTER_S, StampCounter

RATE_HZ = 250.0


def steps(stamps_s: np.ndarray, rate_hz: float = RATE_HZ) -> list[int]:
    """Steps of the numbers that are not 1."""
    numbers = StampCounter(rate_hz).number(stamps_s)
    return [int(step) for step in np.diff(numbers) if step != 1]


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_any_chunks_give_the_same_numbers(cuts: list[int]) -> None:
    rng = np.random.default_rng(0)
    stamps = 1e6 + np.cumsum(rng.choice([1, 1, 1, 40], 1000)) / RATE_HZ
    counter = StampCounter(RATE_HZ)
    parts = np.concatenate([counter.number(stamps[part]) for part in chunks(1000, cuts)])
    assert np.array_equal(parts, StampCounter(RATE_HZ).number(stamps))


@pytest.mark.parametrize("missing", [16, 50, 1000])
def test_missing_frames_leave_their_numbers_out(missing: int) -> None:
    stamps = np.delete(np.arange(5000.0), np.s_[3000 : 3000 + missing]) / RATE_HZ
    assert steps(stamps) == [missing + 1]


def test_packets_that_are_stamped_as_they_come_are_no_gaps() -> None:
    """Ten frames together every 40 ms, give or take 15."""
    rng = np.random.default_rng(0)
    packets = np.arange(2000) * 0.04 + rng.uniform(-0.015, 0.015, 2000)
    assert steps(np.repeat(packets, 10)) == []


@pytest.mark.parametrize("error", [-0.005, -1e-4, 1e-4, 0.005])
def test_a_rate_that_is_a_little_off_makes_no_gaps(error: float) -> None:
    assert steps(np.arange(100_000) / (RATE_HZ * (1 + error))) == []


def test_a_clock_that_is_set_back_is_followed() -> None:
    stamps = np.concatenate([np.arange(1000), np.arange(1000) - 500_000]) / RATE_HZ
    assert steps(stamps) == []


def test_stamps_of_a_stranger_stay_numbers() -> None:
    numbers = StampCounter(RATE_HZ).number(np.array([-1e308, 1e308, -1e308, 1e308]))
    assert (np.diff(numbers) >= 1).all()


def test_a_gap_begins_beyond_the_jitter() -> None:
    just_below, just_above = (1.0 + RATE_HZ * JITTER_S + more for more in (-0.5, 0.5))
    assert steps(np.array([0, 1, 1 + just_below]) / RATE_HZ) == []
    assert steps(np.array([0, 1, 1 + just_above]) / RATE_HZ) == [17]
