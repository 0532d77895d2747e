"""What the screen gets of a signal, against a loop over its samples."""

import json

import numpy as np
import pytest
from toys import chunks, eeg_like, toy_signal

from neurograsp.edge_runtime.cli.demo import PRETRAINED
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.monitor.traces import FILTERED_STEPS, Columns, Traces
from neurograsp.firmware_bridge.strict import decode

MANIFEST = json.loads((PRETRAINED / "manifest.json").read_text())
SIGNAL = decode(SignalSpec, MANIFEST["signal"], "signal")
"""High-pass, low-pass, and one frame in five: 32 channels at 500 Hz."""

N_CHANNELS, RATE_HZ = len(SIGNAL.channels), SIGNAL.rate_hz


def by_hand(index: np.ndarray, samples: np.ndarray, frames: int) -> dict[int, tuple[list[int], list[int]]]:
    found = {}
    for column in np.unique(index // frames):
        inside = samples[index // frames == column]
        found[int(column)] = inside.min(axis=0).tolist(), inside.max(axis=0).tolist()
    return found


def pushed(columns: Columns, index: np.ndarray, samples: np.ndarray, seed: int) -> None:
    cuts = np.random.default_rng(seed).integers(0, len(index) + 1, 40)
    for part in chunks(len(index), cuts.tolist()):
        columns.add(index[part], samples[part])


@pytest.mark.parametrize("seed", range(3))
def test_least_and_most_of_every_column_in_any_chunks(seed: int) -> None:
    samples = eeg_like(500, 3, seed).astype(np.int64)
    index = np.arange(500) + 70
    index[250:] += 33  # a gap
    columns = Columns(3, 4, 1000)
    pushed(columns, index, samples, seed)
    first, found = columns.since(0)
    wanted = by_hand(index, samples, 4)
    there = {first + k: one for k, one in enumerate(found) if one is not None}
    assert there == {number: one for number, one in wanted.items() if number < columns.newest}
    assert columns.newest == index[-1] // 4
    assert any(one is None for one in found[18:])


def test_only_what_is_kept_and_only_what_is_finished() -> None:
    columns = Columns(1, 2, 10)
    columns.add(np.arange(101), np.arange(101)[:, None])
    first, found = columns.since(0)
    assert (first, len(found)) == (41, 9)
    assert found[-1] == ([98], [99])
    assert columns.since(48) == (48, found[7:])
    assert columns.since(50) == (50, [])


def test_a_jump_of_years_costs_nothing() -> None:
    columns = Columns(1, 2, 10)
    columns.add(np.array([0, 1, 2**50]), np.zeros((3, 1), np.int64))
    first, found = columns.since(0)
    assert (first, found) == (2**49 - 9, [None] * 9)


def test_filtered_is_what_the_filter_gives_in_any_chunks() -> None:
    signal = SIGNAL
    counts = eeg_like(1000, N_CHANNELS, 1)
    traces = Traces(signal)
    for part in chunks(1000, np.random.default_rng(1).integers(0, 1000, 30).tolist()):
        traces.take(np.arange(1000)[part], counts[part])
    samples = FilterChain(signal).filter(counts).astype(np.int64)
    index = (np.arange(len(samples)) + 1) * signal.decimation - 1
    wanted = by_hand(index, samples * FILTERED_STEPS >> signal.input_shift, traces.filtered.frames)
    first, found = traces.filtered.since(0)
    assert first == 0
    assert [one for one in found if one is not None] == [wanted[k] for k in sorted(wanted)][: len(found)]
    last = samples[-round(RATE_HZ / signal.decimation) :] / 2.0**signal.input_shift
    np.testing.assert_allclose(traces.amplitude(), last.std(axis=0))


@pytest.mark.parametrize("missing", [30, 400, 10**12])
def test_after_a_gap_the_filter_begins_anew_and_what_was_there_is_left_out(missing: int) -> None:
    """Of a long gap a fifth of a second is shown."""
    counts = eeg_like(1100, N_CHANNELS, 2)
    traces, fresh = Traces(SIGNAL), Traces(SIGNAL)
    begin, shown = 300 + missing, 300 + min(missing, round(RATE_HZ / 5))
    traces.take(np.arange(300), counts[:300])
    traces.take(np.arange(250, 300), counts[:50])  # once more
    traces.take(np.arange(begin, begin + 100), counts[300:400])
    traces.take(np.arange(begin + 100, begin + 800), counts[400:])
    fresh.take(np.arange(shown, shown + 800), counts[300:])
    column = shown // traces.raw.frames
    for one, other in ((traces.raw, fresh.raw), (traces.filtered, fresh.filtered)):
        (first, found), (_, wanted) = one.since(0), other.since(0)
        assert first == 0
        assert found[column + 1 :] == wanted[column + 1 :] != []
        assert found[300 // one.frames + 1 : column] == [None] * (column - 300 // one.frames - 1)
    np.testing.assert_allclose(traces.amplitude(), fresh.amplitude())


@pytest.mark.parametrize("seed", range(3))
def test_gaps_in_any_chunks(seed: int) -> None:
    counts, rng = eeg_like(600, N_CHANNELS, 2), np.random.default_rng(seed)
    index = np.cumsum(1 + rng.choice([0, 7, 300], 600, p=[0.98, 0.01, 0.01]))
    whole, parts = Traces(SIGNAL), Traces(SIGNAL)
    whole.take(index, counts)
    for part in chunks(600, rng.integers(0, 600, 30).tolist()):
        if len(index[part]):
            parts.take(index[part], counts[part])
    assert whole.raw.since(0) == parts.raw.since(0)
    assert whole.filtered.since(0) == parts.filtered.since(0)


def test_nothing_yet() -> None:
    traces = Traces(toy_signal())
    assert traces.amplitude() is None
    assert traces.raw.since(0) == (0, [])
