"""Fit a network as a whole, or a committee member by member."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from neurograsp.train.fit import FitHistory, FitOptions, Output, Progress, fit, predict_logits, refit
from neurograsp.train.window_set import WindowSet


def fit_network(
    model: Any,
    train: WindowSet,
    validation: WindowSet,
    options: FitOptions,
    output: Output,
    progress: Progress | None = None,
) -> FitHistory:
    """Fit a network in place; of a committee each member as if it were alone, with a seed of its own.

    A committee is left without trainable weights, so that nothing trains its members together.

    Args: see `fit`.

    Raises:
        ConfigError: see `fit`.
    """
    from neurograsp.train.models.committee import members_of

    members = members_of(model)
    if not members:
        return fit(model, train, validation, options, output, progress)
    histories = [
        fit(member, train, validation, _own(options, i), output, _counted(progress, i, len(members)))
        for i, member in enumerate(members)
    ]
    model.trainable = False
    if options.epochs:
        _combine(members, train, output)
    return FitHistory(members=histories)


def refit_network(
    model: Any,
    windows: WindowSet,
    options: FitOptions,
    output: Output,
    epochs: Sequence[int],
    progress: Progress | None = None,
) -> None:
    """Fit a network in place to windows none of which is kept apart.

    Args:
        model: as `fit_network` got it, with the weights from before that.
        windows: training and validation windows together.
        options: those of `fit_network`.
        output: see `fit`.
        epochs: those that `fit_network` kept, see `FitHistory.kept`.
        progress: see `fit`.

    Raises:
        ConfigError: see `refit`.
    """
    from neurograsp.train.models.committee import members_of

    members = members_of(model)
    for i, (member, kept) in enumerate(zip(members or [model], epochs, strict=True)):
        refit(member, windows, _own(options, i), output, kept, _counted(progress, i, len(epochs)))
    if members:
        model.trainable = False
        _combine(members, windows, output)


def _combine(members: Sequence[Any], windows: WindowSet, output: Output) -> None:
    from neurograsp.train.models.committee import combine

    combine(members, [predict_logits(member, windows.x) for member in members], output)


def _own(options: FitOptions, member: int) -> FitOptions:
    """Of the first member, and of a network that has none, they stay what they are."""
    return replace(options, seed=(options.seed + member) % 2**32)


def _counted(progress: Progress | None, member: int, members: int) -> Progress | None:
    """Epochs of one member among those of all, as if each had as many."""
    if progress is None:
        return None
    told = progress
    return lambda epoch, epochs, figures: told(member * epochs + epoch, members * epochs, figures)
