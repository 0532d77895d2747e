"""What a board may be given: integers throughout, in the scale of its windows, and nothing that hides."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from small_network import windows

from neurograsp.convert import quantize
from neurograsp.convert.verify import check_full_int8
from neurograsp.edge_runtime.contract.errors import CheckFailed

keras = pytest.importorskip("neurograsp.convert._keras").keras
tf = pytest.importorskip("tensorflow")
layers = keras.layers


def tflite_of(network: Callable[[Any], Any]) -> Any:
    function = tf.function(network).get_concrete_function(tf.TensorSpec((1, 16, 4, 1), tf.float32))
    return tf.lite.TFLiteConverter.from_concrete_functions([function])


def test_a_float_model_is_refused(model: Any) -> None:
    with pytest.raises(CheckFailed, match=r"tensor .* is float32"):
        check_full_int8(quantize.to_float_tflite(model))


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
        check_full_int8(blob)


def test_another_input_scale_is_refused(model: Any) -> None:
    tf = pytest.importorskip("tensorflow")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [w[None, ..., None] / np.float32(4)] for w in windows(32, 0)[0]
    )
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with pytest.raises(CheckFailed, match="the input has scale"):
        check_full_int8(converter.convert())


def test_what_is_neither_integer_nor_float_gets_advice_of_its_own() -> None:
    converter = tflite_of(lambda x: tf.reshape(tf.where(x > 0, x, tf.zeros_like(x)), (1, 64)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [w[None, ..., None] / np.float32(16)] for w in windows(32, 0)[0]
    )
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with pytest.raises(CheckFailed, match=r"is bool: leave out what compares or selects"):
        check_full_int8(converter.convert())


def test_a_loop_is_refused() -> None:
    """Its body is a graph of its own, which the tensors of the first one say nothing about."""

    def network(x: Any) -> Any:
        _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, tf.nn.relu(y)), (0, x))
        return tf.reshape(y, (1, 64))

    with pytest.raises(CheckFailed, match="3 subgraphs.* without loops and conditions"):
        check_full_int8(tflite_of(network).convert())


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(CheckFailed, match="LiteRT cannot open"):
        check_full_int8(b"no flatbuffer at all")
