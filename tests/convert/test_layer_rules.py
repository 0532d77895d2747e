"""What does not become int8 is refused before anything is quantized, with what to write for it."""

from collections.abc import Callable
from typing import Any

import pytest

from neurograsp.convert.layer_rules import check_layers
from neurograsp.edge_runtime.contract.errors import ConfigError

layers = pytest.importorskip("neurograsp.convert._keras").keras.layers
keras = pytest.importorskip("neurograsp.convert._keras").keras
NETWORKS = pytest.importorskip("neurograsp.train.models").NETWORKS
build = pytest.importorskip("neurograsp.train.models").build


def network(middle: Callable[[Any], Any]) -> Any:
    inputs = layers.Input((16, 4, 1))
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(middle(inputs))))


def normalized_dense(x: Any) -> Any:
    x = layers.Dense(8, name="wide")(layers.Flatten()(x))
    return layers.BatchNormalization(name="norm")(x)


@pytest.mark.parametrize(
    ("middle", "text"),
    [
        (layers.SeparableConv2D(4, 3, name="sep"), "'sep': SeparableConv2D.*; write Depthwise"),
        (layers.ELU(name="bent"), "'bent': elu has no int8 kernel; take ReLU"),
        (layers.Activation("elu", name="bent"), "'bent': elu has no int8 kernel"),
        (layers.Conv2D(4, 3, activation="gelu", name="c"), "'c': gelu has no int8 kernel"),
        (normalized_dense, "'norm': BatchNormalization after the dense layer 'wide'.*; leave it out"),
        (
            lambda x: layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, activation="relu")(x)),
            "'norm': BatchNormalization after the activation.*; write Conv2D without activation",
        ),
        (
            lambda x: layers.BatchNormalization()(layers.ReLU(name="r")(layers.Conv2D(4, 3)(x))),
            "after the activation of 'r'",
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_remedy(middle: Callable[[Any], Any], text: str) -> None:
    with pytest.raises(ConfigError, match=f"^run: layer .*{text}"):
        check_layers(network(middle), "run")


@pytest.mark.parametrize("name", NETWORKS)
def test_our_networks_keep_the_rules(name: str) -> None:
    check_layers(build(name, 40, 4, 3), "run")


def test_convolution_normalization_activation_passes() -> None:
    check_layers(
        network(lambda x: layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(x)))),
        "run",
    )
