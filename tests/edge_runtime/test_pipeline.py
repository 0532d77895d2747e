"""Streams with gaps, repeats and any chunking through filter, window, a made-up network and decisions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import chain_signal, chunks, eeg_like, toy_signal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import GapPolicy, SignalSpec
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.pipeline import STOP, Pipeline, StreamCounters, WindowCutter

DECISION = DecisionSpec((0.6, 0.6), (0.4, 0.4), smooth=2, dwell=2)
FILTERED = "notch, band-pass, decimate"
Counts = npt.NDArray[np.int32]


def scorer(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """Depends on every sample of the window and on their order."""
    weights = np.cos(np.arange(window.size)).reshape(window.shape)
    drive = float((weights * window).sum()) / 40
    return np.array([0.0, drive])


def pipeline(spec: SignalSpec) -> Pipeline:
    return Pipeline(spec, DECISION, scorer)


def push(one: Pipeline, counts: Counts, index: Any, cuts: Sequence[int] = ()) -> list[Decision]:
    index = np.asarray(index, np.int64)
    found = []
    for part in chunks(len(counts), cuts):
        found += one.push(counts[part], index[part])
    return found


def plain(decisions: Sequence[Decision]) -> list[Any]:
    return [
        (one.time_s, one.frame, one.logits.tobytes(), one.action, one.started, one.command, one.reason)
        for one in decisions
    ]


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
    jumps=st.lists(st.tuples(st.integers(1, 399), st.integers(-5, 400)), max_size=5),
    interpolate=st.sampled_from([0, 4]),
    seed=st.integers(0, 100),
)
def test_chunks_make_no_difference(
    cuts: list[int], jumps: list[tuple[int, int]], interpolate: int, seed: int
) -> None:
    """Whatever gaps, repeats and late frames there are: decisions and counters are the same."""
    spec = chain_signal(FILTERED, interpolate_frames=interpolate, stop_after_s=0.5)
    steps = np.ones(400, np.int64)
    for row, jump in jumps:
        steps[row] = jump
    index, counts = np.cumsum(steps), eeg_like(400, 2, seed)
    whole, parts = pipeline(spec), pipeline(spec)
    assert plain(push(whole, counts, index)) == plain(push(parts, counts, index, cuts))
    assert whole.counters == parts.counters


@settings(max_examples=40, deadline=None)
@given(split=st.integers(50, 390), seed=st.integers(0, 100))
def test_the_future_does_not_change_past_scores(split: int, seed: int) -> None:
    spec = chain_signal(FILTERED)
    counts = eeg_like(400, 2, seed)
    other = counts.copy()
    other[split:] = eeg_like(400 - split, 2, seed + 1000, amplitude=3000.0)
    index = np.arange(400)
    past = [one for one in push(pipeline(spec), counts, index) if one.frame < split]
    again = [one for one in push(pipeline(spec), other, index) if one.frame < split]
    assert past
    assert plain(past) == plain(again)


def test_windows_come_every_hop_at_the_frames_they_say() -> None:
    spec = toy_signal(window=10, hop=5)
    counts = (np.arange(40)[:, None] * [1, -1]).astype(np.int32)
    cut = [(taken, window) for taken, window in WindowCutter(spec).push(counts)]
    assert [taken for taken, _ in cut] == [10, 15, 20, 25, 30, 35, 40]
    for taken, window in cut:
        # 16-bit counts are shifted left by 14 and scaled by 2^30 >> 44: a count is a step.
        assert window[:, 0].tolist() == list(range(taken - 10, taken))
        assert window[:, 1].tolist() == [-step for step in range(taken - 10, taken)]
    decisions = push(pipeline(spec), counts, np.arange(1000, 1040))
    assert [one.frame for one in decisions] == [1009, 1014, 1019, 1024, 1029, 1034, 1039]
    assert decisions[0].time_s == pytest.approx(1009 / 250)


def test_decimated_frames_are_numbered_in_the_sources_frames() -> None:
    spec = chain_signal(FILTERED, window=10, hop=5)
    decisions = push(pipeline(spec), eeg_like(60, 2, 0), np.arange(60))
    assert [one.frame for one in decisions] == [19, 29, 39, 49, 59]


def test_a_gap_resets_and_primes() -> None:
    """After a gap the stream is like a new one that begins there, at another level, without ringing."""
    spec = chain_signal(FILTERED, stop_after_s="never")
    before, after = eeg_like(200, 2, 0), eeg_like(200, 2, 1) + 20_000
    index = np.concatenate([np.arange(200), np.arange(300, 500)])
    one = pipeline(spec)
    decisions = push(one, np.concatenate([before, after]), index)
    fresh = push(pipeline(spec), after, np.arange(300, 500))
    assert [made.logits.tobytes() for made in decisions if made.frame >= 300] == [
        made.logits.tobytes() for made in fresh
    ]
    assert not [made for made in decisions if 200 <= made.frame < 300 + 2 * spec.window - 1]
    assert one.counters == StreamCounters(frames=400, gaps=1, missing=100)


def test_an_action_does_not_last_over_a_gap() -> None:
    def always(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        return np.array([0.0, 5.0])

    one = Pipeline(toy_signal(stop_after_s="never"), DECISION, always)
    decisions = push(one, eeg_like(100, 2, 0), np.r_[0:50, 60:110])
    starts = [made.frame for made in decisions if made.started]
    assert starts == [19, 79]


@pytest.mark.parametrize(("missing", "stops"), [(124, 0), (125, 0), (126, 1), (10_000, 1)])
def test_a_long_gap_stops_the_hand(missing: int, stops: int) -> None:
    spec = toy_signal(stop_after_s=0.5)
    one = pipeline(spec)
    decisions = push(one, eeg_like(100, 2, 0), np.r_[0:50, 50 + missing : 100 + missing])
    found = [made for made in decisions if made.command == STOP]
    assert len(found) == one.counters.stops == stops
    for made in found:
        assert made.frame == 50 + missing
        assert (made.action, made.started) == (None, False)
        assert np.isnan(made.logits).all()
        assert made.reason == f"{missing} frames ({missing / 250:.2f} s) are missing"


def test_never_means_never() -> None:
    one = pipeline(toy_signal(stop_after_s="never"))
    decisions = push(one, eeg_like(100, 2, 0), np.r_[0:50, 10**9 : 10**9 + 50])
    assert not [made for made in decisions if made.command == STOP]
    assert (one.counters.gaps, one.counters.stops) == (1, 0)


def test_short_gaps_are_filled_by_straight_lines() -> None:
    spec = toy_signal(interpolate_frames=3)
    line = (np.arange(40)[:, None] * np.array([1, -2])).astype(np.int32)
    keep = np.r_[0:12, 15:40]
    whole, holed = pipeline(spec), pipeline(spec)
    expected = push(whole, line, np.arange(40))
    assert plain(push(holed, line[keep], keep, [7, 13])) == plain(expected)
    assert holed.counters == StreamCounters(frames=40, gaps=1, missing=3, interpolated=3)
    wider = pipeline(replace(spec, gap=GapPolicy(2, "never")))
    push(wider, line[keep], keep)
    assert (wider.counters.interpolated, wider.counters.missing) == (0, 3)


def test_a_gap_long_enough_to_stop_is_never_filled_in() -> None:
    one = pipeline(toy_signal(interpolate_frames=1000, stop_after_s=0.5))
    decisions = push(one, eeg_like(100, 2, 0), np.r_[0:50, 350:400])
    assert (one.counters.interpolated, one.counters.stops) == (0, 1)
    assert [made.command for made in decisions].count(STOP) == 1


def test_interpolation_of_extremes_does_not_overflow() -> None:
    one = pipeline(toy_signal(interpolate_frames=3, adc_bits=28))
    counts = np.array([[-(2**31), 2**31 - 1]] * 20 + [[2**31 - 1, -(2**31)]] * 20, np.int32)
    push(one, counts, np.r_[0:20, 23:43])
    assert one.counters.interpolated == 3


@pytest.mark.parametrize("cuts", [(), (10,), (10, 12, 20), range(40)])
def test_repeated_and_late_frames_are_dropped(cuts: Sequence[int]) -> None:
    spec = toy_signal()
    counts = eeg_like(40, 2, 0, amplitude=2.0)
    order = np.r_[0:10, 8:10, 10:20, 19, 5, 20:40]
    clean, dirty = pipeline(spec), pipeline(spec)
    assert plain(push(dirty, counts[order], order, cuts)) == plain(push(clean, counts, np.arange(40)))
    assert dirty.counters == StreamCounters(frames=40, repeated=4)


def test_nothing_gives_nothing() -> None:
    one = pipeline(toy_signal())
    assert push(one, np.empty((0, 2), np.int32), []) == []
    assert one.counters == StreamCounters()
