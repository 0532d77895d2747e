"""A decoder judged by its scores: does the right action score higher than it does at other times?

Pure numpy, the same for training, conversion and evaluation.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt


def one_against_rest(
    logits: npt.NDArray[Any], output: Literal["sigmoid", "softmax"]
) -> npt.NDArray[np.float64]:
    """Log-odds of each action: they rank windows as its probability does, and do not saturate.

    Args:
        logits: (n, n_actions).
        output: what they mean.

    Returns:
        (n, n_actions) float64.
    """
    logits = np.asarray(logits, np.float64)
    n_actions = logits.shape[1]
    if output == "sigmoid" or n_actions == 1:
        return logits
    others = np.stack([np.delete(logits, k, axis=1) for k in range(n_actions)], axis=1)
    peak = others.max(axis=2)
    odds: npt.NDArray[np.float64] = logits - peak - np.log(np.exp(others - peak[:, :, None]).sum(axis=2))
    return odds


def macro_auc(y: npt.NDArray[Any], scores: npt.NDArray[Any]) -> float | None:
    """Mean over the actions of the area under the ROC curve.

    Args:
        y: (n, n_actions) targets of 0 and 1.
        scores: (n, n_actions), comparable within an action, see `one_against_rest`.

    Returns:
        The mean over the actions that are both present and absent in `y`; None where there is none.
    """
    areas = []
    for positive, score in zip(np.asarray(y).T > 0, scores.T):
        above, below = score[positive], np.sort(score[~positive])
        if len(above) and len(below):
            beaten = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
            areas.append(beaten.mean() / (2 * len(below)))
    return float(np.mean(areas)) if areas else None


def frame_auc(active: npt.NDArray[Any], scores: npt.NDArray[Any]) -> float | None:
    """Mean over frames of the area under the ROC curve over the actions of one frame.

    The measure of the article that this project follows: does an action that is under way score higher
    than those that are not? Constant scores in the order of the actions' frequencies are above 0.5 already.

    Args:
        active: (n, n_actions) of 0 and 1.
        scores: (n, n_actions), comparable within a frame.

    Returns:
        The mean over the frames with an active and an inactive action; None where there is none.
    """
    active = np.asarray(active) > 0
    mixed = active.any(axis=1) & ~active.all(axis=1)
    if not mixed.any():
        return None
    active, scores = active[mixed], np.asarray(scores, np.float64)[mixed]
    higher = scores[:, :, None] - scores[:, None, :]
    pairs = active[:, :, None] & ~active[:, None, :]
    right = ((higher > 0) + 0.5 * (higher == 0)) * pairs
    return float((right.sum(axis=(1, 2)) / pairs.sum(axis=(1, 2))).mean())


def exclusive(
    truth: npt.NDArray[Any], scores: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The action of each example that has just one, and the action with its highest score.

    Args:
        truth: (n, n_actions) of 0 and 1.
        scores: (n, n_actions).
    """
    single = np.asarray(truth).sum(axis=1) == 1
    return truth[single].argmax(axis=1), scores[single].argmax(axis=1)


def accuracy(truth: npt.NDArray[Any], scores: npt.NDArray[Any]) -> float | None:
    """Share of the examples of one action whose highest score is right; None without any."""
    right, guess = exclusive(truth, scores)
    return float((right == guess).mean()) if len(right) else None


def balanced_accuracy(truth: npt.NDArray[Any], scores: npt.NDArray[Any]) -> float | None:
    """Mean over the actions that occur of the share of their examples whose highest score is right."""
    right, guess = exclusive(truth, scores)
    recalls = [float((guess[right == action] == action).mean()) for action in np.unique(right)]
    return float(np.mean(recalls)) if recalls else None


def mean_over_subjects(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of what is not None, and the sum of what counts (`n_...`).

    Args:
        figures: of each subject, name to value.
    """
    result: dict[str, Any] = {}
    for name in figures[0]:
        values = [one[name] for one in figures if one[name] is not None]
        if name.startswith("n_"):
            result[name] = sum(values)
        else:
            result[name] = float(np.mean(values)) if values else None
    return result
