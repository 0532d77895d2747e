"""Round trips: of the newest only, and in order without being sorted."""

import numpy as np
import pytest

from neurograsp.firmware_bridge import link_stats
from neurograsp.firmware_bridge.link_stats import RoundTripTimes, round_trips


def test_the_newest_round_trips_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_stats, "RTT_KEPT", 100)
    times = RoundTripTimes()
    assert round_trips(times) == {"rtt_ms_p50": None, "rtt_ms_p99": None, "rtt_ms_max": None}
    drawn = np.random.default_rng(0).integers(1, 50, 1000) / 4
    for count, ms in enumerate(drawn, start=1):
        times.append(float(ms))
        newest = sorted(drawn[max(0, count - 100) : count])
        assert times.by_size == newest
        assert round_trips(times) == {
            "rtt_ms_p50": newest[len(newest) // 2],
            "rtt_ms_p99": newest[len(newest) * 99 // 100],
            "rtt_ms_max": newest[-1],
        }
