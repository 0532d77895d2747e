"""Learning curves of the run that a bundle was made from."""

from pathlib import Path

import numpy as np

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.manifest import Manifest
from neurograsp.train.fit import FitHistory
from neurograsp.train.report.page import figure, heading, paragraph, plots
from neurograsp.train.report.style import FAINT, INK, PALETTE, new_figure, png
from neurograsp.train.run_files import read_facts, read_history

WIDTH_IN, HEIGHT_IN = 5.4, 5.2


def history_of(run: Path, manifest: Manifest) -> FitHistory:
    """What happened in training.

    Raises:
        ConfigError: the run is missing, damaged, or not the one that the bundle was made from.
    """
    facts, made_from = read_facts(run), manifest.provenance
    same = ("data_sha256", "config", "seed", "train", "validation")
    if any(getattr(facts, name) != getattr(made_from, name) for name in same):
        raise ConfigError(
            f"{run}: a run of other data or another configuration; name the one the bundle was made from"
        )
    return read_history(run)


def learning_section(history: FitHistory | None) -> list[str]:
    """The curves, or why there are none."""
    title = heading("Learning")
    if history is None:
        return [title, paragraph("Learning curves are in the run folder: name it with --run.", "note")]
    if not history.members:
        return [title, *_curves(history)]
    text = "Several networks, each trained on its own, whose standardized scores are averaged. One by one:"
    return [title, paragraph(text), *(part for member in history.members for part in _curves(member))]


def _curves(history: FitHistory) -> list[str]:
    if not history.epochs:
        return [paragraph("The network was taken as it was: no epoch of training.")]
    ending = "then the patience ran out" if history.stopped_early else "as many as were allowed"
    text = (
        f"{len(history.epochs)} epochs, {ending}. Kept: the weights of epoch {history.best_epoch}, the best "
        "one on the validation recordings. The training loss is of windows with dropout and noise added, so "
        "that it may lie above the validation loss."
    )
    alt = f"loss and AUC over {len(history.epochs)} epochs of training, epoch {history.best_epoch} kept"
    return [paragraph(text), plots(figure(draw_learning(history), alt))]


def draw_learning(history: FitHistory) -> bytes:
    """Losses above, AUC of the validation windows below."""
    epochs = np.arange(1, len(history.epochs) + 1)
    drawn = new_figure(WIDTH_IN, HEIGHT_IN)
    above, below = drawn.subplots(2, 1, sharex=True, height_ratios=[1.4, 1])
    marker = "o" if len(epochs) <= 30 else ""
    for axes, name, label, hue in (
        (above, "loss", "training", PALETTE[0]),
        (above, "val_loss", "validation", PALETTE[1]),
        (below, "val_auc", "validation", PALETTE[1]),
    ):
        values = [epoch[name] for epoch in history.epochs]
        axes.plot(epochs, values, color=hue, label=label, marker=marker, ms=3.5)
    for axes in (above, below):
        if history.best_epoch:
            axes.axvline(history.best_epoch, color=FAINT, lw=1.2, ls=(0, (4, 3)), label="kept")
    above.set_ylabel("loss")
    above.legend(loc="upper right")
    below.set_ylabel("AUC")
    below.set_xlabel("epoch", color=INK)
    below.locator_params(axis="x", integer=True)
    return png(drawn)
