"""How sure a figure is: percentile bootstrap over labelled stretches.

Windows of one stretch say the same thing many times, so stretches are drawn, not windows. What it shows is
the chance in the choice of trials; other seeds, sessions and people vary more. Efron & Tibshirani, "An
Introduction to the Bootstrap" (1993), chapter 13.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.decoder_scores import one_against_rest
from neurograsp.train.evaluate import Replay

DRAWS = 1000
CHUNK = 100
COVERAGE = 0.95
BOOTSTRAPPED = ("auc_macro", "balanced_accuracy", "accuracy")

Float = npt.NDArray[np.float64]
Interval = tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Draws:
    """Measures of one model on stretches drawn with replacement, the same stretches for every model.

    Attributes:
        by_subject: subject to measure to (DRAWS,), NaN where it does not apply.
    """

    by_subject: dict[str, dict[str, Float]]

    @cached_property
    def together(self) -> dict[str, Float]:
        """Measure to (DRAWS,): the mean over subjects."""
        with np.errstate(invalid="ignore"):
            return {
                name: _mean([figures[name] for figures in self.by_subject.values()]) for name in BOOTSTRAPPED
            }

    def intervals(self) -> dict[str, Interval]:
        """Measure to (low, high) of the mean over subjects, None where the measure does not apply."""
        return {name: _interval(values) for name, values in self.together.items()}

    def subject_intervals(self) -> dict[str, dict[str, Interval]]:
        """Subject to the same of this subject."""
        return {
            subject: {name: _interval(values) for name, values in figures.items()}
            for subject, figures in self.by_subject.items()
        }

    def margins(self, other: "Draws") -> dict[str, Interval]:
        """Measure to (low, high) of how far the mean over subjects is above another model's.

        Draw by draw, so what makes a stretch easy or hard for both does not widen it.
        """
        return {name: _interval(values - other.together[name]) for name, values in self.together.items()}


def draw(
    replays: Mapping[str, Sequence[Replay]], output: Literal["sigmoid", "softmax"], seed: int = 0
) -> Draws:
    """Args:
    replays: of each subject.
    output: what the logits mean.
    seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    return Draws({subject: _draw(own, output, rng) for subject, own in replays.items()})


def _interval(values: Float) -> Interval:
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def _draw(
    replays: Sequence[Replay], output: Literal["sigmoid", "softmax"], rng: np.random.Generator
) -> dict[str, Float]:
    """(DRAWS,) values of each measure, NaN where it does not apply."""
    logits = np.concatenate([one.logits[one.picked] for one in replays])
    truth = np.concatenate([one.truth for one in replays]) > 0
    if not len(truth):
        return {name: np.full(DRAWS, np.nan) for name in BOOTSTRAPPED}
    keys = [np.stack([np.full(len(one.block), i), one.block], axis=1) for i, one in enumerate(replays)]
    blocks, block_of = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    block_of = block_of.reshape(-1)
    values: dict[str, list[Float]] = {name: [] for name in BOOTSTRAPPED}
    odds = one_against_rest(logits, output)
    share = np.full(len(blocks), 1 / len(blocks))
    for _ in range(0, DRAWS, CHUNK):
        weights = rng.multinomial(len(blocks), share, size=CHUNK)[:, block_of].astype(np.float64)
        with np.errstate(invalid="ignore"):
            values["auc_macro"].append(_mean([weighted_auc(p, s, weights) for p, s in zip(truth.T, odds.T)]))
            balanced, plain = _accuracies(truth, logits, weights)
        values["balanced_accuracy"].append(balanced)
        values["accuracy"].append(plain)
    return {name: np.concatenate(parts) for name, parts in values.items()}


def weighted_auc(positive: npt.NDArray[np.bool_], score: Float, weights: Float) -> Float:
    """Areas under the ROC curve of examples that count so many times.

    Args:
        positive: (n,)
        score: (n,)
        weights: (n_draws, n)

    Returns:
        (n_draws,), NaN where a draw has no positive or no negative example.
    """
    order = np.argsort(score, kind="stable")
    score, positive, weights = score[order], positive[order], weights[:, order]
    below = np.searchsorted(score, score, side="left")
    upto = np.searchsorted(score, score, side="right")
    negatives = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights * ~positive, axis=1)], axis=1)
    beaten = (negatives[:, below] + negatives[:, upto]) / 2
    own = weights * positive
    areas: Float = (own * beaten).sum(axis=1) / (own.sum(axis=1) * negatives[:, -1])
    return areas


def _accuracies(truth: npt.NDArray[np.bool_], logits: Float, weights: Float) -> tuple[Float, Float]:
    single = truth.sum(axis=1) == 1
    right = (logits.argmax(axis=1) == truth.argmax(axis=1)) & single
    recalls = []
    for column in truth.T:
        own = weights * (column & single)
        recalls.append((own * right).sum(axis=1) / own.sum(axis=1))
    return _mean(recalls), (weights * right).sum(axis=1) / (weights * single).sum(axis=1)


def _mean(values: Sequence[Float]) -> Float:
    """Mean of arrays (DRAWS,), what is not finite left out."""
    every = np.stack(values)
    there = np.isfinite(every)
    mean: Float = np.where(there, every, 0).sum(axis=0) / there.sum(axis=0)
    return mean
