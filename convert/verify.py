"""What an int8 network must keep to get onto a board: gates, each with its figure and its limit."""

import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.bundle import Golden, largest_difference
from neurograsp.edge_runtime.contract.errors import BundleError, CheckFailed
from neurograsp.edge_runtime.contract.run_folder import GateLimits
from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE
from neurograsp.edge_runtime.network_graph import Graph, Tensor, read_graph

OPERATORS = frozenset(
    {
        *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN"),
        *("ADD", "SUB", "MUL", "PAD", "RESHAPE", "CONCATENATION", "SLICE", "STRIDED_SLICE", "TRANSPOSE"),
        *("QUANTIZE", "RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH"),
    }
)
"""In int8 on LiteRT and on TFLite Micro: a network of these runs on both."""

MICRO_BOOKKEEPING = 200_000
"""Bytes, on a 64-bit machine, of what TFLite Micro notes of operators and tensors; plenty."""

SMALLEST_SCALE = 1e-7
"""The converter gives 1e-6 / 127 to a tensor that never differs from 0, which XNNPACK does not run."""


@dataclass(frozen=True)
class Gate:
    """Attributes:
    name: what was looked at.
    passed: whether the network may pass.
    figure: what was found.
    limit: what is allowed.
    remedy: what to do about it.
    """

    name: str
    passed: bool
    figure: str
    limit: str
    remedy: str


@dataclass(frozen=True)
class ModelFacts:
    """The ends of a network, and what it is made of.

    Attributes:
        operators: names of the operators, each once, sorted.
        input_shape: (1, n_time, n_channels, 1).
        input_scale: real value of one step.
        input_zero_point: step of the real value 0.
        output_scale: as for the input.
        output_zero_point: as for the input.
    """

    operators: tuple[str, ...]
    input_shape: tuple[int, ...]
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int


def check_full_int8(blob: bytes) -> ModelFacts:
    """Refuse a model that is not integer throughout.

    Args:
        blob: a `.tflite`.

    Raises:
        CheckFailed: a tensor is no integer, an operator is not builtin, the graph has branches, or the
            input or output is not as `neurograsp.convert.quantize` makes them.
    """
    _open(blob)
    try:
        graph = read_graph(blob, "int8 check")
    except BundleError as error:
        raise CheckFailed(str(error)) from error
    for tensor in _tensors(graph):
        if tensor.kind.startswith(("FLOAT", "BFLOAT")):
            raise CheckFailed(
                f"int8 check: tensor {tensor.name!r} is {tensor.kind.lower()}: put BatchNorm between a "
                "convolution and its ReLU, none after a dense layer"
            )
        if not tensor.kind.startswith(("INT", "UINT")):
            raise CheckFailed(
                f"int8 check: tensor {tensor.name!r} is {tensor.kind.lower()}: leave out what compares or "
                "selects"
            )
        if tensor.scales and not tensor.constant and max(tensor.scales) < SMALLEST_SCALE:
            raise CheckFailed(
                f"int8 check: tensor {tensor.name!r} is 0 for every window: the network has learned nothing "
                "there; train again with a smaller fit.learning_rate or another fit.seed"
            )
    for operator in graph.operators:
        if operator.name.startswith("CUSTOM "):
            raise CheckFailed(
                f"int8 check: operator {operator.name.removeprefix('CUSTOM ')!r} is not a builtin one"
            )
    (entry,), (exit_,) = graph.inputs, graph.outputs
    for end, tensor in (("input", entry), ("output", exit_)):
        if tensor.kind != "INT8":
            raise CheckFailed(f"int8 check: the {end} is {tensor.kind.lower()}, not int8")
    (input_scale,), (input_zero_point,) = entry.scales, entry.zero_points
    if (input_scale, input_zero_point) != (INPUT_SCALE, 0):
        raise CheckFailed(
            f"int8 check: the input has scale {input_scale} and zero point {input_zero_point}, "
            f"not {INPUT_SCALE} and 0"
        )
    (output_scale,), (output_zero_point,) = exit_.scales, exit_.zero_points
    return ModelFacts(
        operators=tuple(sorted({operator.name for operator in graph.operators})),
        input_shape=entry.shape,
        input_scale=input_scale,
        input_zero_point=input_zero_point,
        output_scale=output_scale,
        output_zero_point=output_zero_point,
    )


def structure_gates(blob: bytes, limits: GateLimits) -> list[Gate]:
    """Gates that look at the file alone.

    Args:
        blob: a `.tflite`.
        limits: what is allowed.

    Raises:
        CheckFailed: see `check_full_int8`.
    """
    check_full_int8(blob)
    graph = read_graph(blob, "gates")
    tensors = _tensors(graph)
    odd = sorted({operator.name for operator in graph.operators} - OPERATORS - set(limits.operators))
    return [
        Gate("integers", True, f"no float in {len(tensors)} tensors", "none", ""),
        Gate(
            "operators",
            not odd,
            ", ".join(odd) or f"all {len(graph.operators)} known",
            "only what LiteRT and TFLite Micro both run in int8",
            f"allow them where the board has them: gates.operators={odd}",
        ),
        _at_most("model size", len(blob), limits.model_bytes, "model_bytes"),
        _at_most("arena", graph.arena_bytes, limits.arena_bytes, "arena_bytes"),
    ]


@dataclass(frozen=True)
class Likeness:
    """How like an int8 network is to what it stands for.

    Attributes:
        auc_loss: of the float network's AUC; None where it is not defined.
        agreement, decisions: see `GateLimits`.
        golden: under LiteRT's reference kernels.
        fast: the same under its fast ones.
        recorded: golden windows of recorded counts alone.
    """

    auc_loss: float | None
    agreement: float
    decisions: float
    golden: Golden
    fast: Golden
    recorded: int


def likeness_gates(found: Likeness, limits: GateLimits) -> list[Gate]:
    """Gates that compare the int8 network with what it stands for."""
    steps = largest_difference(found.golden, found.fast)
    alike = decided_alike(found.golden, found.fast, found.recorded)
    return [
        Gate(
            "AUC lost",
            found.auc_loss is None or found.auc_loss <= limits.auc_loss,
            "not defined" if found.auc_loss is None else f"{found.auc_loss:.4f}",
            f"at most {limits.auc_loss:g}",
            "convert with another --method, or allow it: gates.auc_loss",
        ),
        _share("agreement", found.agreement, limits.agreement, "convert with another --method"),
        _share("decisions", found.decisions, limits.decisions, "smooth the decisions more"),
        Gate(
            "kernels",
            steps <= limits.kernel_steps and alike > 0,
            f"golden logits {steps} steps apart, {alike} of {found.recorded} recorded windows decided alike",
            f"at most {limits.kernel_steps} steps, and not another decision at once",
            "convert with another --method",
        ),
    ]


def decided_alike(golden: Golden, fast: Golden, recorded: int) -> int:
    """How many of the first `recorded` windows are decided alike, until the first that is not.

    Where two actions are as probable as each other, a single step decides, and everything after it.
    """
    different = np.flatnonzero(golden.decisions[:recorded] != fast.decisions[:recorded])
    return int(different[0]) if len(different) else recorded


def micro_gate(blob: bytes, golden: Golden, limits: GateLimits) -> Gate:
    """The golden windows on TFLite Micro, where its Python package is installed.

    Bit for bit, but for dense layers: LiteRT rounds their sums once, TFLite Micro twice, and one output in
    some thousand is a step apart.

    Args:
        blob: the int8 `.tflite`.
        golden: what LiteRT's reference kernels make of it.
        limits: what is allowed.
    """
    dense = any(one.name == "FULLY_CONNECTED" for one in read_graph(blob, "gates").operators)
    allowed = limits.kernel_steps if dense else 0
    name, limit = "TFLite Micro", f"at most {allowed} steps"
    if importlib.util.find_spec("tflite_micro") is None:
        return Gate(name, True, "not looked at: pip install --pre tflite-micro", limit, "")
    try:
        found = _on_micro(blob, golden.windows)
    except (RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Gate(name, False, f"does not run ({reason})", limit, "take other layers")
    steps = np.abs(found.astype(int) - golden.logits).max(axis=1)
    figure = f"golden logits {steps.max()} steps apart, {(steps == 0).sum()} of {len(steps)} windows alike"
    return Gate(name, bool(steps.max() <= allowed), figure, limit, "convert with another --method")


def _on_micro(blob: bytes, windows: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """(n, n_actions) logits."""
    graph = read_graph(blob, "TFLite Micro")
    (entry,) = graph.inputs
    runtime = importlib.import_module("tflite_micro").runtime
    arena = 2 * graph.arena_bytes + len(blob) + MICRO_BOOKKEEPING
    interpreter = runtime.Interpreter.from_bytes(blob, arena_size=arena)
    logits = []
    for window in windows:
        # A recurrent operator keeps its state from call to call.
        interpreter.reset()
        interpreter.set_input(window.reshape(entry.shape), 0)
        interpreter.invoke()
        logits.append(interpreter.get_output(0).reshape(-1).copy())
    return np.stack(logits)


def closed(gates: Iterable[Gate]) -> str:
    """The closed gates, each with its figure, limit and remedy; empty where all are passed."""
    return "; ".join(
        f"{gate.name}: {gate.figure}, not {gate.limit} ({gate.remedy})" for gate in gates if not gate.passed
    )


def _at_most(name: str, size: int, limit: int, key: str) -> Gate:
    return Gate(
        name,
        size <= limit,
        f"{size / 1000:.1f} kB",
        f"at most {limit / 1000:.1f} kB",
        f"take fewer filters or a shorter window, or allow it: gates.{key}",
    )


def _share(name: str, found: float, limit: float, remedy: str) -> Gate:
    return Gate(
        name,
        found >= limit,
        f"{found:.2%} alike",
        f"at least {limit:.4g} alike",
        f"{remedy}, or allow it: gates.{name}",
    )


def _tensors(graph: Graph) -> list[Tensor]:
    """All that an operator reads or writes."""
    found = {one.index: one for op in graph.operators for one in (*op.inputs, *op.outputs)}
    found |= {one.index: one for one in (*graph.inputs, *graph.outputs)}
    return list(found.values())


def _open(blob: bytes) -> None:
    litert: Any = importlib.import_module("ai_edge_litert.interpreter")
    try:
        interpreter = litert.Interpreter(
            model_content=blob,
            num_threads=1,
            experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise CheckFailed(f"LiteRT cannot open the network: {str(error).splitlines()[0]}") from error
