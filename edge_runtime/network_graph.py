"""What is inside a `.tflite`: its operators, their tensors, multiplications and memory. Nothing is run."""

import importlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from neurograsp.edge_runtime.contract.errors import BundleError

CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
LSTM_WEIGHTS = slice(1, 9)
"""Inputs of UNIDIRECTIONAL_SEQUENCE_LSTM that are matrices: of four gates, from the input and back."""

ALIGNMENT = 16
"""Bytes to which a tensor's place in an arena is rounded up, as TFLite Micro does."""

MOST = {"tensors": 4096, "operators": 4096, "inputs": 64, "outputs": 64, "axes": 8, "scales": 4096}
"""Of each: more is no network of ours, and a made-up length must not cost time or memory."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """Attributes:
    index: in the graph.
    name: given by the converter.
    shape: axes; () for a scalar.
    kind: "INT8", "INT32", "FLOAT32", ...
    scales, zero_points: real = (integer - zero point) * scale, one of each or one a channel; () where the
        tensor is not quantized.
    size: bytes.
    constant: weights, biases, shapes.
    """

    index: int
    name: str
    shape: Shape
    kind: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    size: int
    constant: bool


@dataclass(frozen=True)
class Operator:
    """Attributes:
    name: of the builtin operator; of a custom one "CUSTOM " and its own.
    inputs, outputs: its tensors; what is left out is not among the inputs.
    macs: multiplications with weights, each with its addition.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    macs: int


@dataclass(frozen=True)
class Graph:
    """Attributes:
    operators: in the order they are run in.
    inputs, outputs: of the network.
    """

    operators: tuple[Operator, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def macs(self) -> int:
        return sum(operator.macs for operator in self.operators)

    @property
    def weight_bytes(self) -> int:
        """Of all constants."""
        found = {one.index: one.size for op in self.operators for one in op.inputs if one.constant}
        return sum(found.values())

    @property
    def arena_bytes(self) -> int:
        """Of the tensors that are alive at the same time, at most: what no arena can do without."""
        first: dict[int, int] = {one.index: 0 for one in self.inputs}
        last: dict[int, int] = {one.index: 0 for one in self.inputs}
        size = {one.index: one.size for one in self.inputs}
        for step, operator in enumerate(self.operators):
            for one in (*operator.inputs, *operator.outputs):
                if not one.constant:
                    first.setdefault(one.index, step)
                    last[one.index] = step
                    size[one.index] = one.size
        last |= {one.index: len(self.operators) - 1 for one in self.outputs if one.index in last}
        alive = [0] * max(len(self.operators), 1)
        for index, begin in first.items():
            for step in range(begin, last[index] + 1):
                alive[step] += -(-size[index] // ALIGNMENT) * ALIGNMENT
        return max(alive)


def read_graph(blob: bytes, where: str) -> Graph:
    """Look into a network.

    Args:
        blob: a `.tflite`.
        where: names it in errors.

    Raises:
        BundleError: it is damaged, or has more graphs than one.
    """
    try:
        return _read(blob, where)
    except (struct.error, LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BundleError(f"{where}: no readable .tflite ({error}); convert the run again") from error


def operator_macs(name: str, inputs: Sequence[Shape], output: Shape) -> int:
    """Multiplications of one operator with its weights.

    Args:
        name: of the builtin operator.
        inputs: shapes, the weights' among them.
        output: shape.
    """
    if name == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return inputs[0][-2] * sum(math.prod(weights) for weights in inputs[LSTM_WEIGHTS])
    if name not in CONVOLUTIONS | {"FULLY_CONNECTED"}:
        return 0
    weights = inputs[1]
    return math.prod(output) * math.prod(weights[1:3] if name == "DEPTHWISE_CONV_2D" else weights[1:])


@cache
def schema() -> Any:
    """LiteRT's generated reader and writer of the file format."""
    return importlib.import_module("ai_edge_litert.schema_py_generated")


@cache
def operator_names() -> dict[int, str]:
    """Code to name of every builtin operator."""
    return _names(schema().BuiltinOperator)


def _read(blob: bytes, where: str) -> Graph:
    model = schema().Model.GetRootAs(blob)
    if model.SubgraphsLength() != 1:
        raise BundleError(
            f"{where}: {model.SubgraphsLength()} subgraphs, of which only the first can be looked into: "
            "build the network without loops and conditions"
        )
    graph = model.Subgraphs(0)
    tensors = [_tensor(model, graph.Tensors(i), i) for i in _upto(graph.TensorsLength(), "tensors")]

    def of(indices: Sequence[int]) -> tuple[Tensor, ...]:
        return tuple(tensors[i] for i in indices if i >= 0)

    def operator(one: Any) -> Operator:
        code = model.OperatorCodes(one.OpcodeIndex())
        custom = code.CustomCode()
        name = operator_names()[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        given = [one.Inputs(i) for i in _upto(one.InputsLength(), "inputs")]
        outputs = of([one.Outputs(i) for i in _upto(one.OutputsLength(), "outputs")])
        shapes = [tensors[i].shape if i >= 0 else (0,) for i in given]
        return Operator(
            name=name if custom is None else f"CUSTOM {custom.decode(errors='replace')}",
            inputs=of(given),
            outputs=outputs,
            macs=operator_macs(name, shapes, outputs[0].shape if outputs else ()),
        )

    return Graph(
        operators=tuple(operator(graph.Operators(i)) for i in _upto(graph.OperatorsLength(), "operators")),
        inputs=of([graph.Inputs(i) for i in _upto(graph.InputsLength(), "inputs")]),
        outputs=of([graph.Outputs(i) for i in _upto(graph.OutputsLength(), "outputs")]),
    )


def _upto(n: int, what: str) -> range:
    if n > MOST[what]:
        raise ValueError(f"{n} {what}, at most {MOST[what]}")
    return range(n)


def _tensor(model: Any, tensor: Any, index: int) -> Tensor:
    shape = tuple(int(tensor.Shape(i)) for i in _upto(tensor.ShapeLength(), "axes"))
    kind = _kinds()[tensor.Type()]
    quantization = tensor.Quantization()
    n_scales = quantization.ScaleLength() if quantization is not None else 0
    n_zero_points = quantization.ZeroPointLength() if quantization is not None else 0
    bits = int("".join(filter(str.isdigit, kind)) or 8)
    return Tensor(
        index=index,
        name=(tensor.Name() or b"").decode(errors="replace"),
        shape=shape,
        kind=kind,
        scales=tuple(float(quantization.Scale(i)) for i in _upto(n_scales, "scales")),
        zero_points=tuple(int(quantization.ZeroPoint(i)) for i in _upto(n_zero_points, "scales")),
        size=-(-math.prod(shape) * bits // 8),
        constant=model.Buffers(tensor.Buffer()).DataLength() > 0,
    )


@cache
def _kinds() -> dict[int, str]:
    return _names(schema().TensorType)


def _names(enum: Any) -> dict[int, str]:
    return {code: name for name, code in vars(enum).items() if not name.startswith("_")}
