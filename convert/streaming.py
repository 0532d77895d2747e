"""From the int8 network of a window, the same network computed one hop at a time.

A window network that runs every hop computes nearly every column anew. Here the `.tflite` is rewritten:
in go the frames of one hop and the states, out come the scores and the next states. Weights, scales and
zero points stay as they are, and so do the scores, bit for bit (`check` compares them). Time is axis 1.

Every tensor of the window network keeps `Line`: how many frames lie between two of its columns, and how old
its newest one is. Hops of H frames ask for columns on a grid of g = gcd(stride, H) frames, H / g new ones a
hop, so an operator over k columns becomes one over the grid, dilated by stride / g, on what its state kept
and what is new. Strides thus turn into dilations (the "a trous" scheme of Holschneider, M. et al., in
Wavelets, Springer, 286-297, 1990), and no phase has to be kept.

The first operator that mixes time otherwise, such as a dense layer, gets all its columns from a state of full
length, and from there on the network is computed as for a window: never another score, only less saved.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurograsp.convert.tflite_file import packed
from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.network_graph import CONVOLUTIONS, operator_macs, operator_names, schema

POINTWISE = frozenset({"QUANTIZE", "RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH", "ELU", "HARD_SWISH"})
ARITHMETIC = frozenset({"ADD", "SUB", "MUL"})
POOLS = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D"})


@dataclass(frozen=True)
class Streamed:
    """Attributes:
    blob: `.tflite`; its inputs are (1, hop, n_channels, 1) frames and the states, its outputs the scores
        and the next states in the same order.
    hop: frames a step.
    states: shape of each state, all of the network's own type.
    window_from: name of the operator where window mode begins, None where everything is streamed.
    macs: multiplications a step.
    window_macs: of the window network.
    lead: newest frames of a window that the network never looks at.
    """

    blob: bytes
    hop: int
    states: tuple[tuple[int, ...], ...]
    window_from: str | None
    macs: int
    window_macs: int
    lead: int

    @property
    def state_bytes(self) -> int:
        return sum(math.prod(shape) for shape in self.states)


@dataclass(frozen=True)
class Line:
    """Where the columns of a tensor lie in time.

    Attributes:
        stride: frames between two columns; 0 where there is one column.
        age: frames between the last frame that the newest column has seen and the newest frame.
        columns: of the window network.
    """

    stride: int
    age: int
    columns: int

    def grid(self, hop: int) -> int:
        """Frames between the columns that hops ask for."""
        return math.gcd(self.stride, hop)

    def after(self, kernel: int, stride: int, dilation: int) -> "Line":
        """Of the output of an operator over `kernel` columns, without padding."""
        columns = (self.columns - (kernel - 1) * dilation - 1) // stride + 1
        used = (columns - 1) * stride + (kernel - 1) * dilation + 1
        return Line(
            stride=self.stride * stride if columns > 1 else 0,
            age=self.age + (self.columns - used) * self.stride,
            columns=columns,
        )


def stream(blob: bytes, hop: int) -> Streamed:
    """Rewrite a window network.

    Args:
        blob: `.tflite` of (1, n_time, n_channels, 1) to (1, n_actions); int8, or float32.
        hop: frames a step, 1 or more.

    Raises:
        ValueError: the hop is below 1.
        CheckFailed: not one input of four axes and one output.
    """
    if hop < 1:
        raise ValueError(f"hop: 1 or more, not {hop}")
    return _Rewriter(blob, hop).run()


class _Rewriter:
    """The window network's graph, operator by operator into the streamed one's."""

    def __init__(self, blob: bytes, hop: int) -> None:
        self._hop = hop
        self._model = schema().ModelT.InitFromObj(schema().Model.GetRootAs(blob))
        if len(self._model.subgraphs) != 1:
            raise CheckFailed(f"streaming: {len(self._model.subgraphs)} subgraphs, not one")
        self._graph = self._model.subgraphs[0]
        self._window_macs = sum(self._macs(operator) for operator in self._graph.operators)
        self._operators: list[Any] = []
        self._lines: dict[int, Line] = {}
        self._rings: dict[int, int] = {}
        self._states: list[tuple[int, int]] = []
        self._window_from: str | None = None
        self._lead = 0

    def run(self) -> Streamed:
        graph = self._graph
        shape = self._shape(graph.inputs[0]) if len(graph.inputs) == 1 else ()
        if len(shape) != 4 or len(graph.outputs) != 1:
            raise CheckFailed(
                f"streaming: {len(graph.inputs)} inputs of shape {shape} and {len(graph.outputs)} outputs, "
                "not one of (1, n_time, n_channels, 1) and one"
            )
        frames = graph.inputs[0]
        self._follow(frames, Line(1, 0, shape[1]))
        for operator in graph.operators:
            self._rewrite(operator)
        scores = self._whole(graph.outputs[0])
        graph.operators = self._operators
        graph.inputs = [frames, *(old for old, _ in self._states)]
        graph.outputs = [scores, *(new for _, new in self._states)]
        self._name_ends()
        return Streamed(
            blob=packed(self._model),
            hop=self._hop,
            states=tuple(self._shape(old) for old, _ in self._states),
            window_from=self._window_from,
            macs=sum(self._macs(operator) for operator in self._operators),
            window_macs=self._window_macs,
            lead=self._lead,
        )

    def _rewrite(self, operator: Any) -> None:
        name = self._name(operator)
        streamed = [tensor for tensor in operator.inputs if tensor in self._lines]
        if streamed and len(streamed) == sum(not self._is_constant(i) for i in operator.inputs):
            if name in CONVOLUTIONS | POOLS and self._slide(operator, name):
                return
            if self._is_columnwise(operator, name, streamed):
                self._follow(operator.outputs[0], self._lines[streamed[0]])
                self._operators.append(operator)
                return
        if streamed and self._window_from is None:
            self._window_from = name
        operator.inputs = [self._whole(tensor) for tensor in operator.inputs]
        self._operators.append(operator)

    def _is_columnwise(self, operator: Any, name: str, streamed: list[int]) -> bool:
        """Whether each column of the output comes from the same column of the inputs alone."""
        if name in POINTWISE:
            return True
        if name == "PAD":
            return not self._constant(operator.inputs[1]).reshape(-1, 2)[:2].any()
        if name not in ARITHMETIC or len({self._lines[tensor] for tensor in streamed}) != 1:
            return False
        return all(
            self._is_broadcast_in_time(tensor) for tensor in operator.inputs if self._is_constant(tensor)
        )

    def _is_broadcast_in_time(self, constant: int) -> bool:
        shape = self._shape(constant)
        return len(shape) < 3 or shape[-3] == 1

    def _slide(self, operator: Any, name: str) -> bool:
        """An operator over several columns; False where it pads time."""
        options, source = operator.builtinOptions, operator.inputs[0]
        if name in POOLS:
            kernel, dilation = options.filterHeight, 1
        else:
            kernel, dilation = self._shape(operator.inputs[1])[1], options.dilationHFactor
        if kernel > 1 and options.padding == schema().Padding.SAME:
            return False
        line = self._lines[source]
        out = line.after(kernel, options.strideH, dilation)
        grid, out_grid = line.grid(self._hop), out.grid(self._hop)
        n_out, step = self._hop // out_grid, out_grid // grid
        spread = dilation * line.stride // grid if kernel > 1 else 1
        recent = self._recent(
            source, (n_out - 1) * step + (kernel - 1) * spread + 1, (out.age - line.age) // grid
        )
        options.strideH = step if n_out > 1 else 1
        self._follow(operator.outputs[0], out)
        if name in CONVOLUTIONS:
            options.dilationHFactor = spread
        elif spread > 1:
            self._pool_apart(operator, recent, kernel, spread, step, n_out)
            return True
        operator.inputs = [recent, *operator.inputs[1:]]
        self._operators.append(operator)
        return True

    def _pool_apart(
        self, operator: Any, recent: int, kernel: int, spread: int, step: int, n_out: int
    ) -> None:
        """Pools know no dilation: pick the columns of each output, and pool these."""
        operator.builtinOptions.strideH = 1
        columns = []
        for i in range(n_out):
            one = copy.deepcopy(operator)
            one.inputs = [self._slice(recent, i * step, kernel, spread)]
            if n_out > 1:
                one.outputs = [self._like(operator.outputs[0], 1, f"column{i}")]
            self._operators.append(one)
            columns.append(one.outputs[0])
        if n_out > 1:
            self._concatenate(columns, operator.outputs[0])

    def _recent(self, tensor: int, columns: int, skip: int) -> int:
        """The newest columns of a tensor, the very newest `skip` aside, from a state and this hop."""
        line = self._lines[tensor]
        new = self._hop // line.grid(self._hop)
        kept = columns + skip - new
        if kept > 0:
            old = self._like(tensor, kept, f"state{len(self._states)}_in")
            line_up = self._like(tensor, kept + new, f"state{len(self._states)}")
            self._concatenate([old, tensor], line_up)
            self._states.append((old, self._slice(line_up, new, kept)))
            tensor, new = line_up, kept + new
        first = new - skip - columns
        return tensor if (first, columns) == (0, new) else self._slice(tensor, first, columns)

    def _whole(self, tensor: int) -> int:
        """All columns that the window network has of a tensor."""
        line = self._lines.get(tensor)
        if line is None:
            return tensor
        if tensor not in self._rings:
            spread = line.stride // line.grid(self._hop) if line.columns > 1 else 1
            self._lead = max(self._lead, line.age)
            recent = self._recent(tensor, (line.columns - 1) * spread + 1, 0)
            self._rings[tensor] = recent if spread == 1 else self._slice(recent, 0, line.columns, spread)
        return self._rings[tensor]

    def _follow(self, tensor: int, line: Line) -> None:
        """From now on the tensor holds the columns of one hop."""
        self._lines[tensor] = line
        self._set_columns(self._graph.tensors[tensor], self._hop // line.grid(self._hop))

    def _like(self, tensor: int, columns: int, name: str) -> int:
        """A new tensor of the same type and quantization."""
        made = copy.deepcopy(self._graph.tensors[tensor])
        made.name = name.encode()
        self._set_columns(made, columns)
        self._model.buffers.append(schema().BufferT())
        made.buffer = len(self._model.buffers) - 1
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def _set_columns(self, tensor: Any, columns: int) -> None:
        tensor.shape = [tensor.shape[0], columns, *tensor.shape[2:]]
        tensor.shapeSignature = None

    def _slice(self, tensor: int, first: int, columns: int, spread: int = 1) -> int:
        """Columns first, first + spread, ... of a tensor."""
        rest = self._shape(tensor)[2:]
        made = self._like(tensor, columns, f"slice{len(self._graph.tensors)}")
        begin = [0, first, *(0 for _ in rest)]
        if spread == 1:
            code, options = "SLICE", schema().SliceOptionsT()
            given = [begin, [1, columns, *rest]]
        else:
            code, options = "STRIDED_SLICE", schema().StridedSliceOptionsT()
            end = first + (columns - 1) * spread + 1
            given = [begin, [1, end, *rest], [1, spread, *(1 for _ in rest)]]
        self._add(code, [tensor, *map(self._integers, given)], made, options)
        return made

    def _concatenate(self, parts: list[int], whole: int) -> None:
        options = schema().ConcatenationOptionsT()
        options.axis = 1
        self._add("CONCATENATION", parts, whole, options)

    def _add(self, code: str, inputs: list[int], output: int, options: Any) -> None:
        operator = schema().OperatorT()
        operator.opcodeIndex = self._code(code)
        operator.inputs, operator.outputs = inputs, [output]
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema().BuiltinOptions, kind)
        operator.builtinOptions = options
        self._operators.append(operator)

    def _code(self, name: str) -> int:
        wanted = getattr(schema().BuiltinOperator, name)
        for i, known in enumerate(self._model.operatorCodes):
            if max(known.builtinCode, known.deprecatedBuiltinCode) == wanted:
                return i
        made = schema().OperatorCodeT()
        made.builtinCode = wanted
        made.deprecatedBuiltinCode = min(wanted, 127)
        made.version = 2
        self._model.operatorCodes.append(made)
        return len(self._model.operatorCodes) - 1

    def _integers(self, values: list[int]) -> int:
        """A constant int32 vector."""
        buffer = schema().BufferT()
        buffer.data = np.array(values, "<i4").view(np.uint8)
        self._model.buffers.append(buffer)
        tensor = schema().TensorT()
        tensor.name = f"constant{len(self._graph.tensors)}".encode()
        tensor.shape = [len(values)]
        tensor.type = schema().TensorType.INT32
        tensor.buffer = len(self._model.buffers) - 1
        tensor.hasRank = True
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _is_constant(self, tensor: int) -> bool:
        if tensor < 0:
            return True
        buffer = self._model.buffers[self._graph.tensors[tensor].buffer]
        return buffer.data is not None and len(buffer.data) > 0

    def _constant(self, tensor: int) -> Any:
        return np.frombuffer(bytes(self._model.buffers[self._graph.tensors[tensor].buffer].data), "<i4")

    def _shape(self, tensor: int) -> tuple[int, ...]:
        shape = self._graph.tensors[tensor].shape
        return () if shape is None else tuple(int(size) for size in shape)

    def _name(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        return operator_names()[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def _macs(self, operator: Any) -> int:
        shapes = [self._shape(tensor) if tensor >= 0 else (0,) for tensor in operator.inputs]
        return operator_macs(self._name(operator), shapes, self._shape(operator.outputs[0]))

    def _name_ends(self) -> None:
        graph = self._graph
        names = {"inputs": ["frames"], "outputs": ["scores"]}
        for i in range(len(self._states)):
            names["inputs"].append(f"state{i}_in")
            names["outputs"].append(f"state{i}_out")
        for signature in self._model.signatureDefs or []:
            for end, tensors in (("inputs", graph.inputs), ("outputs", graph.outputs)):
                maps = []
                for name, tensor in zip(names[end], tensors):
                    one = schema().TensorMapT()
                    one.name, one.tensorIndex = name.encode(), tensor
                    maps.append(one)
                setattr(signature, end, maps)
