"""The controller's figures on streams made by hand, and thresholds chosen by them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.event_scores import (
    TOLERANCE_S,
    ScoredStream,
    activations,
    calibrate,
    poisson_upper_bound,
    score_streams,
)

ACTIONS = ActionSet(("rest", "left", "right"), ("REST", "FIST", "GRIP"), "softmax", "rest")
SIGMOID = ActionSet(("a", "b"), ("REACH", "GRIP"), "sigmoid", None)
LEFT, RIGHT = 1, 2
HOP_S = 0.1
SPEC = DecisionSpec((0.6,) * 3, (0.4,) * 3)


def stream(
    bursts: list[tuple[float, float, int]],
    events: list[tuple[float, float, int]],
    length_s: float,
    rest: list[tuple[float, float]] | None = None,
    p: float = 0.9,
) -> ScoredStream:
    """Scores every 0.1 s, `p` for the action during a burst (start, stop, action) and 0.1 elsewhere.

    Whatever is no event is labelled as rest, unless `rest` says otherwise.
    """
    time_s = np.arange(round(length_s / HOP_S)) * HOP_S
    probabilities = np.full((len(time_s), 3), 0.1)
    for start, stop, action in bursts:
        probabilities[(time_s >= start - 1e-9) & (time_s < stop - 1e-9), action] = p
    start_s, stop_s, action = (np.array(column) for column in zip(*events)) if events else (np.zeros(0),) * 3
    if rest is None:
        rest = list(zip([0.0, *stop_s], [*start_s, length_s]))
    rest_start_s, rest_stop_s = np.array(rest, float).reshape(-1, 2).T
    return ScoredStream(
        time_s=time_s,
        restart=np.zeros(len(time_s), bool),
        probabilities=probabilities,
        event_start_s=start_s.astype(float),
        event_stop_s=stop_s.astype(float),
        event_action=action.astype(np.int64),
        rest_start_s=rest_start_s,
        rest_stop_s=rest_stop_s,
    )


EVENTS = [(10.0, 12.0, LEFT), (20.0, 22.0, RIGHT), (30.0, 32.0, LEFT), (40.0, 42.0, RIGHT)]


def test_known_figures() -> None:
    bursts = [
        (10.5, 11.0, LEFT),  # found after 0.5 s
        (20.2, 20.5, LEFT),  # the wrong one
        (20.9, 21.5, RIGHT),  # found after 0.9 s
        (32.3, 32.6, LEFT),  # found within the tolerance, after 2.3 s
        (5.0, 5.5, LEFT),  # false
        (50.0, 50.2, RIGHT),  # false
    ]
    scores = score_streams([stream(bursts, EVENTS, 68.0)], SPEC, ACTIONS)
    assert (scores.n_events, scores.hits, scores.wrong, scores.false_activations) == (4, 3, 1, 2)
    assert scores.rest_min == pytest.approx(1.0)
    assert scores.event_tpr == pytest.approx(0.75)
    assert scores.false_activations_per_min == pytest.approx(2.0)
    assert scores.latencies_s == pytest.approx((0.5, 0.9, 2.3))
    assert scores.latency_ms(0.5) == pytest.approx(900)


def test_too_late_and_too_early_are_false() -> None:
    bursts = [(12.1 + TOLERANCE_S, 13.0, LEFT), (29.8, 30.5, LEFT)]
    scores = score_streams([stream(bursts, EVENTS, 60.0)], SPEC, ACTIONS)
    assert (scores.hits, scores.false_activations) == (0, 2)


def test_another_action_right_after_an_event_is_false() -> None:
    scores = score_streams([stream([(12.2, 12.5, RIGHT)], EVENTS[:1], 60.0)], SPEC, ACTIONS)
    assert (scores.hits, scores.wrong, scores.false_activations) == (0, 0, 1)


def test_time_without_a_label_is_in_no_figure() -> None:
    scores = score_streams([stream([(5.0, 5.5, LEFT)], EVENTS[:1], 60.0, [(40.0, 46.0)])], SPEC, ACTIONS)
    assert (scores.false_activations, scores.stray) == (0, 1)
    assert scores.false_activations_per_min == 0
    assert scores.rest_min == pytest.approx(0.1)


def test_an_action_held_through_rest_is_told() -> None:
    scores = score_streams([stream([(10.5, 30.0, LEFT)], EVENTS[:1], 62.0)], SPEC, ACTIONS)
    assert (scores.hits, scores.false_activations) == (1, 0)
    assert scores.held_in_rest == pytest.approx(18 / 60, abs=0.01)


def test_a_second_activation_in_an_event_counts_for_nothing() -> None:
    bursts = [(10.2, 10.5, LEFT), (11.0, 11.3, LEFT)]
    scores = score_streams([stream(bursts, EVENTS, 60.0)], SPEC, ACTIONS)
    assert (scores.hits, scores.wrong, scores.false_activations) == (1, 0, 0)
    assert scores.latencies_s == pytest.approx((0.2,))


def test_streams_add_up() -> None:
    one = stream([(10.5, 11.0, LEFT), (5.0, 5.2, LEFT)], EVENTS[:1], 32.0)
    other = stream([], EVENTS[:1], 32.0)
    scores = score_streams([one, other], SPEC, ACTIONS)
    assert (scores.n_events, scores.hits, scores.false_activations) == (2, 1, 1)
    assert scores.false_activations_per_min == pytest.approx(1.0)


def test_without_rest_nothing_is_made_up() -> None:
    scores = score_streams([stream([(10.5, 11.0, LEFT)], EVENTS, 60.0, rest=[])], SPEC, ACTIONS)
    assert scores.hits == 1
    assert scores.n_events == 4
    assert scores.event_tpr is None
    assert scores.false_activations_per_min is None
    assert scores.latency_ms(0.5) is None


def test_without_events_there_is_no_rate_of_finding() -> None:
    scores = score_streams([stream([], [], 60.0)], SPEC, ACTIONS)
    assert (scores.event_tpr, scores.latency_ms(0.5)) == (None, None)
    assert scores.false_activations_per_min == 0.0


def test_a_gap_starts_the_decision_layer_anew() -> None:
    held = stream([(1.0, 2.0, LEFT)], [], 3.0)
    assert activations(held, SPEC, ACTIONS) == [(pytest.approx(1.0), LEFT)]
    held.restart[15] = True
    assert [round(time_s, 1) for time_s, _ in activations(held, SPEC, ACTIONS)] == [1.0, 1.5]


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


@pytest.mark.parametrize("n", [0, 1, 2, 5, 20, 100])
def test_the_upper_bound_is_the_exact_one(n: int) -> None:
    chi2 = pytest.importorskip("scipy.stats").chi2
    assert poisson_upper_bound(n) == pytest.approx(chi2.ppf(0.8, 2 * (n + 1)) / 2, rel=0.02)
