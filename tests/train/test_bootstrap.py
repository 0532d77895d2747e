"""Intervals against draws made one by one, and against what must hold of any interval."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from neurograsp.edge_runtime.event_scores import ScoredStream
from neurograsp.train.bootstrap import intervals, weighted_auc
from neurograsp.train.evaluate import Replay

NONE = np.zeros(0)
STREAM = ScoredStream(NONE, NONE.astype(bool), np.zeros((0, 2)), NONE, NONE, NONE.astype(int), NONE, NONE)


def replay(n_blocks: int, a_block: int, seed: int, signal: float = 1.0) -> Replay:
    """Two actions in turn; all windows of a stretch have nearly one score."""
    rng = np.random.default_rng(seed)
    action = np.repeat(np.arange(n_blocks) % 2, a_block)
    score = np.repeat(rng.normal(size=n_blocks), a_block) + signal * action + rng.normal(0, 0.01, len(action))
    truth = np.eye(2, dtype=np.uint8)[action]
    block = np.repeat(np.arange(n_blocks), a_block)
    logits = np.stack([np.zeros(len(score)), score], axis=1)
    return Replay(STREAM, logits, np.arange(len(score)), truth, block, truth > 0)


def test_weighted_areas_are_those_of_repeated_examples() -> None:
    rng = np.random.default_rng(0)
    positive, score = rng.random(60) < 0.4, np.round(rng.normal(size=60), 1)
    weights = rng.integers(0, 4, (20, 60)).astype(float)
    areas = weighted_auc(positive, score, weights)
    drawn = [np.repeat(np.arange(60), one.astype(int)) for one in weights]
    wanted = [roc_auc_score(positive[rows], score[rows]) for rows in drawn]
    assert areas == pytest.approx(wanted)


def test_repeated_windows_make_no_figure_surer() -> None:
    """Ten windows a stretch instead of one: the interval stays as wide."""
    few, _ = intervals({"1": [replay(40, 1, 0)]}, "softmax")
    many, _ = intervals({"1": [replay(40, 10, 0)]}, "softmax")
    for name in few:
        assert few[name] is not None
        width_few, width_many = (one[name][1] - one[name][0] for one in (few, many))  # type: ignore[index]
        assert width_many == pytest.approx(width_few, rel=0.25)
        assert width_few > 0.1


def test_nineteen_in_twenty_intervals_hold_the_truth() -> None:
    """Two normal distributions one deviation apart: AUC 0.760."""
    held = 0
    for seed in range(60):
        interval = intervals({"1": [replay(80, 1, seed)]}, "softmax")[0]["auc_macro"]
        assert interval is not None
        held += interval[0] <= 0.7602 <= interval[1]
    assert 52 <= held <= 60


def test_more_people_are_surer_and_each_has_an_interval() -> None:
    people = {str(i): [replay(40, 1, i)] for i in range(6)}
    together, by_subject = intervals(people, "softmax")
    assert set(by_subject) == set(people)
    widths = [own["auc_macro"][1] - own["auc_macro"][0] for own in by_subject.values()]  # type: ignore[index]
    assert together["auc_macro"] is not None
    assert together["auc_macro"][1] - together["auc_macro"][0] < 0.6 * np.mean(widths)


def test_a_figure_without_examples_has_no_interval() -> None:
    one = replay(4, 1, 0)
    nothing = Replay(STREAM, one.logits, one.picked[:0], one.truth[:0], one.block[:0], one.active)
    together, _ = intervals({"1": [nothing]}, "softmax")
    assert set(together.values()) == {None}
    both, _ = intervals({"1": [nothing], "2": [replay(40, 1, 0)]}, "softmax")
    assert both == intervals({"2": [replay(40, 1, 0)]}, "softmax")[0]


def test_the_same_seed_gives_the_same_interval() -> None:
    people = {"1": [replay(30, 2, 0), replay(30, 2, 1)]}
    assert intervals(people, "softmax") == intervals(people, "softmax")
    assert intervals(people, "softmax") != intervals(people, "softmax", seed=1)
