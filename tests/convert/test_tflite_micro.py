"""The network of the board, the same file, on the interpreter of microcontrollers."""

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from neurograsp.convert import quantize
from neurograsp.convert.verify import micro_gate
from neurograsp.edge_runtime.bundle import Bundle, open_bundle
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.run_folder import GateLimits
from neurograsp.edge_runtime.network_graph import read_graph
from neurograsp.edge_runtime.stream_classifier import StreamClassifier

runtime = pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this machine").runtime


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_bundle(
        Path(str(resources.files("neurograsp.edge_runtime") / "samples/bundles/grasp-and-lift"))
    )


def test_the_golden_logits(bundle: Bundle) -> None:
    golden, blob = bundle.golden, bundle.files["model.tflite"]
    gate = micro_gate(blob, golden, GateLimits())
    assert gate.passed
    assert gate.figure.startswith(("golden logits 0 steps apart", "golden logits 1 steps apart"))
    logits = golden.logits.copy()
    logits[3, 0] ^= 64
    gate = micro_gate(blob, replace(golden, logits=logits), GateLimits())
    assert not gate.passed
    assert gate.figure.startswith("golden logits 6")


def test_what_it_does_not_have_is_told(bundle: Bundle) -> None:
    tf = pytest.importorskip("tensorflow")
    repeated = tf.function(lambda x: tf.reshape(tf.tile(x, (1, 1, 1, 2)), (1, 1856)))
    function = repeated.get_concrete_function(tf.TensorSpec((1, 29, 32, 1), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    real = bundle.golden.windows[..., None] / np.float32(16)
    converter.representative_dataset = lambda: ([window[None]] for window in real)
    converter.inference_input_type = converter.inference_output_type = tf.int8
    gate = micro_gate(converter.convert(), bundle.golden, GateLimits())
    assert not gate.passed
    assert gate.figure.startswith("does not run (")


def apart(blob: bytes, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """(n, n_actions) steps between both runtimes on random windows."""
    network = Classifier(blob, reference_kernels=True)
    micro = runtime.Interpreter.from_bytes(blob, arena_size=1_000_000)
    steps = []
    for window in np.random.default_rng(0).integers(-128, 128, (300, *shape), np.int8):
        micro.set_input(window[None, ..., None], 0)
        micro.invoke()
        steps.append(np.abs(micro.get_output(0).reshape(-1).astype(int) - network.logits(window)))
    return np.stack(steps)


def test_bit_for_bit_without_a_dense_layer() -> None:
    build = pytest.importorskip("neurograsp.train.models").build
    network = build("temporal_context", 40, 4, 3)
    blob = quantize.ptq(network, np.random.default_rng(1).integers(-128, 128, (64, 40, 4), np.int8), seed=0)
    assert apart(blob, (40, 4)).max() == 0


@pytest.mark.parametrize("method", ["ptq", "qat"])
def test_dense_layers_are_rounded_otherwise(blobs: dict[str, bytes], method: str) -> None:
    """Two of them here."""
    steps = apart(blobs[method], (16, 4))
    assert steps.max() <= 2
    assert (steps == 0).mean() > 0.99


def test_hop_by_hop(bundle: Bundle) -> None:
    """The streamed form too, its states carried by the caller: before the dense layer bit for bit."""
    blob = bundle.files["stream.tflite"]
    here = StreamClassifier(blob, reference_kernels=True)
    hop = bundle.manifest.signal.hop
    micro = runtime.Interpreter.from_bytes(blob)
    states = [np.full(*state_of(tensor)) for tensor in read_graph(blob, "stream").inputs[1:]]
    frames = bundle.golden.filtered
    for start in range(0, len(frames) - hop + 1, hop):
        given = frames[start : start + hop]
        micro.set_input(given[None, ..., None], 0)
        for i, state in enumerate(states, 1):
            micro.set_input(state, i)
        micro.invoke()
        states = [micro.get_output(i).copy() for i in range(1, len(states) + 1)]
        assert np.abs(micro.get_output(0).reshape(-1).astype(int) - here.logits(given)).max() <= 1
        assert all(np.array_equal(one, other) for one, other in zip(states, here.states, strict=True))


def state_of(tensor: Any) -> Any:
    return tensor.shape, tensor.zero_points[0], np.int8
