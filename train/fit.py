"""Fit a network to windows: seeded, balanced, stopped where the validation windows say so."""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE
from neurograsp.edge_runtime.decoder_scores import macro_auc, one_against_rest
from neurograsp.edge_runtime.lazy_windows import LazyWindows
from neurograsp.train.augment import distorted, mixed, shifted
from neurograsp.train.window_set import WindowSet

Output = Literal["sigmoid", "softmax"]
VALIDATION_BATCH = 256
BATCHES_AT_ONCE = 16
"""Cut by one call of Python from tf.data, which costs more than the cutting."""

Progress = Callable[[int, int, dict[str, float]], None]
"""Called after every epoch with its number from 1, the number of epochs, and its figures."""


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes:
        epochs: at most so many passes; 0 leaves the network as it is.
        batch_size: windows a step.
        learning_rate: of Adam at the start; falls to zero along a cosine.
        weight_decay: of AdamW.
        patience: epochs without a better validation figure before stopping.
        monitor: the figure that chooses the weights, "loss" or "auc" of the validation windows.
        balance: weigh every action alike, however often it comes.
        noise: standard deviation of the noise added to the training windows, in real values.
        scaling: standard deviation of the logarithm of a training window's amplitude.
        channel_dropout: share of the electrodes that are silenced in a training window.
        mixup: alpha of the Beta distribution by which two training windows and their targets are mixed; 0:
            not at all.
        shift: frames that a training window may end earlier or later within its label.
        label_smoothing: share of the target spread over all actions.
        refit: train once more from the start, for as many epochs as were best, on the validation windows too.
        seed: of the batches, of dropout and of what makes the training windows differ.
    """

    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    patience: int = 20
    monitor: Literal["loss", "auc"] = "loss"
    balance: bool = True
    noise: float = 0.3
    scaling: float = 0.0
    channel_dropout: float = 0.0
    mixup: float = 0.0
    shift: int = 0
    label_smoothing: float = 0.1
    refit: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "learning_rate", "patience"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"fit: {name} is {getattr(self, name)}, make it greater than zero")
        for name in (
            "epochs",
            "weight_decay",
            "noise",
            "scaling",
            "channel_dropout",
            "mixup",
            "shift",
            "label_smoothing",
        ):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"fit: {name} is {getattr(self, name)}, make it zero or greater")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"fit: seed is {self.seed}, make it 0 to 2^32 - 1")
        if not self.channel_dropout < 1:
            raise ConfigError(f"fit: channel_dropout is {self.channel_dropout}, make it less than 1")
        if self.label_smoothing > 1:
            raise ConfigError(f"fit: label_smoothing is {self.label_smoothing}, make it at most 1")
        if self.monitor not in ("loss", "auc"):
            raise ConfigError(f"fit: monitor {self.monitor!r} is unknown, choose loss or auc")


@dataclass(frozen=True)
class FitHistory:
    """What happened.

    Attributes:
        epochs: figures of each epoch: `loss`, `val_loss`, `val_auc` (NaN: not defined), `learning_rate`.
        best_epoch: number from 1 of the epoch whose weights were kept.
        stopped_early: the patience ran out.
        members: of a committee, whose own epochs are none, what happened to each member.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    stopped_early: bool = False
    members: list["FitHistory"] = field(default_factory=list)

    @property
    def kept(self) -> tuple[int, ...]:
        """The best epoch, of a committee each member's."""
        return tuple(one.best_epoch for one in self.members or [self])

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values, NaN as None."""
        return {
            **asdict(self),
            "epochs": [
                {key: value if math.isfinite(value) else None for key, value in epoch.items()}
                for epoch in self.epochs
            ],
            "members": [one.to_json() for one in self.members],
        }


def action_weights(y: NDArray[np.float32], output: Output, balance: bool) -> NDArray[np.float32]:
    """Weights of the loss, one for each target of 0 and of 1.

    Args:
        y: (n, n_actions) targets.
        output: "softmax": a window weighs by its action. "sigmoid": each action's ones weigh together
            as much as its zeros.
        balance: False: all weights are 1.

    Returns:
        (2, n_actions) float32: weight of a 0 and of a 1.
    """
    weights = np.ones((2, y.shape[1]), np.float32)
    if balance:
        ones = np.clip(y.mean(axis=0), 1 / len(y), 1 - 1 / len(y))
        if output == "softmax":
            weights[1] = 1 / (ones * y.shape[1])
        else:
            weights[:] = 0.5 / (1 - ones), 0.5 / ones
    return weights


def fit(
    model: Any,
    train: WindowSet,
    validation: WindowSet,
    options: FitOptions,
    output: Output,
    progress: Progress | None = None,
) -> FitHistory:
    """Fit a network in place and leave it with the weights of its best epoch.

    Args:
        model: what `neurograsp.train.models.build` gave.
        train: windows to learn from.
        validation: windows of *later recordings*, which choose the epoch.
        options: see `FitOptions`.
        output: "sigmoid" or "softmax", the meaning of the logits.
        progress: see `Progress`.

    Raises:
        ConfigError: a set is empty, or its shapes are not the network's.
    """
    from neurograsp.train.models._keras import tf

    _check_shapes(model, "training", train)
    _check_shapes(model, "validation", validation)
    loss_of = _loss(tf, action_weights(train.y, output, options.balance), output, options.label_smoothing)

    def scores_of(x: Any) -> Any:
        return model(tf.cast(x, tf.float32)[..., None] * INPUT_SCALE, training=False)

    scores_of = tf.function(scores_of)
    history: list[dict[str, float]] = []
    best, best_epoch, best_weights = math.inf, 0, model.get_weights()
    for epoch, trained in enumerate(_epochs(model, train, options, output), start=1):
        everything = batches(validation, np.arange(len(validation)), VALIDATION_BATCH)
        scores = np.concatenate([scores_of(x).numpy() for x, _ in everything])
        auc = macro_auc(validation.y, one_against_rest(scores, output))
        figures = {
            **trained,
            "val_loss": float(loss_of(tf.constant(validation.y), tf.constant(scores))),
            "val_auc": math.nan if auc is None else auc,
        }
        history.append(figures)
        if progress is not None:
            progress(epoch, options.epochs, figures)
        cost = figures["val_loss"] if options.monitor == "loss" else -figures["val_auc"]
        if cost < best:
            best, best_epoch, best_weights = cost, epoch, model.get_weights()
        elif epoch - best_epoch >= options.patience:
            break
    if options.epochs and best_epoch == 0:
        raise ConfigError(
            f"fit: the validation {options.monitor} was never a number; lower fit.learning_rate, or choose "
            "another fit.monitor"
        )
    model.set_weights(best_weights)
    return FitHistory(history, best_epoch, stopped_early=len(history) < options.epochs)


def refit(
    model: Any,
    windows: WindowSet,
    options: FitOptions,
    output: Output,
    epochs: int,
    progress: Progress | None = None,
) -> None:
    """Fit a network in place to windows none of which is kept apart, for a number of epochs.

    Args:
        model: as `fit` got it, with the weights from before that.
        windows: training and validation windows together.
        options: those of `fit`; the learning rate falls as it did there.
        output: see `fit`.
        epochs: the best epoch that `fit` found.
        progress: see `Progress`.

    Raises:
        ConfigError: the set is empty, or its shape is not the network's.
    """
    _check_shapes(model, "training", windows)
    numbered = zip(range(1, epochs + 1), _epochs(model, windows, options, output))
    for epoch, figures in numbered:
        if progress is not None:
            progress(epoch, epochs, figures)


def _check_shapes(model: Any, name: str, windows: WindowSet) -> None:
    shape = (*windows.x.shape[1:], windows.y.shape[1])
    wanted = (*model.input_shape[1:3], model.output_shape[1])
    if not len(windows) or shape != wanted:
        raise ConfigError(
            f"fit: {len(windows)} {name} windows of frames x channels -> actions {shape}, "
            f"the network {model.name} wants {wanted}"
        )


def _epochs(model: Any, train: WindowSet, options: FitOptions, output: Output) -> Iterator[dict[str, float]]:
    """Train an epoch and give its figures, `loss` and `learning_rate`, each time one is asked for."""
    from neurograsp.train.models._keras import keras, tf

    keras.utils.set_random_seed(options.seed)
    tf.config.experimental.enable_op_determinism()
    steps = math.ceil(len(train) / options.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(options.learning_rate, max(1, options.epochs * steps))
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=options.weight_decay)
    loss_of = _loss(tf, action_weights(train.y, output, options.balance), output, options.label_smoothing)

    def step(x: Any, y: Any) -> Any:
        real = tf.cast(x, tf.float32)[..., None] * INPUT_SCALE
        if options.noise:
            real += tf.random.normal(tf.shape(real), stddev=options.noise)
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(real, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    step = tf.function(step)
    # One batch shape: a shape of its own for the last one would trace the step again.
    order_of = np.random.default_rng(options.seed)
    for epoch in range(1, options.epochs + 1):
        order = np.resize(order_of.permutation(len(train)), steps * options.batch_size)
        moved = shifted(train, options.shift, np.random.default_rng((options.seed, epoch)))
        cut = batches(moved, order, options.batch_size)
        cut = distorted(cut, options.scaling, options.channel_dropout, (options.seed, epoch))
        cut = mixed(cut, options.mixup, (options.seed, epoch))
        losses = [step(x, y) for x, y in cut]
        yield {
            "loss": float(np.mean([float(loss) for loss in losses])),
            "learning_rate": float(schedule(optimizer.iterations)),
        }


def batches(windows: WindowSet, order: NDArray[np.int64], batch_size: int) -> Any:
    """Windows and targets in that order, each batch cut while the one before it is used.

    Args:
        windows: what to take from.
        order: (n,) numbers of windows.
        batch_size: windows at a time; the last batch holds what is left.

    Returns:
        A `tf.data.Dataset` of (k, n_time, n_channels) int8 and (k, n_actions) float32.
    """
    from neurograsp.train.models._keras import tf

    _, n_time, n_channels = windows.x.shape
    n_actions = windows.y.shape[1]

    span = batch_size * BATCHES_AT_ONCE

    def take(at: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        rows = order[at : at + span]
        return windows.x[rows], windows.y[rows]

    def cut(at: Any) -> tuple[Any, Any]:
        x, y = tf.numpy_function(take, [at], (tf.int8, tf.float32))
        x.set_shape((None, n_time, n_channels))
        y.set_shape((None, n_actions))
        return x, y

    return tf.data.Dataset.range(0, len(order), span).map(cut).rebatch(batch_size).prefetch(2)


def predict_logits(
    model: Any, x: LazyWindows | NDArray[np.int8], batch_size: int = 256
) -> NDArray[np.float32]:
    """Logits of the float network.

    Args:
        model: a Keras network.
        x: (n, n_time, n_channels) int8 windows.
        batch_size: windows at a time.

    Returns:
        (n, n_actions) float32.
    """
    scale = np.float32(INPUT_SCALE)
    starts = range(0, len(x), batch_size)
    logits = [np.asarray(model(x[i : i + batch_size][..., None] * scale, training=False)) for i in starts]
    return np.concatenate([np.zeros((0, model.output_shape[1]), np.float32), *logits])


def _loss(
    tf: Any, weights: NDArray[np.float32], output: Output, label_smoothing: float
) -> Callable[[Any, Any], Any]:
    def softmax_loss(y: Any, logits: Any) -> Any:
        weight = tf.reduce_sum(y * weights[1], axis=1)
        smooth = y * (1 - label_smoothing) + label_smoothing / y.shape[1]
        return tf.reduce_mean(weight * tf.nn.softmax_cross_entropy_with_logits(smooth, logits))

    def sigmoid_loss(y: Any, logits: Any) -> Any:
        weight = y * weights[1] + (1 - y) * weights[0]
        smooth = y * (1 - label_smoothing) + label_smoothing / 2
        return tf.reduce_mean(weight * tf.nn.sigmoid_cross_entropy_with_logits(smooth, logits))

    return softmax_loss if output == "softmax" else sigmoid_loss
