"""Integers that LiteRT computes from scales when it loads a network.

After internal/quantization_util.cc and kernel_util.cc in tensorflow/lite/kernels: scales are float32, and
what is computed from them is float64.
"""

import math

import numpy as np

from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.network_graph import Tensor, schema

INT8 = (-128, 127)


def multiplier(real: float) -> tuple[int, int]:
    """A factor as a Q31 integer and a shift to the left: real = integer / 2^31 * 2^shift.

    Raises:
        CheckFailed: it is not finite, or beyond 2^30: no sum of int8 products wants that.
    """
    if not (math.isfinite(real) and 0 <= real < 2**30):
        raise CheckFailed(f"C: a scale is {real:g} times another; convert the run again")
    mantissa, shift = math.frexp(real)
    fixed = math.floor(mantissa * 2**31 + 0.5)
    if fixed == 2**31:
        fixed, shift = fixed // 2, shift + 1
    return (fixed, shift) if shift >= -31 else (0, 0)


def divided(factor: tuple[int, int], n: int) -> tuple[int, int]:
    """A factor by n, as tensorflow/lite/kernels/internal/reference/reduce.h does it for a mean."""
    fixed, shift = factor
    finer = min(n.bit_length() - 1, 32, 31 + shift)
    return (fixed << finer) // n, shift - finer


def output_range(activation: int, output: Tensor) -> tuple[int, int]:
    """Smallest and largest step that an operator's fused activation lets through.

    Args:
        activation: of the schema's ActivationFunctionType.
        output: the operator's.

    Raises:
        CheckFailed: an activation without int8 form.
    """
    kinds = schema().ActivationFunctionType
    limits = {
        kinds.NONE: (None, None),
        kinds.RELU: (0, None),
        kinds.RELU6: (0, 6),
        kinds.RELU_N1_TO_1: (-1, 1),
    }
    if activation not in limits:
        raise CheckFailed(f"C: activation {activation} after {output.name!r}: take ReLU")

    def step(real: int | None, otherwise: int) -> int:
        if real is None:
            return otherwise
        scaled = float(np.float32(real) / np.float32(output.scales[0]))
        away_from_zero = math.copysign(math.floor(abs(scaled) + 0.5), scaled)
        return output.zero_points[0] + int(away_from_zero)

    low, high = limits[activation]
    return max(INT8[0], step(low, INT8[0])), min(INT8[1], step(high, INT8[1]))
