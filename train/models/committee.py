"""Networks side by side that never learn together: the mean of their standardized logits.

Source: averages of differently made models, the last level of the winners of the Kaggle Grasp-and-Lift EEG
Detection (Barachant, A. and Cycon, R., 2015); why errors that are not shared average out: Dietterich, T. G.
Ensemble methods in machine learning. LNCS 1857, 1-15 (2000), doi:10.1007/3-540-45014-9_1. A member that is
trained together with the others leaves to them what they find first, and the gain is gone: `fit_network`
fits each on its own, then `combine` brings their logits to one spread.

    (n_time, n_channels, 1)
    member 0, member 1, ...    each from the window to its own (n_actions,), with its share in its last layer
    Add                        (n_actions,)

Its layers are those of its members, in one graph, named `<network>.<number>.<layer>`. With the defaults, at
80 x 64 and 2 actions: 8,865 parameters, 450,432 MACs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.models import assemble
from neurograsp.train.models._keras import keras

MEMBERS: list[Any] = [{"name": "band_power"}, {"name": "eegnet", "head": "mean"}]


def build(n_time: int, n_channels: int, n_actions: int, *, members: list[Any] = MEMBERS) -> Any:
    """Build the network, its members' logits still as they are.

    Args:
        n_time: frames a window.
        n_channels: channels a frame.
        n_actions: logits.
        members: two or more tables, each with the name of a network and its options.

    Raises:
        ConfigError: there are fewer than two, one is no table with a name, or it cannot be built.
    """
    if len(members) < 2:
        raise ConfigError(f"committee: {len(members)} members, name two or more")
    inputs = keras.layers.Input((n_time, n_channels, 1), name="window")
    ends = []
    for number, member in enumerate(members):
        name, options = _named(member)
        network = assemble(name, n_time, n_channels, n_actions, options)
        ends.append(_joined(network, f"{name}.{number}", inputs))
    return keras.Model(inputs, keras.layers.Add(name="logits")(ends), name="committee")


def members_of(model: Any) -> list[Any]:
    """The members of a committee, as networks that share its weights; none of another network."""
    if model.name != "committee":
        return []
    ends = model.get_layer("logits").input
    return [keras.Model(model.input, end, name=end.node.layer.name.partition(".")[0]) for end in ends]


def combine(members: Sequence[Any], logits: Sequence[Any], output: Literal["sigmoid", "softmax"]) -> None:
    """Make the sum of fitted members the mean of their standardized logits, in steps of their mean spread.

    Each member's last layer is multiplied by its share. Only the spread is made alike: 0 is where each member
    finds two actions as likely, and stays there.

    Args:
        members: see `members_of`.
        logits: (n, n_actions) of each, of the training windows.
        output: of a softmax only differences between logits mean something.
    """
    spreads = []
    for own in logits:
        told = own - own.mean(axis=1, keepdims=True) if output == "softmax" else own
        spreads.append(float(np.sqrt(told.var(axis=0).mean())))
    shares = [float(np.mean(spreads)) / (spread or 1.0) / len(spreads) for spread in spreads]
    for member, share in zip(members, shares, strict=True):
        last = [layer for layer in member.layers if layer.get_weights()][-1]
        last.set_weights([share * weight for weight in last.get_weights()])


def _named(member: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(member, Mapping) or not isinstance(member.get("name"), str):
        raise ConfigError(f'committee: member {member!r:.60}: write {{ name = "eegnet", ... }}')
    options = dict(member)
    name = options.pop("name")
    if name == "committee":
        raise ConfigError("committee: a committee is no member; name its members in place of it")
    return name, options


def _joined(network: Any, name: str, x: Any) -> Any:
    """The layers of a network, one after the other, copied onto another input."""
    for layer in network.layers[1:]:
        copied = type(layer).from_config({**layer.get_config(), "name": f"{name}.{layer.name}"})
        x = copied(x)
        copied.set_weights(layer.get_weights())
    return x
