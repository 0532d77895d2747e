"""Intervals against draws made one by one, and against what must hold of any interval."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from neurograsp.edge_runtime.event_scores import ScoredStream
from neurograsp.train.bootstrap import draw, weighted_auc
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
    few = draw({"1": [replay(40, 1, 0)]}, "softmax").intervals()
    many = draw({"1": [replay(40, 10, 0)]}, "softmax").intervals()
    for name in few:
        assert few[name] is not None
        width_few, width_many = (one[name][1] - one[name][0] for one in (few, many))  # type: ignore[index]
        assert width_many == pytest.approx(width_few, rel=0.25)
        assert width_few > 0.1


def test_nineteen_in_twenty_intervals_hold_the_truth() -> None:
    """Two normal distributions one deviation apart: AUC 0.760."""
    held = 0
    for seed in range(60):
        interval = draw({"1": [replay(80, 1, seed)]}, "softmax").intervals()["auc_macro"]
        assert interval is not None
        held += interval[0] <= 0.7602 <= interval[1]
    assert 52 <= held <= 60


def test_more_people_are_surer_and_each_has_an_interval() -> None:
    people = {str(i): [replay(40, 1, i)] for i in range(6)}
    drawn = draw(people, "softmax")
    together, by_subject = drawn.intervals(), drawn.subject_intervals()
    assert set(by_subject) == set(people)
    widths = [own["auc_macro"][1] - own["auc_macro"][0] for own in by_subject.values()]  # type: ignore[index]
    assert together["auc_macro"] is not None
    assert together["auc_macro"][1] - together["auc_macro"][0] < 0.6 * np.mean(widths)


def test_a_figure_without_examples_has_no_interval() -> None:
    one = replay(4, 1, 0)
    nothing = Replay(STREAM, one.logits, one.picked[:0], one.truth[:0], one.block[:0], one.active)
    alone = draw({"1": [nothing]}, "softmax")
    assert set(alone.intervals().values()) == {None}
    assert set(alone.margins(alone).values()) == {None}
    both = draw({"1": [nothing], "2": [replay(40, 1, 0)]}, "softmax")
    assert both.intervals() == draw({"2": [replay(40, 1, 0)]}, "softmax").intervals()


def test_the_same_seed_gives_the_same_interval() -> None:
    people = {"1": [replay(30, 2, 0), replay(30, 2, 1)]}
    assert draw(people, "softmax").intervals() == draw(people, "softmax").intervals()
    assert draw(people, "softmax").intervals() != draw(people, "softmax", seed=1).intervals()


def test_a_small_but_steady_margin_is_seen_though_the_intervals_overlap() -> None:
    """Some of the errors gone on the same stretches; against other stretches it could be chance."""
    worse = replay(80, 1, 0)
    wrong = np.flatnonzero((worse.logits[:, 1] > 0.5) != worse.truth[:, 1])
    logits = worse.logits.copy()
    logits[wrong[:8], 1] = 2.0 * worse.truth[wrong[:8], 1] - 0.5
    better = dataclasses.replace(worse, logits=logits)
    first, second = (draw({"1": [one]}, "softmax") for one in (worse, better))
    low, high = first.intervals()["auc_macro"], second.intervals()["auc_macro"]
    assert low is not None
    assert high is not None
    assert high[0] < low[1]
    margin = second.margins(first)["auc_macro"]
    assert margin is not None
    assert 0 < margin[0] < margin[1] < 0.2
    back = first.margins(second)["auc_macro"]
    assert back == pytest.approx((-margin[1], -margin[0]))
    assert first.margins(first)["auc_macro"] == (0, 0)
