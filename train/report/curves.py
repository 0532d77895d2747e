"""Curves of a report: precision and recall, and how far probabilities can be believed."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.classifier import probabilities
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.train.evaluate import Replay
from neurograsp.train.report.style import FAINT, MODEL_COLOURS, colour, dash, new_figure, png, short

WIDTH_IN = 5.4
N_BINS = 10
FEWEST_IN_A_BIN = 5

Float = npt.NDArray[np.float64]


def draw_precision_recall(replays: Sequence[Replay], actions: ActionSet) -> bytes | None:
    """One against the rest for every action, all recordings together; None without two classes."""
    truth, scores = _examples(replays, actions)
    figure = new_figure(WIDTH_IN, WIDTH_IN)
    axes = figure.subplots()
    drawn = False
    for index, name in enumerate(actions.names):
        curve = precision_recall(truth[:, index], scores[:, index])
        if curve is not None:
            recall, precision = curve
            share = truth[:, index].mean()
            named = f"{short(name)}  {share:.2f}"
            axes.plot(recall, precision, color=colour(index), ls=dash(index), label=named)
            axes.axhline(share, color=colour(index), lw=0.6, alpha=0.5)
            drawn = True
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("recall: found / there are")
    axes.set_ylabel("precision: right / found")
    axes.legend(loc="lower left", title="action, its share of the examples", title_fontsize=10)
    return png(figure) if drawn else None


def precision_recall(positive: npt.NDArray[np.bool_], score: Float) -> tuple[Float, Float] | None:
    """Recall and precision at every threshold from the highest on, None where one of the classes is missing.

    Args:
        positive: (n,)
        score: (n,)
    """
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    last_of_ties = np.append(np.diff(score[order]) != 0, True)
    right = np.cumsum(positive[order])[last_of_ties]
    found = (np.flatnonzero(last_of_ties) + 1).astype(np.float64)
    return right / positive.sum(), right / found


def draw_reliability(replays: Mapping[str, Sequence[Replay]], actions: ActionSet) -> bytes | None:
    """How often what is given a probability is so, all actions together; None without examples."""
    figure = new_figure(WIDTH_IN, WIDTH_IN)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (3, 3)))
    drawn = False
    for model, own in replays.items():
        truth, scores = _examples(own, actions)
        if truth.size:
            given, share, error = reliability(truth.reshape(-1), scores.reshape(-1))
            axes.plot(given, share, "o-", ms=4, color=MODEL_COLOURS[model], label=f"{model}  {error:.3f}")
            drawn = True
    axes.set_aspect("equal")
    axes.set_xlabel("probability given")
    axes.set_ylabel("share that is so")
    axes.legend(loc="upper left", title="expected calibration error", title_fontsize=10)
    return png(figure) if drawn else None


def calibration_error(replays: Sequence[Replay], actions: ActionSet) -> float | None:
    """Expected calibration error, all actions together; None without examples."""
    truth, scores = _examples(replays, actions)
    return reliability(truth.reshape(-1), scores.reshape(-1))[2] if truth.size else None


def reliability(positive: npt.NDArray[np.bool_], probability: Float) -> tuple[Float, Float, float]:
    """Reliability over ten bins of equal width.

    Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
    AAAI (2015).

    Args:
        positive: (n,)
        probability: (n,) 0 to 1.

    Returns:
        mean probability and share of positives of each bin with enough examples, and the expected calibration
        error: the mean over examples of the distance between the two, over all bins.
    """
    bins = np.minimum((probability * N_BINS).astype(np.int64), N_BINS - 1)
    count = np.bincount(bins, minlength=N_BINS)
    there = count > 0
    given = np.bincount(bins, probability, N_BINS)[there] / count[there]
    share = np.bincount(bins, positive.astype(np.float64), N_BINS)[there] / count[there]
    error = float((np.abs(given - share) * count[there]).sum() / len(bins))
    enough = count[there] >= FEWEST_IN_A_BIN
    return given[enough], share[enough], error


def _examples(replays: Sequence[Replay], actions: ActionSet) -> tuple[npt.NDArray[np.bool_], Float]:
    """Truth and probabilities (n_examples, n_actions)."""
    logits = np.concatenate([one.logits[one.picked] for one in replays])
    truth = np.concatenate([one.truth for one in replays]) > 0
    return truth, probabilities(logits, actions.output)
