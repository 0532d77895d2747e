import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from neurograsp.edge_runtime.decoder_scores import (
    accuracy,
    balanced_accuracy,
    frame_auc,
    macro_auc,
    mean_over_subjects,
    one_against_rest,
)


def test_auc_of_a_hand_made_case() -> None:
    y = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]])
    scores = np.array([[4.0, 0, 0], [2, 1, 0], [3, 2, 0], [1, 3, 0]])
    assert macro_auc(y, scores) == pytest.approx((0.75 + 1) / 2)
    assert macro_auc(np.ones((3, 1)), np.zeros((3, 1))) is None
    assert macro_auc(np.zeros((0, 2)), np.zeros((0, 2))) is None


def test_auc_is_that_of_scikit_learn_with_ties_and_several_actions_at_once() -> None:
    rng = np.random.default_rng(0)
    y = rng.random((300, 4)) < [0.1, 0.4, 0.5, 0]
    scores = np.round(rng.normal(0, 2, (300, 4)) + y)
    wanted = np.mean([roc_auc_score(y[:, k], scores[:, k]) for k in range(3)])
    assert macro_auc(y, scores) == pytest.approx(wanted, abs=1e-12)


def test_the_area_within_a_frame_is_the_mean_over_frames() -> None:
    rng = np.random.default_rng(0)
    active = rng.random((200, 6)) < 0.3
    scores = np.round(rng.normal(size=(200, 6)) + active, 1)
    mixed = active.any(axis=1) & ~active.all(axis=1)
    wanted = np.mean([roc_auc_score(a, s) for a, s in zip(active[mixed], scores[mixed])])
    assert frame_auc(active, scores) == pytest.approx(wanted)
    assert frame_auc(np.zeros((5, 3)), np.zeros((5, 3))) is None
    assert frame_auc(np.ones((5, 3)), np.zeros((5, 3))) is None


def test_accuracies_are_of_examples_with_one_action() -> None:
    truth = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    scores = np.array([[2, 1, 0], [1, 2, 0], [0, 1, 0], [0, 0, 9], [0, 0, 9]])
    assert accuracy(truth, scores) == pytest.approx(2 / 3)
    assert balanced_accuracy(truth, scores) == pytest.approx((0.5 + 1) / 2)
    assert accuracy(truth[3:], scores[3:]) is balanced_accuracy(truth[3:], scores[3:]) is None


def test_scores_rank_windows_as_their_probabilities_do() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (200, 3))
    ranked = one_against_rest(logits, "softmax").argsort(axis=0)
    assert np.array_equal(ranked, softmax(logits, axis=1).argsort(axis=0))


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_certain_scores_stay_apart(output: str) -> None:
    """Their probabilities are 1.0 both."""
    logits = np.array([[50.0, -50.0], [60.0, -60.0], [55.0, -55.0]])
    y = np.array([[0, 1], [1, 0], [0, 1]])
    assert macro_auc(y, one_against_rest(logits, output)) == 1.0  # type: ignore[arg-type]


def test_subjects_weigh_alike_and_what_does_not_apply_is_left_out() -> None:
    figures = [
        {"auc_macro": 0.9, "n_events": 90, "event_tpr": None, "held_in_rest": None},
        {"auc_macro": 0.5, "n_events": 10, "event_tpr": 0.25, "held_in_rest": None},
    ]
    mean = mean_over_subjects(figures)
    assert mean == {"auc_macro": 0.7, "n_events": 100, "event_tpr": 0.25, "held_in_rest": None}
