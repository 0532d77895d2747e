from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurograsp.convert import quantize
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError

keras = pytest.importorskip("neurograsp.convert._keras").keras
layers = keras.layers

Pair = tuple[NDArray[np.int8], NDArray[np.float32]]


def windows(n: int, seed: int) -> Pair:
    """Three actions, each a bump in a channel of its own."""
    rng = np.random.default_rng(seed)
    action = rng.integers(3, size=n)
    bump = 30 * np.hanning(16)[None, :, None] * np.eye(4)[action][:, None]
    x = np.clip(np.rint(rng.normal(0, 10, (n, 16, 4)) + bump), -128, 127).astype(np.int8)
    return x, np.eye(3, dtype=np.float32)[action]


@pytest.fixture(scope="module")
def model() -> Any:
    """A trained network with every layer that ours are made of."""
    keras.utils.set_random_seed(0)
    x = inputs = layers.Input((16, 4, 1))
    x = layers.ZeroPadding2D((0, 1), name="pad")(x)
    x = layers.Conv2D(8, 3, use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="conv_norm")(x)
    x = layers.ReLU(name="conv_relu")(x)
    x = layers.DepthwiseConv2D((3, 1), use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_norm")(x)
    x = layers.ReLU(name="depthwise_relu")(x)
    x = layers.AveragePooling2D((2, 1), name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(8, activation="relu", name="dense")(x)
    x = layers.Dropout(0.1, name="dropout")(x)
    network = keras.Model(inputs, layers.Dense(3, name="logits")(x), name="small")
    network.compile(keras.optimizers.Adam(1e-2), keras.losses.CategoricalCrossentropy(from_logits=True))
    q, y = windows(256, 0)
    network.fit(q[..., None] / np.float32(16), y, epochs=6, batch_size=32, verbose=0)
    return network


@pytest.fixture(scope="module")
def blobs(model: Any) -> dict[str, bytes]:
    train = windows(256, 0)
    options = quantize.QatOptions(epochs=2, batch_size=32)
    return {
        "ptq": quantize.ptq(model, train[0], seed=0),
        "qat": quantize.qat(model, train, windows(64, 1), "softmax", seed=0, options=options),
    }


@pytest.mark.parametrize("method", ["ptq", "qat"])
def test_full_int8_and_close_to_float(method: str, model: Any, blobs: dict[str, bytes]) -> None:
    facts = quantize.check_full_int8(blobs[method])
    assert (facts.input_scale, facts.input_zero_point) == (1 / 16, 0)
    assert (facts.input_shape, facts.output_shape) == ((1, 16, 4, 1), (1, 3))
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"} <= set(facts.operators)
    assert "DEQUANTIZE" not in facts.operators
    assert facts.bytes == len(blobs[method])

    x, y = windows(200, 2)
    wanted = model.predict(x[..., None] / 16, verbose=0)
    for reference_kernels in (False, True):
        steps = quantize.run_tflite(blobs[method], x, reference_kernels)
        assert steps.dtype == np.int8
        logits = (steps.astype(np.float64) - facts.output_zero_point) * facts.output_scale
        assert (logits.argmax(axis=1) == wanted.argmax(axis=1)).mean() > 0.97
        assert np.abs(logits - wanted).mean() < 0.05 * np.ptp(wanted)
        assert (logits.argmax(axis=1) == y.argmax(axis=1)).mean() > 0.9


def test_the_networks_own_scale_does_not_matter(model: Any) -> None:
    """Calibrated ranges: logits a hundred times too large are as exact as any."""
    large = keras.models.clone_model(model)
    weights = model.get_weights()
    large.set_weights([*weights[:-2], 100 * weights[-2], 100 * weights[-1]])
    train = windows(128, 0)
    options = quantize.QatOptions(epochs=1, batch_size=32, learning_rate=1e-6)
    blob = quantize.qat(large, train, windows(32, 1), "sigmoid", seed=0, options=options)
    facts = quantize.check_full_int8(blob)
    x, _ = windows(100, 2)
    logits = (quantize.run_tflite(blob, x).astype(float) - facts.output_zero_point) * facts.output_scale
    wanted = large.predict(x[..., None] / 16, verbose=0)
    assert np.abs(logits - wanted).mean() < 0.05 * np.ptp(wanted)


def test_qat_repeats_and_leaves_the_network_alone(model: Any, blobs: dict[str, bytes]) -> None:
    before = model.get_weights()
    options = quantize.QatOptions(epochs=2, batch_size=32)
    seen: list[tuple[int, int]] = []
    blob = quantize.qat(
        model,
        windows(256, 0),
        windows(64, 1),
        "softmax",
        seed=0,
        options=options,
        progress=lambda epoch, epochs, figures: seen.append((epoch, epochs)),
    )
    x, _ = windows(100, 3)
    assert np.array_equal(quantize.run_tflite(blob, x), quantize.run_tflite(blobs["qat"], x))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert seen == [(1, 2), (2, 2)]


def test_a_float_model_is_refused(model: Any) -> None:
    with pytest.raises(CheckFailed, match=r"tensor .* is float32"):
        quantize.check_full_int8(quantize.to_float_tflite(model))


def test_a_float_tensor_inside_is_refused() -> None:
    """Batch normalization after a dense layer stays float under QAT, behind int8 input and output."""
    inputs = layers.Input((16, 4, 1))
    x = layers.Flatten(name="flatten")(inputs)
    x = layers.Dense(8, name="dense")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    network = keras.Model(inputs, layers.Dense(3, name="logits")(x), name="dense_norm")
    options = quantize.QatOptions(epochs=1)
    blob = quantize.qat(network, windows(64, 0), windows(16, 1), "softmax", seed=0, options=options)
    with pytest.raises(CheckFailed, match="none after a dense layer"):
        quantize.check_full_int8(blob)


def test_another_input_scale_is_refused(model: Any) -> None:
    tf = pytest.importorskip("tensorflow")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [w[None, ..., None] / np.float32(4)] for w in windows(32, 0)[0]
    )
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with pytest.raises(CheckFailed, match="the input has scale"):
        quantize.check_full_int8(converter.convert())


def test_bad_input_is_refused(model: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="LiteRT cannot open"):
        quantize.check_full_int8(b"no flatbuffer at all")
    with pytest.raises(ConfigError, match="no calibration windows"):
        quantize.ptq(model, np.zeros((0, 16, 4), np.int8), seed=0)
    (tmp_path / "model.keras").write_bytes(b"no archive")
    for name in ("model.keras", "missing.keras"):
        with pytest.raises(ConfigError, match="train again"):
            quantize.load_model(tmp_path / name)
    inputs = layers.Input((16, 4, 1))
    x = layers.Flatten(name="flatten")(layers.ELU(name="elu")(inputs))
    network = keras.Model(inputs, layers.Dense(3, name="logits")(x), name="with_elu")
    with pytest.raises(ConfigError, match="QAT cannot quantize with_elu"):
        quantize.qat(network, windows(8, 0), windows(8, 1), "softmax", seed=0)


def test_a_saved_network_is_read_back(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")
    again = quantize.load_model(tmp_path / "model.keras")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))
