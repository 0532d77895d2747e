"""The plots of the page, each as PNG."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.classifier import probabilities
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.event_scores import ControllerScores
from neurograsp.train.evaluate import Replay, confusion
from neurograsp.train.operating_points import Sweep
from neurograsp.train.report.response import decibel
from neurograsp.train.report.style import FAINT, INK, MODEL_COLOURS, colour, dash, new_figure, png, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN, HEIGHT_IN = 5.4, 4.2
MOST_POINTS = 6000
MOST_NUMBERS = 12
FLOOR_DB, HEARD_DB = -100.0, -60.0

Float = npt.NDArray[np.float64]


def draw_confusion(replays: Sequence[Replay], actions: ActionSet, title: str) -> bytes:
    """Counts, coloured by the share of their row."""
    table = np.array(confusion(replays, len(actions.names)))
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = new_figure(WIDTH_IN, 0.9 * WIDTH_IN)
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.grid(False)
    names = [short(name) for name in actions.names]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    if len(names) <= MOST_NUMBERS:
        for row, column in np.ndindex(table.shape):
            ink = "white" if share[row, column] > 0.55 else INK
            text = str(table[row, column])
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=10)
    axes.set_xlabel("most probable")
    axes.set_ylabel("true")
    axes.set_title(title)
    return png(figure)


def draw_roc(replays: Sequence[Replay], actions: ActionSet) -> bytes | None:
    """One against the rest for every action, all recordings together; None without two classes."""
    logits = np.concatenate([one.logits[one.picked] for one in replays])
    truth = np.concatenate([one.truth for one in replays])
    scores = probabilities(logits, actions.output) if actions.output == "softmax" else logits
    figure = new_figure(WIDTH_IN, WIDTH_IN)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (3, 3)))
    drawn = False
    for index, name in enumerate(actions.names):
        curve = roc_curve(truth[:, index] > 0, scores[:, index])
        if curve is not None:
            false, true = curve
            area = float(np.trapezoid(true, false))
            label = f"{short(name)}  {area:.3f}"
            axes.plot(false, true, color=colour(index), ls=dash(index), label=label)
            drawn = True
    axes.set_xlabel("false positives / negatives")
    axes.set_ylabel("true positives / positives")
    axes.set_aspect("equal")
    axes.legend(loc="lower right", title="area under the curve", title_fontsize=10)
    return png(figure) if drawn else None


def roc_curve(positive: npt.NDArray[np.bool_], score: Float) -> tuple[Float, Float] | None:
    """False and true positive rates at every threshold, None where one of the classes is missing.

    Args:
        positive: (n,)
        score: (n,)
    """
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    last_of_ties = np.append(np.diff(score[order]) != 0, True)
    true = np.cumsum(positive[order])[last_of_ties] / positive.sum()
    false = np.cumsum(~positive[order])[last_of_ties] / (~positive).sum()
    return np.concatenate([[0.0], false]), np.concatenate([[0.0], true])


def draw_agreement(float_logits: Float, int8_logits: Float, actions: ActionSet, title: str) -> bytes:
    """Every logit of the float network against the int8 one's."""
    stride = max(1, len(float_logits) * float_logits.shape[1] // MOST_POINTS)
    figure = new_figure(WIDTH_IN, WIDTH_IN)
    axes = figure.subplots()
    both = np.concatenate([float_logits, int8_logits])
    low, high = (float(both.min()), float(both.max())) if both.size else (-1.0, 1.0)
    axes.plot([low, high], [low, high], color=INK, lw=1)
    for index, name in enumerate(actions.names):
        points = float_logits[::stride, index], int8_logits[::stride, index]
        axes.plot(*points, ".", ms=3.5, alpha=0.5, color=colour(index), label=short(name))
    axes.set_aspect("equal")
    axes.set_xlabel("float logit")
    axes.set_ylabel("int8 logit")
    axes.set_title(title)
    axes.legend(loc="upper left", markerscale=3, handletextpad=0.2)
    return png(figure)


def draw_response(
    hz: Float, designed: npt.NDArray[np.complex128], integer: npt.NDArray[np.complex128]
) -> bytes:
    """Gain of both, and the difference where it is not far down in the stop band."""
    figure = new_figure(WIDTH_IN, 1.05 * HEIGHT_IN)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.2, 1])
    above.semilogx(
        hz, decibel(designed), color=MODEL_COLOURS["float"], lw=5, alpha=0.35, label="float64 design"
    )
    above.semilogx(hz, decibel(integer), color=INK, lw=1.3, label="integer coefficients")
    above.set_ylim(FLOOR_DB, 5)
    above.set_ylabel("gain (dB)")
    above.legend(loc="lower center")
    heard = decibel(designed) > HEARD_DB
    difference = np.where(heard, decibel(integer) - decibel(designed), np.nan)
    below.semilogx(hz, difference, color=INK, lw=1.3)
    below.set_ylabel("difference (dB)")
    below.set_xlabel("frequency (Hz)")
    below.xaxis.set_major_formatter("{x:g}")
    return png(figure)


def draw_sweep(
    swept: Mapping[str, Sweep], points: Mapping[str, ControllerScores], decision: DecisionSpec
) -> bytes:
    """Events found over false activations, swept; and each model as it is set."""
    figure = new_figure(WIDTH_IN, HEIGHT_IN)
    axes = figure.subplots()
    most = 1.0
    for model, one in swept.items():
        most = max(most, *one.false_per_min)
        hue = MODEL_COLOURS[model]
        axes.plot(one.false_per_min, one.found, color=hue, marker=".", ms=5, lw=1.2, alpha=0.75)
    if decision.target_fa_per_min is not None:
        axes.axvline(decision.target_fa_per_min, color=FAINT, lw=1.2, ls=(0, (4, 3)), label="aimed at")
    for (model, score), marker in zip(points.items(), "os^"):
        if score.false_activations_per_min is not None and score.event_tpr is not None:
            place = [score.false_activations_per_min], [score.event_tpr]
            hue, label = MODEL_COLOURS[model], f"{model}, as set"
            axes.plot(*place, marker, color=hue, label=label, ms=11, mec="white", mew=1.5)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(left=-0.02 * most)
    axes.set_xlabel("false activations a minute of rest")
    axes.set_ylabel("events found")
    axes.legend(loc="lower right")
    return png(figure)


def draw_latency(latencies_s: Sequence[float]) -> bytes:
    """From an event's start to its detection."""
    ms = 1000 * np.array(latencies_s)
    figure = new_figure(WIDTH_IN, HEIGHT_IN)
    axes = figure.subplots()
    axes.hist(ms, bins=min(30, max(8, len(ms) // 2)), color=MODEL_COLOURS["int8"], alpha=0.8)
    _median(axes, float(np.median(ms)))
    axes.set_xlim(left=min(0.0, float(ms.min())))
    axes.set_xlabel("from the event's start to its detection (ms)")
    axes.set_ylabel("events")
    axes.locator_params(axis="y", integer=True)
    axes.legend(loc="upper right")
    return png(figure)


def _median(axes: "Axes", value: float) -> None:
    axes.axvline(value, color=INK, lw=1.5, ls=(0, (4, 3)), label=f"median {value:.0f} ms")
