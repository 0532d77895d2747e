"""Listening to a pipeline, and choosing by what was heard."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scored_streams import ACTIONS, EVENTS, HOP_S, LEFT, RIGHT, SPEC, stream
from toys import RATE_HZ, eeg_like, toy_signal

from neurograsp.edge_runtime.calibration import Listener, check_enough_rest, choose, read_calibration
from neurograsp.edge_runtime.contract.calibration import MAX_BYTES
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.pipeline import Pipeline

SIGNAL = toy_signal(window=10, hop=5)
COUNTS = eeg_like(500, 2, seed=0)


def scorer(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    return np.array([0.0, float(window[-1, 0]) / 16])


def listen(index: npt.NDArray[np.int64], skip_s: float = 0.0) -> Listener:
    pipeline = Pipeline(SIGNAL, DecisionSpec((0.6,) * 2, (0.4,) * 2), scorer)
    listener = Listener(SIGNAL, skip_s)
    pipeline.watch(listener.push)
    pipeline.push(COUNTS, index)
    return listener


def test_what_is_heard_is_what_was_decided_on() -> None:
    pipeline = Pipeline(SIGNAL, DecisionSpec((0.6,) * 2, (0.4,) * 2), scorer)
    decisions = pipeline.push(COUNTS, np.arange(500))
    heard = listen(np.arange(500))
    made = heard.stream()
    assert made.time_s == pytest.approx([one.time_s for one in decisions])
    assert made.probabilities == pytest.approx(np.stack([one.probabilities for one in decisions]))
    hops = heard.hops(made.in_rest)
    assert hops.shape == (len(decisions), 5, 2)
    newest = [one.logits[1] * 16 for one in decisions]
    assert hops[:, -1, 0].tolist() == pytest.approx(newest)


def test_all_of_it_is_rest_but_what_is_lost() -> None:
    """Two stretches of 250 frames, each without the window that fills first but for its last hop."""
    index = np.concatenate([np.arange(250), np.arange(1000, 1250)])
    made = listen(index).stream()
    assert made.in_rest.all()
    assert made.rest_s == pytest.approx(2 * 245 / RATE_HZ)
    assert np.flatnonzero(made.restart).tolist() == [49]
    assert made.rest_start_s == pytest.approx([5 / RATE_HZ, 1005 / RATE_HZ])
    assert made.rest_stop_s == pytest.approx([250 / RATE_HZ, 1250 / RATE_HZ])


def test_the_beginning_is_left_out() -> None:
    made = listen(np.arange(500), skip_s=0.5).stream()
    assert made.time_s[0] == pytest.approx(9 / RATE_HZ + 0.5, abs=SIGNAL.hop_s)


def test_nothing_heard_is_said() -> None:
    with pytest.raises(CheckFailed, match=r"no window of 0\.04 s"):
        Listener(SIGNAL).stream()


def test_little_rest_is_said_with_what_is_needed() -> None:
    with pytest.raises(CheckFailed, match=r"60 s of rest .* 0\.5 .* 3\.2 minutes \(193 s\) are needed"):
        check_enough_rest(60, 0.5)
    check_enough_rest(194, 0.5)


def test_with_events_thresholds_may_fall() -> None:
    bursts = [(start + 0.5, stop, action) for start, stop, action in EVENTS]
    made = stream(bursts, EVENTS, 120.0, p=0.55)
    outcome = choose([made], ACTIONS, SPEC, 2.0)
    assert (outcome.before.hits, outcome.after.hits, outcome.after.false_activations) == (0, 4, 0)
    assert max(outcome.decision.on) <= 0.55


def test_with_rest_alone_they_only_rise() -> None:
    quiet = stream([], [], 60.0)
    assert choose([quiet], ACTIONS, SPEC, 2.0).decision == SPEC
    restless = stream([(t, t + 2 * HOP_S, LEFT) for t in (10.0, 20.0, 30.0)], [], 60.0, p=0.8)
    outcome = choose([restless], ACTIONS, SPEC, 2.0)
    assert (outcome.before.false_activations, outcome.after.false_activations) == (3, 0)
    assert outcome.decision.on[RIGHT] > 0.8


def test_a_rate_that_no_threshold_keeps_is_refused() -> None:
    made = stream([(t, t + 2 * HOP_S, LEFT) for t in np.arange(5.0, 60, 5)], [], 60.0, p=1.0)
    with pytest.raises(CheckFailed, match=r"no threshold keeps 2 .* there are 11 in 1\.0 minutes"):
        choose([made], ACTIONS, SPEC, 2.0)


def test_two_short_rests_are_as_good_as_one() -> None:
    half = stream([], [], 30.0)
    with pytest.raises(CheckFailed, match="30 s of rest"):
        choose([half], ACTIONS, SPEC, 2.0)
    assert choose([half, replace(half)], ACTIONS, SPEC, 2.0).after.rest_min == pytest.approx(1)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json: cannot be read: No such file"):
        read_calibration(tmp_path / "nowhere.json")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_calibration(tmp_path)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        read_calibration(large)
