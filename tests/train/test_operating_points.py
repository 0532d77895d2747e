"""What a threshold could give at a rate of false activations."""

from dataclasses import replace

import numpy as np
import pytest
from test_evaluate import DECISION, SPEC, scored

from neurograsp.edge_runtime.event_scores import score_streams
from neurograsp.edge_runtime.thresholds import with_threshold
from neurograsp.train.operating_points import RATES_PER_MIN, Sweep, operating_points, sweep, sweep_models


def test_a_sweep_is_the_controller_at_each_threshold() -> None:
    stream = scored().stream
    found = sweep([stream], DECISION, SPEC.actions)
    assert found is not None
    assert list(found.thresholds) == sorted(found.thresholds)
    for threshold, share, rate in zip(found.thresholds, found.found, found.false_per_min):
        score = score_streams([stream], with_threshold(DECISION, threshold, 2), SPEC.actions)
        assert (share, rate) == (score.event_tpr, score.false_activations_per_min)


def test_the_best_of_the_thresholds_that_are_quiet_enough() -> None:
    swept = {
        "int8": Sweep((0.2, 0.5, 0.8), (0.9, 0.7, 0.4), (9.0, 2.0, 0.0)),
        "linear": Sweep((0.5,), (0.6,), (4.0,)),
    }
    points = {point["at_most_per_min"]: point["event_tpr"] for point in operating_points(swept)}
    assert tuple(points) == RATES_PER_MIN
    assert points[0.5] == {"float": None, "int8": 0.4, "linear": None}
    assert points[2.0] == {"float": None, "int8": 0.7, "linear": None}
    assert points[10.0] == {"float": None, "int8": 0.9, "linear": 0.6}


@pytest.mark.parametrize("kind", ["rest", "scores"])
def test_without_rest_or_scores_there_is_none(kind: str) -> None:
    one = scored()
    stream, empty = one.stream, np.zeros(0)
    if kind == "rest":
        stream = replace(stream, rest_start_s=empty, rest_stop_s=empty)
    else:
        nothing = stream.restart[:0], stream.probabilities[:0]
        stream = replace(stream, time_s=empty, restart=nothing[0], probabilities=nothing[1])
    swept = sweep_models({"int8": [replace(one, stream=stream)]}, {"int8": DECISION}, SPEC.actions)
    assert swept == {}
    assert operating_points(swept) == []
