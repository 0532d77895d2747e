"""What the decoders listen to, as patterns over the electrodes.

A weight says how a channel is used, not where a signal comes from: a channel may be weighted only to
cancel noise in another. The pattern of a linear filter does.

Source: Haufe, S. et al. On the interpretation of weight vectors of linear models in multivariate
neuroimaging. NeuroImage 87, 96-110 (2014), doi:10.1016/j.neuroimage.2013.10.067.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.signal_spec import SignalSpec, SpatialStage
from neurograsp.train.models.filterbank_linear import (
    CORNERS_HZ,
    FilterbankLinear,
    features,
    filter_matrices,
)

Float = npt.NDArray[np.float64]
Scorer = Callable[[npt.NDArray[np.int8]], Float]

ROUNDED = 1e-6
"""Singular values under this share of the largest are what Q30 rounding leaves of zeros."""

MOST_REMOVED_FROM = 48
"""Windows that each filter's part is taken out of, to see what it does to the scores."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """Attributes:
    title: what it is of.
    values: (n_channels,) at the electrodes, of any unit and, of a network's filter, of any sign.
    """

    title: str
    values: Float


def patterns(x: Float, weights: Float) -> Float:
    """Cov(x) W Cov(s)^-1 with s = x W; the pseudo-inverse where outputs depend on each other.

    Args:
        x: (n, n_inputs).
        weights: (n_inputs, n_outputs), a filter a column.

    Returns:
        (n_inputs, n_outputs), a pattern a column.
    """
    covariance = np.atleast_2d(np.cov(x, rowvar=False))
    with_outputs = covariance @ weights
    inverse = np.linalg.pinv(weights.T @ with_outputs, hermitian=True)
    result: Float = with_outputs @ inverse
    return result


def to_electrodes(signal: SignalSpec) -> Float:
    """(n_channels, n_channels) that takes patterns over a network's inputs to the electrodes, in counts.

    It undoes mixing and scale; of what the mixing removed (such as the mean of all) nothing comes back.
    """
    matrix = np.eye(len(signal.channels))
    for stage in signal.stages:
        if isinstance(stage, SpatialStage):
            matrix = np.array(stage.weights, np.float64) / 2**30 @ matrix
    gain = np.array(signal.scale.multiplier) / 2.0 ** np.array(signal.scale.shift)
    return np.asarray(np.linalg.pinv(gain[:, None] * matrix, rcond=ROUNDED), np.float64)


def network_filters(blob: bytes, n_channels: int) -> Float | None:
    """Spatial filters of a float network whose first layer weighs all channels of one frame.

    Args:
        blob: a `.tflite` with float32 weights.
        n_channels: of its input.

    Returns:
        (n_channels, n_filters), None for a network without such a layer.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=blob, num_threads=1)
    for tensor in interpreter.get_tensor_details():
        shape = tuple(tensor["shape"])
        if len(shape) == 4 and shape[1:] == (1, n_channels, 1) and tensor["dtype"] is np.float32:
            weights: Float = interpreter.get_tensor(tensor["index"]).reshape(-1, n_channels).T
            return weights.astype(np.float64)
    return None


def of_network(
    blob: bytes, scorer: Scorer, windows: npt.NDArray[np.int8], signal: SignalSpec, most: int
) -> list[Pattern]:
    """The spatial filters of a network that its scores depend on most.

    That is how far the logits move, on average, when the filter's part is taken out of the windows.

    Args:
        blob: the float network.
        scorer: windows (n, window, n_channels) to its logits.
        windows: to fit the patterns to.
        signal: of the bundle.
        most: so many filters at most.

    Returns:
        the filters, the most important one first; empty for a network without such a layer.
    """
    n_channels = len(signal.channels)
    weights = network_filters(blob, n_channels)
    if weights is None or not len(windows):
        return []
    frames = windows.reshape(-1, n_channels).astype(np.float64)
    found = patterns(frames, weights)
    some = windows[:: -(-len(windows) // MOST_REMOVED_FROM)]
    whole = scorer(some)
    moved = []
    for filter_, pattern in zip(weights.T, found.T):
        without = some - (some @ filter_)[..., None] * pattern
        moved.append(np.abs(scorer(np.clip(np.rint(without), -128, 127).astype(np.int8)) - whole).mean())
    back = to_electrodes(signal)
    order = np.argsort(-np.array(moved), kind="stable")[:most]
    return [Pattern(f"filter {index + 1}: {moved[index]:.2f}", back @ found[:, index]) for index in order]


def of_baseline(linear: FilterbankLinear, windows: npt.NDArray[np.int8], signal: SignalSpec) -> list[Pattern]:
    """Of each action the strongest pattern of the linear baseline.

    A feature of one kind has a value a channel; of each action the kind is shown whose features follow the
    action's score most closely (sum over the channels of the squared correlation).

    Args:
        linear: of the bundle.
        windows: (n, window, n_channels) to fit the patterns to.
        signal: of the bundle.
    """
    if len(windows) < 2 or len(linear.responses) > len(CORNERS_HZ):
        return []
    n_channels, n_filters = len(signal.channels), len(linear.responses)
    matrices = filter_matrices(linear.responses)
    x = np.concatenate([features(windows[at : at + 256], matrices) for at in range(0, len(windows), 256)])
    spread = np.maximum(x.std(axis=0), np.finfo(np.float64).tiny)
    found = patterns(x, linear.weights)
    corners = [f"{corner:g}" for corner in CORNERS_HZ[:n_filters]]
    kinds = [f"under {corner} Hz" for corner in corners]
    kinds += [f"power {low}-{high} Hz" for low, high in pairwise(corners)] + ["mean size", "mean change"]
    back = to_electrodes(signal)
    result = []
    for name, pattern in zip(signal.actions.names, found.T):
        strength = np.square((pattern / spread).reshape(-1, n_channels)).sum(axis=1)
        kind = int(strength.argmax())
        values = pattern.reshape(-1, n_channels)[kind]
        # Only what is linear in the signal can be taken back through its mixing.
        result.append(Pattern(f"{name}\n{kinds[kind]}", back @ values if kind < n_filters else values))
    return result
