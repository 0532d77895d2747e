from typing import Any

import numpy as np
import pytest
from toys import REPOSITORY

from neurograsp.convert.tflite_file import packed
from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.classifier import Classifier, probabilities
from neurograsp.edge_runtime.contract.errors import BundleError
from neurograsp.edge_runtime.network_graph import schema

MODEL = REPOSITORY / "edge_runtime/samples/bundles/grasp-and-lift/model.tflite"


def test_int8_steps_are_dequantized(toy: Any) -> None:
    bundle = open_bundle(toy.bundle)
    network = bundle.classifier()
    facts = bundle.manifest.network
    assert network.is_int8
    assert (network.input_shape, network.n_actions) == (facts.input_shape, 2)
    scale, zero_point = network.output_quantization
    assert (scale, zero_point) == (pytest.approx(facts.output_scale), facts.output_zero_point)
    every = np.arange(-128, 128).astype(np.int8)
    assert network.dequantize(every).tolist() == [(step - zero_point) * scale for step in range(-128, 128)]
    for window in bundle.golden.windows:
        steps = network.logits(window)
        assert steps.dtype == np.int8
        assert np.array_equal(network.real_logits(window), network.dequantize(steps))


def test_a_result_is_not_overwritten_by_the_next(toy: Any) -> None:
    bundle = open_bundle(toy.bundle)
    network, golden = bundle.classifier(reference_kernels=True), bundle.golden
    kept = [network.logits(window) for window in golden.windows]
    assert np.array_equal(kept, golden.logits)


def test_the_float_network_sees_sixteenths(toy: Any) -> None:
    bundle = open_bundle(toy.bundle)
    network = Classifier(bundle.files["float.tflite"])
    assert not network.is_int8
    whole = bundle.classifier()
    differences = [
        np.abs(network.real_logits(window) - whole.real_logits(window)).max()
        for window in bundle.golden.windows[:8]
    ]
    assert max(differences) < 0.5


@pytest.mark.parametrize("blob", [b"", b"no flatbuffer", b"\0" * 4096])
def test_what_is_no_network_is_refused(blob: bytes) -> None:
    with pytest.raises(BundleError, match=r"^model\.tflite: LiteRT cannot load it: .+") as caught:
        Classifier(blob)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_no_text_is_refused() -> None:
    """Flatbuffers hold what they like; LiteRT decodes names only when asked for its details."""
    blob = MODEL.read_bytes()
    name = Classifier(blob)._interpreter.get_input_details()[0]["name"].encode()
    with pytest.raises(BundleError, match="LiteRT cannot load it: 'utf-8' codec"):
        Classifier(blob.replace(name, b"\xff" + name[1:]))


def test_a_network_that_cannot_run_is_a_bundle_error() -> None:
    network = Classifier(MODEL.read_bytes())
    with pytest.raises(BundleError, match=r"^model\.tflite: LiteRT cannot run it: .+"):
        network.logits(np.zeros((5, 32), np.int8))


def test_int8_in_and_float_out_is_refused() -> None:
    """Frames written into one type would be read as another."""
    model = schema().ModelT.InitFromObj(schema().Model.GetRootAs(MODEL.read_bytes()))
    graph = model.subgraphs[0]
    code, last, real = schema().OperatorCodeT(), schema().OperatorT(), schema().TensorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema().BuiltinOperator.DEQUANTIZE
    code.version = 2
    model.operatorCodes.append(code)
    real.name, real.shape, real.type = (
        b"real",
        graph.tensors[graph.outputs[0]].shape,
        schema().TensorType.FLOAT32,
    )
    graph.tensors.append(real)
    last.opcodeIndex, last.inputs = len(model.operatorCodes) - 1, list(graph.outputs)
    last.outputs = graph.outputs = [len(graph.tensors) - 1]
    graph.operators.append(last)
    with pytest.raises(BundleError, match="input and output are not both int8, or both float32"):
        Classifier(packed(model))


def test_probabilities() -> None:
    logits = np.array([[1000.0, 0.0, -1000.0], [1.0, 1.0, 1.0]])
    softmax = probabilities(logits, "softmax")
    assert softmax == pytest.approx(np.array([[1, 0, 0], [1 / 3] * 3]))
    with np.errstate(over="ignore"):
        sigmoid = probabilities(logits, "sigmoid")
    assert sigmoid == pytest.approx(np.array([[1, 0.5, 0], [0.7310586] * 3]))
