"""The int8 network as a controller, at other thresholds than its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.event_scores import ScoredStream, score_streams, with_threshold

MOST_THRESHOLDS = 40
MOST_STEPS = 200_000
"""Of the decision layer in all, a few seconds; long recordings get fewer thresholds."""


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
