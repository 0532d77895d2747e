"""Curves of the report, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve

from neurograsp.train.report.curves import precision_recall, reliability


def test_precision_and_recall_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(300) < 0.3
    score = np.round(rng.normal(size=300) + positive, 1)
    curve = precision_recall(positive, score)
    assert curve is not None
    precision, recall, _ = precision_recall_curve(positive, score)
    assert curve[0] == pytest.approx(recall[:-1][::-1])
    assert curve[1] == pytest.approx(precision[:-1][::-1])
    assert precision_recall(np.ones(3, bool), np.zeros(3)) is None
    assert precision_recall(np.zeros(3, bool), np.zeros(3)) is None


def test_reliability_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(5000)
    positive = rng.random(5000) < probability**2
    given, share, error = reliability(positive, probability)
    wanted_share, wanted_given = calibration_curve(positive, probability, n_bins=10)
    assert given == pytest.approx(wanted_given)
    assert share == pytest.approx(wanted_share)
    assert error == pytest.approx(np.mean(np.abs(probability - probability**2)), abs=0.02)


def test_what_is_so_as_often_as_said_has_no_error() -> None:
    probability = np.repeat([0.25, 0.75, 1.0], 8)
    positive = np.array(([True] * 2 + [False] * 6) + ([True] * 6 + [False] * 2) + [True] * 8)
    given, share, error = reliability(positive, probability)
    assert given.tolist() == share.tolist() == [0.25, 0.75, 1.0]
    assert error == 0
    given, _, error = reliability(np.array([True, False]), np.array([0.0, 0.0]))
    assert (given.tolist(), error) == ([], 0.5)
