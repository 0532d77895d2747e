"""Thresholds chosen by false activations a minute, on streams made by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scored_streams import ACTIONS, EVENTS, HOP_S, LEFT, RIGHT, SPEC, stream

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.event_scores import ScoredStream, score_streams
from neurograsp.edge_runtime.thresholds import (
    CONFIDENCE,
    calibrate,
    minutes_needed,
    poisson_lower_bound,
    poisson_upper_bound,
    raise_thresholds,
)

SIGMOID = ActionSet(("a", "b"), ("REACH", "GRIP"), "sigmoid", None)


def noisy(seed: int, minutes: float, n_events: int, skill: float = 8.0) -> ScoredStream:
    """Scores of a mediocre decoder: the better its skill, the higher they rise in events."""
    rng = np.random.default_rng(seed)
    length_s = minutes * 60
    starts = np.linspace(5, length_s - 10, n_events)
    made = stream([], [(float(start), float(start) + 2, LEFT) for start in starts], length_s)
    level: npt.NDArray[Any] = rng.beta(2, 8, len(made.time_s))
    for start in starts:
        inside = (made.time_s >= start) & (made.time_s < start + 2)
        level[inside] = rng.beta(skill, 3, int(inside.sum()))
    made.probabilities[:, LEFT] = level
    made.probabilities[:, 0] = 1 - level
    made.probabilities[:, 2] = 0
    return made


@pytest.mark.parametrize("target", [0.5, 10.0])
@pytest.mark.parametrize("seed", range(2))
def test_the_target_is_respected(seed: int, target: float) -> None:
    streams = [noisy(seed, 6, 15)]
    template = DecisionSpec((0.5,) * 3, (0.5,) * 3, dwell=2)
    spec = calibrate(streams, ACTIONS, template, target, "these")
    scores = score_streams(streams, spec, ACTIONS)
    assert scores.false_activations_per_min is not None
    assert scores.false_activations_per_min <= target
    assert scores.hits > 0
    assert (spec.calibrated_on, spec.target_fa_per_min, spec.dwell) == ("these", target, 2)
    assert len(set(spec.on)) == 1
    assert spec.off[0] < spec.on[0]


@pytest.mark.slow
def test_a_looser_target_never_finds_fewer_events_nor_raises_the_threshold() -> None:
    streams = [noisy(0, 3, 8)]
    template = DecisionSpec((0.5,) * 3, (0.5,) * 3)
    specs = [calibrate(streams, ACTIONS, template, target, "") for target in (0.5, 2.0, 30.0)]
    hits = [score_streams(streams, spec, ACTIONS).hits for spec in specs]
    assert hits == sorted(hits)
    thresholds = [spec.on[0] for spec in specs]
    assert thresholds == sorted(thresholds, reverse=True)


def test_a_clean_decoder_is_let_through() -> None:
    streams = [stream([(10.5, 11.5, LEFT), (20.5, 21.5, RIGHT)], EVENTS[:2], 120.0)]
    spec = calibrate(streams, ACTIONS, SPEC, 2.0, "")
    scores = score_streams(streams, spec, ACTIONS)
    assert (scores.hits, scores.false_activations) == (2, 0)


@pytest.mark.slow
def test_rare_events_are_found() -> None:
    """Two seconds in five minutes: the threshold lies among the highest hundredth of the scores."""
    made = stream([], [(t, t + 2, LEFT) for t in np.arange(10.0, 900, 300)], 900)
    rng = np.random.default_rng(0)
    made.probabilities[:, LEFT] = rng.uniform(0, 0.5, len(made.time_s))
    for start in made.event_start_s:
        inside = (made.time_s >= start) & (made.time_s < start + 2)
        made.probabilities[inside, LEFT] = rng.uniform(0.7, 1.0, int(inside.sum()))
    scores = score_streams([made], calibrate([made], ACTIONS, SPEC, 2.0, ""), ACTIONS)
    assert (scores.hits, scores.false_activations) == (3, 0)


def test_where_the_target_cannot_be_met_few_false_ones_come_first() -> None:
    """Ten seconds of rest show nothing of two a minute: then the quietest threshold is taken."""
    streams = [stream([(1.0, 1.5, LEFT), (12.5, 13.0, LEFT)], [(12.0, 14.0, LEFT)], 14.0, rest=[(0.0, 10.0)])]
    streams[0].probabilities[10:15, LEFT] = 0.8
    spec = calibrate(streams, ACTIONS, SPEC, 0.01, "")
    scores = score_streams(streams, spec, ACTIONS)
    assert (scores.hits, scores.false_activations) == (1, 0)


def test_without_rest_hits_less_mistakes_decide() -> None:
    made = stream([(10.5, 11.0, LEFT)], EVENTS[:1], 30.0, rest=[])
    made.probabilities[:, 0] = 0.0
    made.probabilities[50:55, LEFT] = 0.5
    spec = calibrate([made], ACTIONS, SPEC, 2.0, "")
    assert 0.5 < spec.on[LEFT] <= 0.9
    assert spec.target_fa_per_min is None
    sigmoid = ScoredStream(
        **{**vars(made), "probabilities": made.probabilities[:, 1:], "event_action": np.zeros(1, int)}
    )
    spec = calibrate([sigmoid], SIGMOID, DecisionSpec((0.5,) * 2, (0.5,) * 2), 2.0, "")
    assert 0.5 < spec.on[0] <= 0.9


def resting(minutes: float, false: int, seed: int = 0) -> ScoredStream:
    """Nothing but rest: so many short rises of the score, to 0.7, 0.71, ..., and low noise between them."""
    at = np.linspace(5, minutes * 60 - 5, false)
    made = stream([], [], minutes * 60)
    made.probabilities[:, LEFT] = np.random.default_rng(seed).uniform(0, 0.3, len(made.time_s))
    for number, start in enumerate(at):
        inside = (made.time_s >= start) & (made.time_s < start + 3 * HOP_S)
        made.probabilities[inside, LEFT] = 0.7 + number / 100
    return made


@pytest.mark.parametrize("target", [0.3, 1.0, 3.0])
def test_rest_raises_thresholds_as_little_as_keeps_the_rate(target: float) -> None:
    made = resting(10, 20)
    raised = raise_thresholds([made], ACTIONS, SPEC, target)
    assert raised is not None
    counted = score_streams([made], raised, ACTIONS).false_activations
    assert poisson_upper_bound(counted) <= 10 * target
    # One more would be too many.
    assert poisson_upper_bound(counted + 1) > 10 * target or counted == 20
    assert counted == sum(0.7 + number / 100 >= raised.on[LEFT] for number in range(20))
    assert raised.off == pytest.approx([own * 0.4 / 0.6 for own in raised.on])
    assert (raised.smooth, raised.dwell) == (SPEC.smooth, SPEC.dwell)


def test_quiet_rest_leaves_thresholds_as_they_are() -> None:
    """Rest alone shows nothing of what a lower threshold would find."""
    assert raise_thresholds([resting(2, 0)], ACTIONS, SPEC, 1.0) == SPEC


def test_no_threshold_is_lowered_where_actions_have_their_own() -> None:
    own = replace(SPEC, on=(0.6, 0.6, 0.95), off=(0.6, 0.6, 0.95))
    raised = raise_thresholds([resting(10, 20)], ACTIONS, own, 0.3)
    assert raised is not None
    assert raised.on[LEFT] > 0.8
    assert raised.on[RIGHT] == 0.95
    assert raised.off == raised.on


def test_too_little_rest_shows_nothing() -> None:
    assert raise_thresholds([resting(minutes_needed(1.0) * 0.98, 0)], ACTIONS, SPEC, 1.0) is None
    assert raise_thresholds([resting(minutes_needed(1.0) * 1.02, 0)], ACTIONS, SPEC, 1.0) is not None


def test_scores_at_their_end_cannot_be_kept_out() -> None:
    made = resting(3, 0)
    made.probabilities[::20, LEFT] = 1.0
    assert raise_thresholds([made], ACTIONS, SPEC, 1.0) is None


@pytest.mark.parametrize("n", [0, 1, 2, 5, 20, 100, 2000])
def test_the_bounds_are_those_of_the_chi_square_quantile(n: int) -> None:
    chi2 = pytest.importorskip("scipy.stats").chi2
    assert poisson_upper_bound(n) == pytest.approx(chi2.ppf(CONFIDENCE, 2 * (n + 1)) / 2, rel=1e-9)
    lower = chi2.ppf(1 - CONFIDENCE, 2 * n) / 2 if n else 0.0
    assert poisson_lower_bound(n) == pytest.approx(lower, rel=1e-9)
