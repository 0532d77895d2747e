"""Decoders as controllers at other thresholds than their own, by false activations a minute.

Chosen in hindsight, on the recordings that are scored: what thresholds could give, not what they will.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.event_scores import ScoredStream, score_streams
from neurograsp.edge_runtime.thresholds import with_threshold
from neurograsp.train.evaluate import MODELS, Replay

MOST_THRESHOLDS = 40
MOST_STEPS = 100_000
"""Of the decision layer, a second or two a model; long recordings get fewer thresholds."""

RATES_PER_MIN = (0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Sweep:
    """Attributes:
    thresholds: rising, one for all actions.
    found: share of the events, for each.
    false_per_min: false activations a minute of rest, for each.
    """

    thresholds: tuple[float, ...]
    found: tuple[float, ...]
    false_per_min: tuple[float, ...]


def sweep(streams: Sequence[ScoredStream], decision: DecisionSpec, actions: ActionSet) -> Sweep | None:
    """Score the streams at thresholds spread over the probabilities; None without rest or events."""
    moving = [index for index in range(len(actions.names)) if index != actions.rest_index]
    largest = np.concatenate([stream.probabilities[:, moving].max(axis=1) for stream in streams])
    if not len(largest) or not any(stream.rest_s for stream in streams):
        return None
    n = int(np.clip(MOST_STEPS // len(largest), 5, MOST_THRESHOLDS))
    wanted = np.unique(np.round(np.quantile(largest, np.linspace(0.02, 1, n)), 4))
    thresholds = [float(value) for value in np.clip(wanted, 1e-4, 1.0)]
    scored = [
        score_streams(streams, with_threshold(decision, t, len(actions.names)), actions) for t in thresholds
    ]
    rows = [
        (threshold, score.event_tpr, score.false_activations_per_min)
        for threshold, score in zip(thresholds, scored)
        if score.event_tpr is not None and score.false_activations_per_min is not None
    ]
    if not rows:
        return None
    return Sweep(tuple(t for t, _, _ in rows), tuple(f for _, f, _ in rows), tuple(m for _, _, m in rows))


def sweep_models(
    replays: Mapping[str, Sequence[Replay]], decisions: Mapping[str, DecisionSpec], actions: ActionSet
) -> dict[str, Sweep]:
    """`sweep` of each model with its own times and order; without those that cannot be swept."""
    swept = {
        model: sweep([one.stream for one in own], decisions[model], actions) for model, own in replays.items()
    }
    return {model: found for model, found in swept.items() if found is not None}


def operating_points(swept: Mapping[str, Sweep]) -> list[dict[str, Any]]:
    """The largest share of events found at no more than so many false activations a minute.

    Returns:
        a point for each of RATES_PER_MIN, with `event_tpr` of "float", "int8" and "linear": None for a
        model that is not there or has no threshold as quiet as that; empty where nothing was swept.
    """
    return [
        {
            "at_most_per_min": rate,
            "event_tpr": {model: _found_at(swept.get(model), rate) for model in MODELS},
        }
        for rate in RATES_PER_MIN
        if swept
    ]


def _found_at(swept: Sweep | None, rate: float) -> float | None:
    if swept is None:
        return None
    return max(
        (found for found, false in zip(swept.found, swept.false_per_min) if false <= rate), default=None
    )
