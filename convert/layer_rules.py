"""Layers that do not become int8 throughout, each with what to write for it."""

from typing import Any

from neurograsp.edge_runtime.contract.errors import ConfigError

CONVOLUTIONS = frozenset({"Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D"})
SEPARABLE = frozenset({"SeparableConv1D", "SeparableConv2D"})
ACTIVATIONS = frozenset({"ReLU", "Activation", "LeakyReLU", "ELU", "PReLU"})
NO_INT8 = frozenset({"elu", "selu", "gelu", "swish", "softplus", "softsign", "mish", "exponential"})
"""Activations without an int8 kernel."""


def check_layers(model: Any, where: str) -> None:
    """Refuse a network that would not become int8 throughout, or would lose by it.

    Args:
        model: a Keras network.
        where: names it in errors.

    Raises:
        ConfigError: the first layer that breaks a rule, the rule, and what to write instead.
    """
    for layer in model.layers:
        broken = _broken_rule(layer)
        if broken is not None:
            raise ConfigError(f"{where}: layer {layer.name!r}: {broken}")


def _broken_rule(layer: Any) -> str | None:
    """The rule that a layer breaks, and what to write instead."""
    kind = type(layer).__name__
    if kind in SEPARABLE:
        return (
            f"{kind} is split into layers with other names when it is quantized; write DepthwiseConv2D and "
            "a Conv2D of 1 x 1"
        )
    if kind == "ELU" or _activation(layer) in NO_INT8:
        return f"{_activation(layer) or 'elu'} has no int8 kernel; take ReLU or LeakyReLU"
    if kind != "BatchNormalization":
        return None
    for before in _before(layer):
        kind = type(before).__name__
        if kind == "Dense":
            return (
                f"BatchNormalization after the dense layer {before.name!r} keeps that in float; leave it "
                "out, or write the dense layer as a Conv2D over all that is left"
            )
        if kind in ACTIVATIONS or (kind in CONVOLUTIONS and _activation(before) not in ("", "linear")):
            return (
                f"BatchNormalization after the activation of {before.name!r} folds into no convolution; "
                "write Conv2D without activation, BatchNormalization, ReLU"
            )
    return None


def _before(layer: Any) -> list[Any]:
    nodes = layer.inbound_nodes
    found = nodes[0].inbound_layers if nodes else []
    return list(found) if isinstance(found, list | tuple) else [found]


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")
