"""Keras networks to `.tflite`: float, and full int8 by calibration (PTQ, two ways) or by training (QAT).

The window of the device is int8 with a real value of q / 16, so the input of an int8 network is held at
scale 1/16 and zero point 0 exactly: the device hands its window over as it is. The output is int8 logits.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE
from neurograsp.edge_runtime.lazy_windows import LazyWindows

CALIBRATION_WINDOWS = 512

Output = Literal["sigmoid", "softmax"]
Windows = LazyWindows | NDArray[np.int8]
Progress = Callable[[int, int, dict[str, float]], None]
"""Called after every epoch with its number from 1, the number of epochs, and its figures."""


@dataclass(frozen=True)
class QatOptions:
    """How to fine-tune.

    Attributes:
        epochs: passes; the best on the validation windows is kept, the calibrated start included.
        batch_size: windows a step.
        learning_rate: of Adam at the start; falls to zero along a cosine.
        balance: weigh every action alike, however often it comes.
        label_smoothing: share of the target spread over all actions.
    """

    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-4
    balance: bool = True
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing <= 1:
            raise ValueError(f"label_smoothing is {self.label_smoothing}, make it 0 to 1")


@dataclass(frozen=True, eq=False)
class Quantized:
    """Attributes:
    blob: the int8 `.tflite`.
    floating: the float one of the same weights.
    """

    blob: bytes
    floating: bytes


def load_model(path: Path) -> Any:
    """Read a `.keras` file.

    Raises:
        ConfigError: it is missing or damaged.
        MissingExtra: TensorFlow is not installed.
    """
    from neurograsp.convert._keras import keras

    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path}: no Keras network ({reason}), train again") from error


def to_float_tflite(model: Any) -> bytes:
    """Convert without quantization.

    Args:
        model: a Keras network.
    """
    from neurograsp.convert._keras import tf

    return bytes(_single(tf, model).convert())


def ptq(model: Any, calibration: Windows, seed: int) -> bytes:
    """Quantize after training: ranges from windows, weights as they are.

    Args:
        model: a trained Keras network.
        calibration: (n, n_time, n_channels) int8 windows of the training recordings.
        seed: chooses `CALIBRATION_WINDOWS` of them.
    """
    from neurograsp.convert._keras import tf

    real = _real(_pick(calibration, seed))
    # One window that spans the int8 range makes the input scale exactly 1/16.
    real[0, 0, 0], real[0, -1, 0] = -128 * INPUT_SCALE, 127 * INPUT_SCALE
    converter = _single(tf, model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: ([window[None]] for window in real)
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def ai_edge(floating: bytes, calibration: Windows, seed: int) -> bytes:
    """Quantize after training by AI Edge Quantizer, whose ranges follow a moving average of the windows' own.

    Args:
        floating: what `to_float_tflite` gave.
        calibration: (n, n_time, n_channels) int8 windows of the training recordings.
        seed: chooses `CALIBRATION_WINDOWS` of them.

    Raises:
        ConfigError: the network has an operator that it cannot quantize.
    """
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    entry = Interpreter(model_content=floating)
    ((signature, ends),) = entry.get_signature_list().items()
    windows = [{ends["inputs"][0]: window[None]} for window in _real(_pick(calibration, seed))]
    name = entry.get_input_details()[0]["name"]
    try:
        # It draws a bar, and LiteRT warns that looking at every tensor takes memory.
        with contextlib.redirect_stderr(io.StringIO()):
            quantizing = quantizer.Quantizer(floating, recipe.static_wi8_ai8())
            ranges = quantizing.calibrate({signature: windows})
        for end, value in (("min", -128), ("max", 127)):
            ranges[name][end] = np.full_like(ranges[name][end], value * INPUT_SCALE)
        made = quantizing.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
        return bytes(made.quantized_model)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"AI Edge Quantizer cannot quantize the network: {reason}") from error


def qat(
    model: Any,
    train: tuple[Windows, NDArray[np.float32]],
    validation: tuple[Windows, NDArray[np.float32]],
    output: Output,
    *,
    seed: int,
    options: QatOptions | None = None,
    progress: Progress | None = None,
) -> Quantized:
    """Quantize by fine-tuning with the quantization simulated.

    The toolkit's own activation ranges start at +-6 and move by a thousandth a step, which a small
    network never outlives. Here they are calibrated on training windows first and then held.

    Args:
        model: a trained Keras network, left as it is.
        train: windows (n, n_time, n_channels) int8 and targets (n, n_actions) float32 of 0 and 1.
        validation: the same of later recordings.
        output: meaning of the logits.
        seed: of the calibration, the batches and dropout.
        options: see `QatOptions`.
        progress: see `Progress`; figures are `loss` and `val_loss`.

    Raises:
        ConfigError: the network has a layer that cannot be quantized, or no weights that may be trained.
    """
    from neurograsp.convert._keras import keras, tf
    from neurograsp.convert.qat_scheme import simulate_int8

    if not model.trainable_weights:
        raise ConfigError(
            f"QAT would train {model.name} as a whole, whose members were fitted apart; choose ptq or ai-edge"
        )
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    simulated = simulate_int8(model, _real(_pick(train[0], seed)), INPUT_SCALE)
    _fine_tune(simulated, train, validation, output, seed, options or QatOptions(), progress)
    converter = _single(tf, simulated)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return Quantized(bytes(converter.convert()), to_float_tflite(_with_weights_of(simulated, model)))


def fine_tuned(
    model: Any,
    train: tuple[Windows, NDArray[np.float32]],
    validation: tuple[Windows, NDArray[np.float32]],
    output: Output,
    *,
    seed: int,
    options: QatOptions | None = None,
    progress: Progress | None = None,
) -> bytes:
    """The float `.tflite` after the training of `qat` without its quantization: what the epochs alone do.

    Args: see `qat`.
    """
    from neurograsp.convert._keras import keras, tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    tuned = keras.models.clone_model(model)
    tuned.set_weights(model.get_weights())
    _fine_tune(tuned, train, validation, output, seed, options or QatOptions(), progress)
    return to_float_tflite(tuned)


def _with_weights_of(simulated: Any, model: Any) -> Any:
    """A copy of a network with the weights that its simulation was trained to."""
    from neurograsp.convert._keras import keras

    trained = {variable.name: variable for variable in simulated.variables}
    copied = keras.models.clone_model(model)
    copied.set_weights([trained[variable.name].numpy() for variable in model.variables])
    return copied


def _fine_tune(
    simulated: Any,
    train: tuple[Windows, NDArray[np.float32]],
    validation: tuple[Windows, NDArray[np.float32]],
    output: Output,
    seed: int,
    options: QatOptions,
    progress: Progress | None,
) -> None:
    from neurograsp.convert._keras import keras, tf

    x, y = train
    n_actions = y.shape[1]
    ones = np.clip(y.mean(axis=0), 1 / len(y), 1 - 1 / len(y)).astype(np.float32)
    kept = 1 - options.label_smoothing

    def loss_of(targets: Any, logits: Any) -> Any:
        weight = tf.ones(())
        if output == "softmax":
            if options.balance:
                weight = tf.reduce_sum(targets / (ones * n_actions), axis=1)
            smooth = kept * targets + (1 - kept) / n_actions
            return tf.reduce_mean(weight * tf.nn.softmax_cross_entropy_with_logits(smooth, logits))
        if options.balance:
            weight = 0.5 * (targets / ones + (1 - targets) / (1 - ones))
        smooth = kept * targets + (1 - kept) / 2
        return tf.reduce_mean(weight * tf.nn.sigmoid_cross_entropy_with_logits(smooth, logits))

    steps = -(-len(x) // options.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(options.learning_rate, options.epochs * steps)
    optimizer = keras.optimizers.Adam(schedule)

    def step(windows: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(targets, simulated(_real_tensor(tf, windows), training=True))
        variables = simulated.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    def scores_of(windows: Any) -> Any:
        return simulated(_real_tensor(tf, windows), training=False)

    step, scores_of = tf.function(step), tf.function(scores_of)

    def validation_loss() -> float:
        windows, targets = validation
        scores = [scores_of(windows[i : i + 256]) for i in range(0, len(windows), 256)]
        return float(loss_of(tf.constant(targets), tf.concat(scores, axis=0)))

    order_of = np.random.default_rng(seed)
    best, best_weights = validation_loss(), simulated.get_weights()
    for epoch in range(1, options.epochs + 1):
        order = np.resize(order_of.permutation(len(x)), steps * options.batch_size)
        losses = [float(step(x[rows], y[rows])) for rows in np.split(order, steps)]
        cost = validation_loss()
        if progress is not None:
            progress(epoch, options.epochs, {"loss": float(np.mean(losses)), "val_loss": cost})
        if cost < best:
            best, best_weights = cost, simulated.get_weights()
    simulated.set_weights(best_weights)


def _single(tf: Any, model: Any) -> Any:
    """A converter of the model with a batch of one, so that no operator computes a shape."""
    shape = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="window")
    function = tf.function(lambda window: model(window, training=False)).get_concrete_function(shape)
    return tf.lite.TFLiteConverter.from_concrete_functions([function], model)


def _pick(x: Windows, seed: int) -> NDArray[np.int8]:
    if not len(x):
        raise ConfigError("quantize: no calibration windows, take the training windows")
    return x[np.random.default_rng(seed).permutation(len(x))[:CALIBRATION_WINDOWS]]


def _real(x: NDArray[np.int8]) -> NDArray[np.float32]:
    return x[..., None] * np.float32(INPUT_SCALE)


def _real_tensor(tf: Any, x: Any) -> Any:
    return tf.cast(x, tf.float32)[..., None] * INPUT_SCALE
