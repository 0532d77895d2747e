"""An int8 `.tflite` as C: its weights, where its tensors lie in memory, and a call for every operator.

The layers themselves are `src/ng_layers.c`. Operators that look at one value at a time become tables of what
LiteRT itself gives for each of the 256.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.convert.c_target.c_text import GENERATED, array, defines, header, structure
from neurograsp.convert.c_target.memory_plan import Need, plan
from neurograsp.convert.c_target.quantized import divided, multiplier, output_range
from neurograsp.convert.c_target.value_table import value_table
from neurograsp.edge_runtime.classifier import interpreter
from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.network_graph import Shape, Tensor, operator_names, read_graph, schema

TABLES = frozenset({"QUANTIZE", "RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH"})
CONVOLUTIONS = {"CONV_2D": "ng_conv", "DEPTHWISE_CONV_2D": "ng_depthwise_conv"}
POOLS = {"AVERAGE_POOL_2D": "ng_average_pool", "MAX_POOL_2D": "ng_max_pool"}
IMAGES = {*CONVOLUTIONS, *POOLS, "PAD"}
ADD_BITS = 20
"""The terms of a sum are finer than int8 by so many bits."""


@dataclass(frozen=True)
class NetworkInC:
    """Attributes:
    files: `ng_network.h` and `ng_network.c`.
    constant_bytes: weights, biases, multipliers and tables.
    arena_bytes: tensors.
    state_bytes: what is carried from hop to hop.
    """

    files: dict[str, str]
    constant_bytes: int
    arena_bytes: int
    state_bytes: int


def network_in_c(blob: bytes) -> NetworkInC:
    """Write a network as C.

    Args:
        blob: an int8 `.tflite` of frames to logits; behind them as many states on both sides, or none.

    Raises:
        CheckFailed: an operator, or a use of one, that has no C here; a tensor that LiteRT has otherwise.
    """
    return _Writer(blob).written()


class _Writer:
    def __init__(self, blob: bytes) -> None:
        graph = read_graph(blob, "C")
        self._model = schema().ModelT.InitFromObj(schema().Model.GetRootAs(blob))
        self._operators = self._model.subgraphs[0].operators
        ends = (*graph.inputs, *graph.outputs)
        used = (one for operator in graph.operators for one in (*operator.inputs, *operator.outputs))
        self._tensors = {one.index: one for one in (*ends, *used)}
        self._compare_with_litert(blob)
        self._frames, *self._old = (one.index for one in graph.inputs)
        self._logits, *self._new = (one.index for one in graph.outputs)
        self._same: dict[int, int] = {}
        self._places: dict[int, tuple[str, int]] = {}
        self._definitions: list[str] = []
        self._calls: list[str] = []
        self._constant_bytes = 0

    def _compare_with_litert(self, blob: bytes) -> None:
        """The file may say what it likes of its shapes: LiteRT works them out anew, C would believe it."""
        made = interpreter(blob, "C", reference_kernels=True)
        found = {one["index"]: tuple(map(int, one["shape"])) for one in made.get_tensor_details()}
        for index, tensor in self._tensors.items():
            if found.get(index) != tensor.shape:
                raise CheckFailed(
                    f"C: tensor {index} is {tensor.shape} in the file, {found.get(index)} in LiteRT"
                )

    def written(self) -> NetworkInC:
        self._share_reshaped()
        arena = self._lay_out()
        for number, operator in enumerate(self._operators):
            self._write(number, operator)
        states = sum(self._tensor(one).size for one in self._old)
        facts: dict[str, int | str] = {
            "NG_NETWORK_FRAMES": self._tensor(self._frames).shape[1],
            "NG_NETWORK_ARENA_BYTES": arena,
            "NG_NETWORK_STATE_BYTES": states,
            "NG_NETWORK_CONSTANT_BYTES": self._constant_bytes,
            "NG_LOGIT_ZERO_POINT": self._tensor(self._logits).zero_points[0],
            "NG_LOGIT_SCALE": f"{self._tensor(self._logits).scales[0]!r}",
        }
        files = {
            "ng_network.h": header("ng_network.h", _DECLARATIONS + defines(facts)),
            "ng_network.c": self._source(),
        }
        return NetworkInC(files, self._constant_bytes, arena, states)

    def _source(self) -> str:
        states = [f"static int8_t state{i}[{self._tensor(one).size}];\n" for i, one in enumerate(self._old)]
        forget = [
            f"    memset(state{i}, {self._tensor(one).zero_points[0]}, sizeof state{i});\n"
            for i, one in enumerate(self._old)
        ]
        keep = [
            f"    memcpy(state{i}, {self._place(one)}, sizeof state{i});\n" for i, one in enumerate(self._new)
        ]
        n_logits = self._tensor(self._logits).size
        return "\n".join(
            [
                GENERATED,
                '#include "ng_network.h"\n\n#include <string.h>\n\n#include "ng_layers.h"\n',
                "static int8_t arena[NG_NETWORK_ARENA_BYTES];\n" + "".join(states),
                *self._definitions,
                "void ng_network_reset(void)\n{\n" + "".join(forget) + "}\n",
                "void ng_network_run(const int8_t *frames, int8_t *logits)\n{\n"
                + "".join(f"    {call};\n" for call in self._calls)
                + f"    memcpy(logits, {self._place(self._logits)}, {n_logits});\n"
                + "".join(keep)
                + "}\n",
            ]
        )

    def _share_reshaped(self) -> None:
        """A reshaped tensor is the same bytes."""
        for operator in self._operators:
            if self._name(operator) == "RESHAPE":
                source, target = operator.inputs[0], operator.outputs[0]
                self._same[target] = self._same.get(source, source)

    def _lay_out(self) -> int:
        """Give every tensor its place; bytes of the arena."""
        needs: dict[int, Need] = {}
        for step, operator in enumerate(self._operators):
            for index in (*operator.inputs, *operator.outputs):
                if index >= 0 and not self._tensor(index).constant:
                    root = self._same.get(index, index)
                    first = needs[root].first if root in needs else step
                    needs[root] = Need(root, self._tensor(root).size, first, step)
        for one in (self._logits, *self._new):
            root = self._same.get(one, one)
            if root in needs:
                needs[root] = Need(root, needs[root].size, needs[root].first, len(self._operators))
        outside = {self._frames: "frames", **{one: f"state{i}" for i, one in enumerate(self._old)}}
        offsets, size = plan(need for root, need in needs.items() if root not in outside)
        self._places = {root: (name, 0) for root, name in outside.items()}
        self._places |= {root: ("arena", offset) for root, offset in offsets.items()}
        return max(size, 1)

    def _write(self, number: int, operator: Any) -> None:
        name = self._name(operator)
        if name == "RESHAPE":
            return
        for one in map(self._tensor, (*operator.inputs[:1], *operator.outputs)):
            if one.kind != "INT8" or len(one.scales) != 1 or len(one.zero_points) != 1:
                raise CheckFailed(f"C: {name}: tensor {one.index} is not int8 of one scale")
            if name in IMAGES and (len(one.shape) != 4 or one.shape[0] != 1):
                raise CheckFailed(f"C: {name}: tensor {one.index} is {one.shape}, not one image")
        layer = f"layer{number}"
        if name in TABLES:
            table = value_table(self._model, operator)
            self._constant(layer, table)
            self._call("ng_lookup", layer, self._tensor(operator.outputs[0]).size, *self._ends(operator))
        elif name in CONVOLUTIONS:
            self._slide(layer, operator, self._tensor(operator.inputs[1]).shape[1:3])
            self._weights(layer, operator)
            self._call(CONVOLUTIONS[name], f"&{layer}", f"&{layer}_weights", *self._ends(operator))
        elif name in POOLS:
            options = operator.builtinOptions
            self._slide(layer, operator, (options.filterHeight, options.filterWidth))
            self._call(POOLS[name], f"&{layer}", *self._ends(operator))
        else:
            writer = {
                "FULLY_CONNECTED": self._dense,
                "MEAN": self._mean,
                "PAD": self._pad,
                "ADD": self._add,
                "CONCATENATION": self._concatenate,
                "SLICE": self._slice,
                "STRIDED_SLICE": self._slice,
            }.get(name)
            if writer is None:
                raise CheckFailed(
                    f"C: there is no {name} among the layers in C; build the network without it, or use the "
                    "bundle's .tflite with TFLite Micro"
                )
            writer(layer, operator)

    def _slide(self, layer: str, operator: Any, kernel: Shape) -> None:
        options, name = operator.builtinOptions, self._name(operator)
        source, target = self._tensor(operator.inputs[0]), self._tensor(operator.outputs[0])
        if name in POOLS and (source.scales, source.zero_points) != (target.scales, target.zero_points):
            raise CheckFailed(f"C: {name} between scales {source.scales} and {target.scales}")
        strides = (options.strideH, options.strideW)
        dilations = (1, 1) if name in POOLS else (options.dilationHFactor, options.dilationWFactor)
        padded = options.padding == schema().Padding.SAME
        pads = [
            max((n_out - 1) * stride + (size - 1) * dilation + 1 - n_in, 0) // 2 if padded else 0
            for n_in, n_out, stride, size, dilation in zip(
                source.shape[1:3], target.shape[1:3], strides, kernel, dilations, strict=True
            )
        ]
        low, high = output_range(options.fusedActivationFunction, target)
        members = {
            **_pixels("in", source),
            **_pixels("out", target),
            **_pair("kernel", kernel),
            **_pair("stride", strides),
            **_pair("dilation", dilations),
            **_pair("pad", pads),
            "low": low,
            "high": high,
        }
        self._definitions.append(structure("ng_slide", layer, members))

    def _weights(self, layer: str, operator: Any) -> None:
        """Weights, biases and multipliers of an operator that sums products."""
        source, weights = (self._tensor(index) for index in operator.inputs[:2])
        target = self._tensor(operator.outputs[0])
        if weights.kind != "INT8" or not weights.constant or any(weights.zero_points):
            raise CheckFailed(f"C: {self._name(operator)}: its weights are not int8 constants about 0")
        n, n_scales = target.shape[-1], len(weights.scales)
        if self._name(operator) == "CONV_2D" and weights.shape[3] != source.shape[3]:
            raise CheckFailed(
                f"C: CONV_2D in groups: weights of {weights.shape} for {source.shape}; write it as one"
            )
        if n_scales not in (1, n):
            raise CheckFailed(f"C: {self._name(operator)}: {n_scales} scales for {n} channels")
        scales = weights.scales * (n // n_scales)
        factors = [multiplier(source.scales[0] * scale / target.scales[0]) for scale in scales]
        has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
        bias = self._data(operator.inputs[2], "<i4") if has_bias else np.zeros(n, "<i4")
        arrays = {
            "values": self._data(operator.inputs[1], "<i1"),
            "bias": bias.astype(np.int32),
            "multiplier": np.array([fixed for fixed, _ in factors], np.int32),
            "shift": np.array([shift for _, shift in factors], np.int8),
        }
        for name, values in arrays.items():
            self._constant(f"{layer}_{name}", values)
        members: dict[str, int | str] = {
            "in_zero": source.zero_points[0],
            "out_zero": target.zero_points[0],
            "weights": f"{layer}_values",
            **{name: f"{layer}_{name}" for name in ("bias", "multiplier", "shift")},
        }
        self._definitions.append(structure("ng_weights", f"{layer}_weights", members))

    def _dense(self, layer: str, operator: Any) -> None:
        n_out, n_in = self._tensor(operator.inputs[1]).shape
        target = self._tensor(operator.outputs[0])
        source = self._tensor(operator.inputs[0])
        if (source.size, target.size) != (n_in, n_out):
            raise CheckFailed(f"C: FULLY_CONNECTED of {source.shape} to {target.shape}: only of one row")
        low, high = output_range(operator.builtinOptions.fusedActivationFunction, target)
        self._weights(layer, operator)
        self._call("ng_dense", n_in, n_out, low, high, f"&{layer}_weights", *self._ends(operator))

    def _mean(self, layer: str, operator: Any) -> None:
        source, target = self._tensor(operator.inputs[0]), self._tensor(operator.outputs[0])
        axes = sorted(axis % len(source.shape) for axis in self._data(operator.inputs[1], "<i4"))
        if source.shape[0] != 1 or axes != list(range(1, len(source.shape) - 1)):
            raise CheckFailed(f"C: MEAN of {source.shape} over axes {axes}: only over all of an image")
        n = math.prod(source.shape[1:-1])
        fixed, shift = divided(multiplier(source.scales[0] / target.scales[0]), n)
        members: dict[str, int | str] = {
            "n": n,
            "channels": source.shape[-1],
            "in_zero": source.zero_points[0],
            "out_zero": target.zero_points[0],
            "multiplier": fixed,
            "shift": shift,
        }
        self._definitions.append(structure("ng_average", layer, members))
        self._call("ng_mean", f"&{layer}", *self._ends(operator))

    def _pad(self, layer: str, operator: Any) -> None:
        source, target = self._tensor(operator.inputs[0]), self._tensor(operator.outputs[0])
        around = self._data(operator.inputs[1], "<i4").reshape(-1, 2)
        if len(around) != 4 or around[[0, 3]].any() or around.min() < 0:
            raise CheckFailed(f"C: PAD of {source.shape} elsewhere than around an image")
        members: dict[str, int | str] = {
            **{f"in_{axis}": size for axis, size in zip("hw", source.shape[1:3])},
            "depth": source.shape[3],
            **{f"out_{axis}": size for axis, size in zip("hw", target.shape[1:3])},
            "above": int(around[1, 0]),
            "left": int(around[2, 0]),
            "value": target.zero_points[0],
        }
        self._definitions.append(structure("ng_border", layer, members))
        self._call("ng_pad", f"&{layer}", *self._ends(operator))

    def _add(self, layer: str, operator: Any) -> None:
        first, second = (self._tensor(index) for index in operator.inputs)
        target = self._tensor(operator.outputs[0])
        if (second.kind, len(second.scales), len(second.zero_points)) != ("INT8", 1, 1):
            raise CheckFailed(f"C: ADD: tensor {second.index} is not int8 of one scale")
        if first.shape != second.shape or first.constant or second.constant:
            raise CheckFailed(f"C: ADD of {first.shape} and {second.shape}: only of two tensors of one shape")
        common = 2 * max(first.scales[0], second.scales[0])
        terms = [multiplier(one.scales[0] / common) for one in (first, second)]
        out_multiplier, out_shift = multiplier(common / (2**ADD_BITS * target.scales[0]))
        low, high = output_range(operator.builtinOptions.fusedActivationFunction, target)
        members: dict[str, int | str] = {
            "zero": f"{{{first.zero_points[0]}, {second.zero_points[0]}}}",
            "multiplier": f"{{{terms[0][0]}, {terms[1][0]}}}",
            "shift": f"{{{terms[0][1]}, {terms[1][1]}}}",
            "out_zero": target.zero_points[0],
            "out_multiplier": out_multiplier,
            "out_shift": out_shift,
            "left": ADD_BITS,
            "low": low,
            "high": high,
        }
        self._definitions.append(structure("ng_sum", layer, members))
        places = [self._place(index) for index in (*operator.inputs, *operator.outputs)]
        self._call("ng_add", f"&{layer}", target.size, *places)

    def _concatenate(self, layer: str, operator: Any) -> None:
        target = self._tensor(operator.outputs[0])
        axis = operator.builtinOptions.axis % len(target.shape)
        blocks, row = math.prod(target.shape[:axis]), math.prod(target.shape[axis:])
        done = 0
        for index in operator.inputs:
            size = math.prod(self._tensor(index).shape[axis:])
            self._call(
                "ng_copy", blocks, size, size, row, self._place(index), self._place(operator.outputs[0], done)
            )
            done += size

    def _slice(self, layer: str, operator: Any) -> None:
        """Of one axis alone."""
        source, target = self._tensor(operator.inputs[0]), self._tensor(operator.outputs[0])
        begin = self._data(operator.inputs[1], "<i4")
        steps = np.ones(len(begin), int)
        if self._name(operator) == "STRIDED_SLICE":
            steps = self._data(operator.inputs[3], "<i4")
            options = operator.builtinOptions
            masks = (options.beginMask, options.endMask, options.ellipsisMask, options.newAxisMask)
            if any((*masks, options.shrinkAxisMask)):
                raise CheckFailed("C: STRIDED_SLICE with masks")
        cut = [
            axis for axis, size in enumerate(source.shape) if (target.shape[axis], steps[axis]) != (size, 1)
        ]
        if len(cut) != 1 or math.prod(source.shape[: cut[0]]) != 1:
            raise CheckFailed(f"C: {self._name(operator)} of {source.shape} to {target.shape}: only of time")
        row = math.prod(source.shape[cut[0] + 1 :])
        first, step, n = int(begin[cut[0]]), int(steps[cut[0]]), target.shape[cut[0]]
        if first < 0 or step < 1 or first + (n - 1) * step >= source.shape[cut[0]]:
            raise CheckFailed(f"C: {self._name(operator)} of {n} from {first} by {step} of {source.shape}")
        places = self._place(operator.inputs[0], first * row), self._place(operator.outputs[0])
        self._call("ng_copy", n, row, step * row, row, *places)

    def _constant(self, name: str, values: npt.NDArray[Any]) -> None:
        self._definitions.append(array(name, values))
        self._constant_bytes += values.nbytes

    def _call(self, function: str, *arguments: int | str) -> None:
        self._calls.append(f"{function}({', '.join(map(str, arguments))})")

    def _ends(self, operator: Any) -> tuple[str, str]:
        return self._place(operator.inputs[0]), self._place(operator.outputs[0])

    def _place(self, index: int, further: int = 0) -> str:
        """Where a tensor lies, or a byte of it."""
        root = self._same.get(index, index)
        if root not in self._places:
            raise CheckFailed(f"C: {self._tensor(index).name!r} is a constant where a tensor is needed")
        base, offset = self._places[root]
        return f"{base} + {offset + further}" if offset + further else base

    def _name(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        return operator_names()[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def _tensor(self, index: int) -> Tensor:
        return self._tensors[index]

    def _data(self, index: int, dtype: str) -> npt.NDArray[Any]:
        buffer = self._model.buffers[self._model.subgraphs[0].tensors[index].buffer]
        return np.frombuffer(bytes(buffer.data), dtype)


_DECLARATIONS = """#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Forget all frames: at the start and at a gap. */
void ng_network_reset(void);

/* frames [NG_NETWORK_FRAMES][NG_CHANNELS] of the filter, the newest last; real logit =
 * (logits[i] - NG_LOGIT_ZERO_POINT) * NG_LOGIT_SCALE. */
void ng_network_run(const int8_t *frames, int8_t *logits);

#ifdef __cplusplus
}
#endif

"""


def _pixels(prefix: str, tensor: Tensor) -> dict[str, int | str]:
    return {f"{prefix}_{axis}": size for axis, size in zip("hwc", tensor.shape[1:], strict=True)}


def _pair(name: str, sizes: Any) -> dict[str, int | str]:
    return {f"{name}_{axis}": int(size) for axis, size in zip("hw", sizes, strict=True)}
