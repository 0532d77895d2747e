"""How much noise quantization adds, operator by operator: where an int8 network loses what it loses."""

import importlib
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE
from neurograsp.edge_runtime.network_graph import Operator, Tensor, read_graph

WINDOWS = 64
MOVES_ONLY = frozenset({"QUANTIZE", "DEQUANTIZE", "RESHAPE", "PAD"})
"""Operators of which the int8 network may have others than the float one."""


@dataclass(frozen=True)
class LayerNoise:
    """Attributes:
    operator: name.
    shape: of its output.
    sqnr_db: power of what the float network gives over that of the int8 network's difference from it.
    """

    operator: str
    shape: tuple[int, ...]
    sqnr_db: float


def layer_noise(whole: bytes, floating: bytes, windows: npt.NDArray[np.int8]) -> list[LayerNoise]:
    """Signal-to-quantization-noise ratio after each operator, accumulated from the input on.

    Args:
        whole: the int8 `.tflite`.
        floating: the float one of the same weights.
        windows: (n, n_time, n_channels) int8; the first `WINDOWS` are run.

    Returns:
        in the order of running; empty where the two networks do not have the same operators.
    """
    ours, theirs = _Probe(whole), _Probe(floating)
    if ours.made_of != theirs.made_of:
        return []
    signal = np.zeros(len(ours.tensors))
    noise = np.zeros(len(ours.tensors))
    for window in windows[:WINDOWS]:
        for i, (found, wanted) in enumerate(zip(ours.run(window), theirs.run(window))):
            signal[i] += np.square(wanted).sum()
            noise[i] += np.square(found - wanted).sum()
    return [
        LayerNoise(name, shape, _decibels(power, error))
        for (name, shape), power, error in zip(ours.made_of, signal, noise)
    ]


class _Probe:
    """A network whose inner tensors can be looked at."""

    def __init__(self, blob: bytes) -> None:
        litert: Any = importlib.import_module("ai_edge_litert.interpreter")
        with warnings.catch_warnings():
            # That it takes memory.
            warnings.filterwarnings("ignore", "Warning: Enabling `experimental_preserve_all_tensors`")
            self._interpreter = litert.Interpreter(
                model_content=blob,
                num_threads=1,
                experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
                experimental_preserve_all_tensors=True,
            )
        self._interpreter.allocate_tensors()
        graph = read_graph(blob, "layer noise")
        (self._input,) = graph.inputs
        computing: list[Operator] = [one for one in graph.operators if one.name not in MOVES_ONLY]
        self.tensors: list[Tensor] = [one.outputs[0] for one in computing]
        self.made_of = [(one.name, one.outputs[0].shape) for one in computing]

    def run(self, window: npt.NDArray[np.int8]) -> list[npt.NDArray[np.float64]]:
        """Real values of every operator's output."""
        given = window if self._input.kind == "INT8" else window.astype(np.float32) * INPUT_SCALE
        self._interpreter.reset_all_variables()
        self._interpreter.set_tensor(self._input.index, given.reshape(self._input.shape))
        self._interpreter.invoke()
        return [_real(one, self._interpreter.get_tensor(one.index)) for one in self.tensors]


def _real(tensor: Tensor, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    real = values.astype(np.float64)
    if not tensor.scales:
        return real
    return (real - tensor.zero_points[0]) * tensor.scales[0]


def _decibels(signal: float, noise: float) -> float:
    if not noise:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
