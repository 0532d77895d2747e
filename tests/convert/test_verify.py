"""What a board may be given: integers throughout, in the scale of its windows, and nothing that hides."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_network import windows

from neurograsp.convert import quantize
from neurograsp.convert.verify import (
    Gate,
    Likeness,
    check_full_int8,
    closed,
    decided_alike,
    likeness_gates,
    structure_gates,
)
from neurograsp.edge_runtime.bundle import Golden
from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.contract.run_folder import GateLimits

keras = pytest.importorskip("neurograsp.convert._keras").keras
tf = pytest.importorskip("tensorflow")
layers = keras.layers


def tflite_of(network: Callable[[Any], Any]) -> Any:
    function = tf.function(network).get_concrete_function(tf.TensorSpec((1, 16, 4, 1), tf.float32))
    return tf.lite.TFLiteConverter.from_concrete_functions([function])


def test_a_float_model_is_refused(model: Any) -> None:
    with pytest.raises(CheckFailed, match=r"tensor .* is float32"):
        check_full_int8(quantize.to_float_tflite(model))


@pytest.mark.long
def test_a_float_tensor_inside_is_refused() -> None:
    """Batch normalization after a dense layer stays float under QAT, behind int8 input and output."""
    inputs = layers.Input((16, 4, 1))
    x = layers.Flatten(name="flatten")(inputs)
    x = layers.Dense(8, name="dense")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    network = keras.Model(inputs, layers.Dense(3, name="logits")(x), name="dense_norm")
    options = quantize.QatOptions(epochs=1)
    blob = quantize.qat(network, windows(64, 0), windows(16, 1), "softmax", seed=0, options=options).blob
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


def test_a_network_that_has_learned_nothing_is_told_so(model: Any) -> None:
    dead = keras.models.clone_model(model)
    dead.set_weights(model.get_weights())
    layer = dead.get_layer("dense")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - 1000])
    blob = quantize.ptq(dead, windows(64, 0)[0], seed=0)
    with pytest.raises(CheckFailed, match="is 0 for every window.*smaller fit.learning_rate"):
        check_full_int8(blob)


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


def by_name(gates: list[Gate]) -> dict[str, Gate]:
    return {gate.name: gate for gate in gates}


def test_the_gates_of_a_good_network_are_open(blobs: dict[str, bytes]) -> None:
    for blob in blobs.values():
        gates = structure_gates(blob, GateLimits())
        assert [gate.name for gate in gates] == ["integers", "operators", "model size", "arena"]
        assert closed(gates) == ""
        assert by_name(gates)["model size"].figure == f"{len(blob) / 1000:.1f} kB"


@pytest.mark.parametrize(
    ("limits", "name", "key"),
    [
        (GateLimits(model_bytes=1000), "model size", "gates.model_bytes"),
        (GateLimits(arena_bytes=500), "arena", "gates.arena_bytes"),
    ],
)
def test_too_large(blobs: dict[str, bytes], limits: GateLimits, name: str, key: str) -> None:
    gates = structure_gates(blobs["ptq"], limits)
    assert [gate.name for gate in gates if not gate.passed] == [name]
    assert closed(gates).startswith(f"{name}: ")
    assert key in closed(gates)


def test_an_operator_that_not_every_board_has() -> None:
    converter = tflite_of(lambda x: tf.reshape(tf.nn.space_to_depth(x, 2), (1, 64)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    real = windows(64, 0)[0][..., None] / np.float32(16)
    real[0, 0, 0], real[0, 1, 0] = -8, 127 / 16
    converter.representative_dataset = lambda: ([w[None]] for w in real)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    blob = converter.convert()
    assert "SPACE_TO_DEPTH" in closed(structure_gates(blob, GateLimits()))
    assert closed(structure_gates(blob, GateLimits(operators=("SPACE_TO_DEPTH",)))) == ""


def golden(logits: list[int], decisions: list[int]) -> Golden:
    empty = np.zeros((1, 1), np.int8)
    return Golden(
        counts=empty.astype(np.int32),
        filtered=empty,
        windows=empty[None],
        logits=np.array([logits], np.int8),
        decisions=np.array(decisions, np.int8),
    )


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({}, []),
        ({"auc_loss": -0.2}, []),
        ({"auc_loss": None}, []),
        ({"auc_loss": 0.0031}, ["AUC lost"]),
        ({"agreement": 0.9899}, ["agreement"]),
        ({"decisions": 0.9499}, ["decisions"]),
        ({"fast": golden([0, 100], [-1, 0, 2])}, ["kernels"]),
        ({"fast": golden([0, -100], [1, 0, 2])}, ["kernels"]),
        ({"fast": golden([0, -100], [-1, 1, 2])}, []),
        ({"auc_loss": 1.0, "agreement": 0.0, "decisions": 0.0}, ["AUC lost", "agreement", "decisions"]),
    ],
)
def test_likeness(change: dict[str, Any], failed: list[str]) -> None:
    fine = Likeness(
        auc_loss=0.003,
        agreement=0.99,
        decisions=0.95,
        golden=golden([0, -100], [-1, 0, 2]),
        fast=golden([4, -100], [-1, 0, 2]),
        recorded=2,
    )
    gates = likeness_gates(replace(fine, **change), GateLimits())
    assert [gate.name for gate in gates if not gate.passed] == failed


@pytest.mark.parametrize(
    ("decisions", "alike"), [([-1, 0, 2], 2), ([-1, 0, 1], 2), ([-1, 1, 2], 1), ([0, 0, 2], 0)]
)
def test_decided_alike_until_the_first_difference(decisions: list[int], alike: int) -> None:
    assert decided_alike(golden([0], [-1, 0, 2]), golden([0], decisions), 2) == alike


def test_impossible_limits_are_refused() -> None:
    for wrong in ({"agreement": 1.5}, {"kernel_steps": 15}, {"kernel_steps": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            GateLimits(**wrong)  # type: ignore[arg-type]
