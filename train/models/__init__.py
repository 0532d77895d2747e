"""The networks by name. Nothing here loads TensorFlow until a network is built.

Every network takes windows (n_time, n_channels, 1) of real values `q / 16` and gives logits
(n_actions,). `filterbank_linear` is no Keras model: see its module.
"""

import difflib
import importlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_origin

from neurograsp.edge_runtime.contract.errors import ConfigError

NETWORKS = ("article_cnn", "article_lstm", "band_power", "committee", "eegnet", "temporal_context")
"""Names for `build`; each is a module of this package."""


@dataclass(frozen=True)
class NetworkSummary:
    """Size of a network.

    Attributes:
        name: name of the Keras model.
        parameters: weights, those of batch normalization included.
        macs: multiply-accumulates of convolutions, dense and recurrent layers for one window.
    """

    name: str
    parameters: int
    macs: int


def build(
    name: str, n_time: int, n_channels: int, n_actions: int, /, *, seed: int = 0, **options: object
) -> Any:
    """Build an untrained network.

    Args:
        name: one of `NETWORKS`.
        n_time: frames a window.
        n_channels: channels a frame.
        n_actions: logits.
        seed: of the initial weights and of dropout; sets the global generators.
        options: keyword-only arguments of the network's own `build`.

    Returns:
        A `tf_keras.Model` from (n, n_time, n_channels, 1) float32 to logits (n, n_actions).

    Raises:
        ConfigError: the name or an option is unknown, or the window is too small for the network.
        MissingExtra: TensorFlow is not installed.
    """
    require_known("network", name, NETWORKS)
    from neurograsp.train.models._keras import keras

    keras.utils.set_random_seed(seed)
    return assemble(name, n_time, n_channels, n_actions, options)


def assemble(name: str, n_time: int, n_channels: int, n_actions: int, options: Mapping[str, object]) -> Any:
    """`build` without a seed: the initial weights are the next ones of the global generators."""
    require_known("network", name, NETWORKS)
    module = importlib.import_module(f"{__name__}.{name}")
    parameters = inspect.signature(module.build).parameters.values()
    kinds = {p.name: p.annotation for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    for option, value in options.items():
        require_known(f"option of {name}", option, kinds)
        kind = list if get_origin(kinds[option]) is list else kinds[option]
        kind = int | float if kind is float else kind
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigError(f"network.options: {option} is {value!r:.40}, {name} wants {kind}")
    try:
        return module.build(n_time, n_channels, n_actions, **options)
    except (TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ConfigError(f"network.options: {name} cannot be built: {reason:.200}") from error


def summarise(model: Any) -> NetworkSummary:
    """Count the weights and the multiply-accumulates of a Keras model.

    Args:
        model: a built `tf_keras.Model`.
    """
    return NetworkSummary(model.name, model.count_params(), sum(_macs(layer) for layer in model.layers))


def _macs(layer: Any) -> int:
    kind = type(layer).__name__
    if kind == "LSTM":
        kernels = layer.cell.kernel, layer.cell.recurrent_kernel
        return int(layer.input_shape[1] * sum(kernel.shape.num_elements() for kernel in kernels))
    if kind not in ("Conv2D", "DepthwiseConv2D", "Dense"):
        return 0
    kernel = layer.depthwise_kernel if kind == "DepthwiseConv2D" else layer.kernel
    positions = 1 if kind == "Dense" else layer.output_shape[1] * layer.output_shape[2]
    return int(positions * kernel.shape.num_elements())


def require_known(what: str, name: str, known: Iterable[str]) -> None:
    known = list(known)
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"
    raise ConfigError(f"unknown {what} {name!r}: {hint}")
