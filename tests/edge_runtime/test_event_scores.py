"""The controller's figures on streams made by hand."""

import pytest
from scored_streams import ACTIONS, EVENTS, LEFT, RIGHT, SPEC, stream

from neurograsp.edge_runtime.event_scores import TOLERANCE_S, activations, score_streams


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
