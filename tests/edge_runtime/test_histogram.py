import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograsp.edge_runtime.histogram import BUCKETS_A_DOUBLING, Histogram

WIDTH = 2 ** (1 / BUCKETS_A_DOUBLING)


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=300), st.sampled_from([1, 50, 95, 99, 99.9, 100]))
def test_percentiles_are_within_a_bucket(seconds: list[float], percent: float) -> None:
    histogram = Histogram()
    for value in seconds:
        histogram.add(value)
    exact = float(np.percentile(np.array(seconds) * 1e6, percent, method="inverted_cdf"))
    found = histogram.percentile(percent)
    assert found is not None
    assert exact / 1.0001 <= found <= exact * WIDTH * 1.0001
    summary = histogram.summary()
    assert summary["max_us"] == max(seconds) * 1e6
    assert summary["count"] == len(seconds)
    assert summary["mean_us"] == pytest.approx(np.mean(seconds) * 1e6)


@pytest.mark.parametrize("seconds", [0.0, -1e-9, 1e-9])
def test_extreme_durations_are_counted(seconds: float) -> None:
    histogram = Histogram()
    histogram.add(seconds)
    assert histogram.count == 1
    assert histogram.percentile(50) == pytest.approx(max(seconds, 0.0) * 1e6, abs=WIDTH)


def test_nothing_gives_nothing() -> None:
    assert Histogram().summary() == {
        "count": 0, "mean_us": None, "p50_us": None, "p95_us": None, "p99_us": None,
        "p999_us": None, "max_us": None
    }  # fmt: skip
