"""Frames against the clock, without waiting."""

import logging

import numpy as np
import pytest
from toys import toy_signal

from neurograsp.edge_runtime.cli.sources import clock_of, open_source
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.clocked import ClockedSource, StreamClock

RATE_HZ = 250.0
TICK_S = 0.02


def run_clock(true_hz: float, seconds: float, jitter_s: float = 0.0, first: int = 0) -> StreamClock:
    clock, rng = StreamClock(RATE_HZ), np.random.default_rng(0)
    for tick in range(1, round(seconds / TICK_S)):
        at = tick * TICK_S
        clock.add(at + rng.uniform(0, jitter_s), first + int(at * true_hz))
    return clock


@pytest.mark.parametrize("ppm", [-20_000, -100, 0, 100, 20_000])
def test_the_rate_of_the_last_minute(ppm: int) -> None:
    report = run_clock(RATE_HZ * (1 + ppm * 1e-6), 200).report
    assert report.ppm == pytest.approx(ppm, abs=80)
    assert report.rate_hz == pytest.approx(RATE_HZ * (1 + ppm * 1e-6), rel=1e-4)


def test_jitter_is_no_drift_and_shows_as_lateness() -> None:
    report = run_clock(RATE_HZ, 100, jitter_s=0.02).report
    assert report.ppm is not None
    assert abs(report.ppm) < 500
    assert 15 < report.late_ms < 30


def test_nothing_is_said_of_the_first_seconds() -> None:
    assert run_clock(RATE_HZ, 9).report.rate_hz is None
    assert StreamClock(RATE_HZ).report.rate_hz is None


def test_frames_held_back_and_then_sent_together_are_late() -> None:
    clock = run_clock(RATE_HZ, 20)
    clock.add(20.4, 5000)
    assert clock.report.late_ms == pytest.approx(400, abs=30)


def test_lost_frames_are_no_drift_as_long_as_they_are_counted() -> None:
    clock = StreamClock(RATE_HZ)
    for tick in range(3000):
        if not 1000 < tick < 1500:
            clock.add(tick * TICK_S, round(tick * TICK_S * RATE_HZ))
    assert clock.report.ppm == pytest.approx(0, abs=1)


def test_frames_lost_unseen_by_a_counter_of_one_byte_are() -> None:
    """256 frames lost at once are none by the counter; the clock sees a second of them."""
    clock = StreamClock(RATE_HZ)
    for tick in range(2000):
        lost = 256 if tick > 1000 else 0
        clock.add(tick * TICK_S, round(tick * TICK_S * RATE_HZ) - lost)
    assert clock.report.ppm is not None
    assert clock.report.ppm < -10_000
    assert clock.report.late_ms > 900


def test_numbers_that_begin_anew() -> None:
    clock = run_clock(RATE_HZ, 30, first=10_000)
    clock.restart()
    assert clock.report.rate_hz is None
    for tick in range(1000):
        clock.add(100 + tick * TICK_S, round(tick * TICK_S * RATE_HZ))
    assert clock.report.ppm == pytest.approx(0, abs=100)


class Paced:
    """A source at a rate of its own, on a clock that this test moves."""

    description = "an amplifier"

    def __init__(self, true_hz: float) -> None:
        self.now_s, self._true_hz, self._sent = 100.0, true_hz, 0

    def clock(self) -> float:
        return self.now_s

    def start(self) -> None:
        self._sent = 0

    def read(self) -> Block:
        self.now_s += TICK_S
        due = int((self.now_s - 100) * self._true_hz)
        index = np.arange(self._sent, due, dtype=np.int64)
        self._sent = due
        return Block(np.zeros((len(index), 2), np.int32), index)

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        pass


@pytest.mark.parametrize(("true_hz", "n_warnings"), [(250.0, 0), (251.0, 0), (256.0, 1), (125.0, 1)])
def test_another_rate_is_told_once(true_hz: float, n_warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    paced = Paced(true_hz)
    source = ClockedSource(paced, RATE_HZ, paced.clock)
    source.start()
    with caplog.at_level(logging.WARNING):
        frames = sum(len(source.read().frame_index) for _ in range(2000))
    source.stop()
    assert frames == int(2000 * TICK_S * true_hz)
    assert len(caplog.records) == n_warnings
    if n_warnings:
        assert f"an amplifier: {true_hz:.1f} frames come a second" in caplog.text


def test_only_live_sources_have_a_clock_of_their_own() -> None:
    assert clock_of(open_source("synthetic", toy_signal())) is None
    pytest.importorskip("brainflow")
    source = open_source("board:synthetic", toy_signal(n_channels=16))
    assert clock_of(source) == {"rate_hz": None, "ppm": None, "late_ms": 0.0}
