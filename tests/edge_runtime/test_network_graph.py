"""What is told of a network is what LiteRT and arithmetic say of it."""

from importlib import resources
from itertools import pairwise

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from neurograsp.edge_runtime.contract.errors import BundleError
from neurograsp.edge_runtime.network_graph import Graph, Operator, Tensor, operator_macs, read_graph


def sample(name: str) -> bytes:
    folder = resources.files("neurograsp.edge_runtime") / "samples/bundles/grasp-and-lift"
    return (folder / name).read_bytes()


@pytest.mark.parametrize("name", ["model.tflite", "stream.tflite", "float.tflite"])
def test_tensors_are_those_of_litert(name: str) -> None:
    blob = sample(name)
    graph = read_graph(blob, name)
    interpreter = Interpreter(
        model_content=blob, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    told = {one["index"]: one for one in interpreter.get_tensor_details()}
    for operator in graph.operators:
        for one in (*operator.inputs, *operator.outputs):
            wanted = told[one.index]
            assert (one.name, one.shape) == (wanted["name"], tuple(wanted["shape"]))
            assert one.kind.lower() == np.dtype(wanted["dtype"]).name
            assert one.size == np.dtype(wanted["dtype"]).itemsize * np.prod(wanted["shape"], dtype=int)
            assert one.scales == tuple(map(float, wanted["quantization_parameters"]["scales"]))
            assert one.zero_points == tuple(map(int, wanted["quantization_parameters"]["zero_points"]))
    for ends, wanted_ends in (
        (graph.inputs, interpreter.get_input_details()),
        (graph.outputs, interpreter.get_output_details()),
    ):
        assert [one.index for one in ends] == [one["index"] for one in wanted_ends]
    names = [operator.name for operator in graph.operators]
    assert names == [one["op_name"] for one in interpreter._get_ops_details()]


def test_multiplications_are_those_of_eegnet() -> None:
    graph = read_graph(sample("model.tflite"), "model")
    assert graph.macs == 29 * 32 * 64 + 23 * 7 * 64 + 10 * 2 * 64 + 10 * 64 * 32 + 5 * 32 * 6
    biases = 4 * (64 + 64 + 64 + 32 + 6)
    shape_of_flatten = 4 * 2
    assert graph.weight_bytes == 32 * 64 + 7 * 64 + 2 * 64 + 64 * 32 + 160 * 6 + biases + shape_of_flatten


@pytest.mark.parametrize(
    ("name", "inputs", "output", "macs"),
    [
        ("CONV_2D", [(1, 10, 1, 8), (16, 3, 1, 8), (16,)], (1, 8, 1, 16), 8 * 16 * 3 * 8),
        ("DEPTHWISE_CONV_2D", [(1, 10, 1, 8), (1, 3, 1, 16), (16,)], (1, 8, 1, 16), 8 * 16 * 3),
        ("FULLY_CONNECTED", [(1, 40), (6, 40), (6,)], (1, 6), 240),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", [(1, 29, 4), *[(8, 4)] * 4, *[(8, 8)] * 4], (1, 29, 8), 29 * 384),
        ("ADD", [(1, 40), (1, 40)], (1, 40), 0),
    ],
)
def test_multiplications(
    name: str, inputs: list[tuple[int, ...]], output: tuple[int, ...], macs: int
) -> None:
    assert operator_macs(name, inputs, output) == macs


def test_the_arena_is_what_is_alive_at_once() -> None:
    """a -> b -> c, and a again with c: a stays alive over b. Sizes are rounded up to 16 bytes."""
    a, b, c, d = (tensor(i, size) for i, size in enumerate((100, 200, 40, 16)))
    weights = tensor(9, 10_000, constant=True)
    steps = [((a, weights), b), ((b,), c), ((a, c), d)]
    graph = Graph(tuple(Operator("X", ins, (out,), 0) for ins, out in steps), (a,), (d,))
    assert graph.arena_bytes == 112 + 208 + 48
    alone = Graph(tuple(Operator("X", (x,), (y,), 0) for x, y in pairwise((a, b, c))), (a,), (c,))
    assert alone.arena_bytes == 112 + 208


def tensor(index: int, size: int, constant: bool = False) -> Tensor:
    return Tensor(index, "", (size,), "INT8", (), (), size, constant)


@pytest.mark.parametrize("blob", [b"", b"no flatbuffer", b"\xff" * 64, sample("model.tflite")[:400]])
def test_what_is_damaged_is_refused(blob: bytes) -> None:
    with pytest.raises(BundleError, match=r"^here: no readable \.tflite"):
        read_graph(blob, "here")


def test_no_damage_does_anything_but_refuse() -> None:
    blob, rng = sample("model.tflite"), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(blob)
        for place in rng.integers(len(blob), size=4):
            damaged[place] = rng.integers(256)
        try:
            assert read_graph(bytes(damaged), "here").arena_bytes >= 0
        except BundleError:
            refused += 1
    assert refused > 30
