"""Thresholds for a wanted number of false activations a minute: in training, and on the board. Pure numpy.

A number that was counted says little about the rate behind it: a rate counts as kept when it would be, with
CONFIDENCE, if false activations came by chance alone (a Poisson process).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.event_scores import ScoredStream, score_streams

CONFIDENCE = 0.8
OFF_OVER_ON = 0.7
GRID = 60


def calibrate(
    streams: Sequence[ScoredStream],
    actions: ActionSet,
    template: DecisionSpec,
    target_fa_per_min: float,
    calibrated_on: str,
) -> DecisionSpec:
    """Choose one threshold for all actions.

    With rest in the streams: the one that finds most events while the rate of false activations lies,
    with CONFIDENCE, at or under the wanted one; where the rest is too short to show that of any, the
    one with fewest false activations. Without rest: the one with most hits less wrong and stray
    activations.

    Args:
        streams: recordings that the network was not trained on.
        actions: the action set.
        template: times and order; its thresholds are ignored.
        target_fa_per_min: the wanted number.
        calibrated_on: the streams, in words.

    Returns:
        the template with thresholds.
    """
    has_rest = any(stream.rest_s for stream in streams)
    best: tuple[tuple[bool, float, float], DecisionSpec] | None = None
    for threshold in _candidates(streams, actions):
        spec = with_threshold(template, float(threshold), len(actions.names))
        scores = score_streams(streams, spec, actions)
        if has_rest:
            rate = poisson_upper_bound(scores.false_activations) / scores.rest_min
            sure = rate <= target_fa_per_min
            merit = (sure, scores.hits if sure else -rate, -rate if sure else scores.hits)
        else:
            merit = (True, scores.hits - scores.wrong - scores.stray, threshold)
        if best is None or merit >= best[0]:
            best = (merit, spec)
    if best is None:
        raise ValueError("calibrate: no scores")
    return replace(
        best[1],
        calibrated_on=calibrated_on,
        target_fa_per_min=target_fa_per_min if has_rest else None,
    )


def raise_thresholds(
    streams: Sequence[ScoredStream], actions: ActionSet, spec: DecisionSpec, target_fa_per_min: float
) -> DecisionSpec | None:
    """Raise thresholds until the rate of false activations lies, with CONFIDENCE, at or under the wanted one.

    For streams without events, which show nothing of what a threshold costs.

    Args:
        streams: with rest.
        actions: the action set.
        spec: no threshold becomes lower than its own.
        target_fa_per_min: the wanted number.

    Returns:
        the spec with the lowest thresholds from which on all higher ones keep the rate as well; None where
        none is high enough.
    """
    candidates = _candidates(streams, actions)
    beyond = (candidates[-1] + 1) / 2
    chosen = None
    for threshold in [beyond, *candidates[::-1], 0.0]:
        raised = _at_least(spec, float(threshold))
        scores = score_streams(streams, raised, actions)
        if poisson_upper_bound(scores.false_activations) > target_fa_per_min * scores.rest_min:
            break
        chosen = raised
    return chosen


def _at_least(spec: DecisionSpec, threshold: float) -> DecisionSpec:
    """No threshold under this one; what ends an action keeps its share of what starts it."""
    on = tuple(max(threshold, own) for own in spec.on)
    off = tuple(min(high, own * high / low) for own, high, low in zip(spec.off, on, spec.on))
    return replace(spec, on=on, off=off)


def _candidates(streams: Sequence[ScoredStream], actions: ActionSet) -> npt.NDArray[np.float64]:
    """(n,) rising. Events may be rare: they lie densest among the highest scores."""
    probabilities = np.concatenate([stream.probabilities for stream in streams])
    moving = [i for i in range(len(actions.names)) if i != actions.rest_index]
    best_of_each = probabilities[:, moving].max(axis=1)
    tail = np.geomspace(1 / len(best_of_each), 0.98, GRID)
    return np.unique(np.clip(np.quantile(best_of_each, [*(1 - tail), 1.0]), 1e-4, 1.0))


def poisson_upper_bound(n: int) -> float:
    """The expected number that is, with CONFIDENCE, not exceeded when `n` were counted."""
    return _poisson_mean(n, 1 - CONFIDENCE)


def poisson_lower_bound(n: int) -> float:
    """The expected number that is, with CONFIDENCE, reached when `n` were counted."""
    return _poisson_mean(n - 1, CONFIDENCE) if n else 0.0


def minutes_needed(target_fa_per_min: float) -> float:
    """The least rest that can show so low a rate: that in which not one false activation does."""
    return poisson_upper_bound(0) / target_fa_per_min


def _poisson_mean(n: int, share: float) -> float:
    """The mean at which a Poisson variable is `n` or less in this share of cases, by bisection.

    The same as half the chi-square quantile of 1 - share with 2 (n + 1) degrees of freedom (Garwood,
    Biometrika 28:437, 1936).
    """
    k = np.arange(n + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(k[1:]))])
    low, high = 0.0, n + 10 * math.sqrt(n + 1) + 10
    while True:
        mean = (low + high) / 2
        if mean in (low, high):
            return mean
        if np.exp(k * np.log(mean) - log_factorial - mean).sum() > share:
            low = mean
        else:
            high = mean


def with_threshold(template: DecisionSpec, threshold: float, n_actions: int) -> DecisionSpec:
    """The template with one threshold for all actions, and the hysteresis under it."""
    return replace(template, on=(threshold,) * n_actions, off=(threshold * OFF_OVER_ON,) * n_actions)
