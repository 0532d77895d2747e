"""The network in C gives LiteRT's logits under its reference kernels, bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import CompiledNetwork
from numpy.typing import NDArray
from small_network import with_weights

from neurograsp.convert import quantize
from neurograsp.convert.c_target.network_c import network_in_c
from neurograsp.convert.streaming import stream
from neurograsp.convert.tflite_file import packed
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.network_graph import schema
from neurograsp.edge_runtime.stream_classifier import StreamClassifier

keras = pytest.importorskip("neurograsp.convert._keras").keras
layers = keras.layers

WINDOW, N_CHANNELS, N_ACTIONS = 24, 6, 3
N_WINDOWS = 200


def noise(n: int, seed: int) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-128, 128, (n, WINDOW, N_CHANNELS), np.int8)


def quantized(body: Callable[[Any], Any]) -> bytes:
    """The network of a body and a dense head, of random weights and calibrated on noise."""
    keras.utils.set_random_seed(0)
    inputs = layers.Input((WINDOW, N_CHANNELS, 1))
    x = layers.Flatten()(body(inputs))
    network = keras.Model(inputs, layers.Dense(N_ACTIONS, name="logits")(x))
    return quantize.ptq(network, noise(64, 1), seed=0)


def same_logits(blob: bytes, folder: Path, n_windows: int = N_WINDOWS) -> None:
    """Over random windows of the whole range, of which each gives other logits."""
    network, here = Classifier(blob, reference_kernels=True), CompiledNetwork(blob, folder, N_ACTIONS)
    _, window, n_channels, _ = network.input_shape
    windows = np.random.default_rng(2).integers(-128, 128, (n_windows, window, n_channels), np.int8)
    wanted = np.stack([network.logits(one) for one in windows])
    assert len(np.unique(wanted, axis=0)) > n_windows // 4
    np.testing.assert_array_equal(np.stack([here.logits(one) for one in windows]), wanted)


def same_stream(blob: bytes, hop: int, folder: Path) -> None:
    """Over random frames, and once more after a reset."""
    streamed = stream(blob, hop).blob
    reference, here = (
        StreamClassifier(streamed, reference_kernels=True),
        CompiledNetwork(streamed, folder, N_ACTIONS),
    )
    for seed in (3, 4):
        reference.restart()
        here.reset()
        n_channels = reference.input_shape[2]
        frames = np.random.default_rng(seed).integers(-128, 128, (100, hop, n_channels), np.int8)
        wanted = np.stack([reference.logits(one) for one in frames])
        assert len(np.unique(wanted, axis=0)) > 25
        np.testing.assert_array_equal(np.stack([here.logits(one) for one in frames]), wanted)


@pytest.mark.parametrize("method", ["ptq", "qat"])
def test_every_layer_of_ours(method: str, blobs: dict[str, bytes], tmp_path: Path) -> None:
    same_logits(blobs[method], tmp_path / "whole")
    for hop in (1, 3):
        same_stream(blobs[method], hop, tmp_path / f"hop{hop}")


def padded_and_strided(inputs: Any) -> Any:
    x = layers.Conv2D(4, (5, 3), strides=(2, 2), padding="same", activation="relu")(inputs)
    x = layers.DepthwiseConv2D((3, 3), padding="same", depth_multiplier=2)(x)
    return layers.AveragePooling2D((3, 2), (2, 1), padding="same")(x)


def dilated(inputs: Any) -> Any:
    x = layers.Conv2D(4, (3, 1), dilation_rate=(2, 1), activation="relu6")(inputs)
    return layers.MaxPooling2D((3, 2), (2, 2), padding="same")(x)


def residual(inputs: Any) -> Any:
    x = layers.Conv2D(4, (4, N_CHANNELS), activation="relu")(inputs)
    return layers.ReLU()(layers.Add()([x, layers.Conv2D(4, 1)(x)]))


def branched(inputs: Any) -> Any:
    narrow = layers.Conv2D(3, (3, N_CHANNELS), padding="valid")(inputs)
    wide = layers.Conv2D(5, (3, N_CHANNELS), activation="relu")(inputs)
    return layers.Concatenate()([narrow, wide])


def curved(inputs: Any) -> Any:
    x = layers.Conv2D(4, (3, N_CHANNELS), activation="tanh")(inputs)
    x = layers.Conv2D(4, 1, activation="sigmoid")(x)
    return layers.LeakyReLU(0.1)(layers.Conv2D(4, 1)(x))


def averaged(inputs: Any) -> Any:
    x = layers.Conv2D(4, (3, N_CHANNELS), activation="relu")(inputs)
    return layers.GlobalAveragePooling2D()(x)


@pytest.mark.parametrize("body", [padded_and_strided, dilated, residual, branched, curved, averaged])
def test_other_layers(body: Callable[[Any], Any], tmp_path: Path) -> None:
    blob = quantized(body)
    same_logits(blob, tmp_path / "whole")
    if body is not averaged:
        same_stream(blob, 2, tmp_path / "hops")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("article_cnn", {"filters": 8, "units": 8}, marks=pytest.mark.slow),
        pytest.param("eegnet", {"filters": 8, "mixed_filters": 8}, marks=pytest.mark.slow),
        pytest.param("eegnet", {"filters": 8, "mixed_filters": 8, "head": "mean"}, marks=pytest.mark.long),
        pytest.param("temporal_context", {}, marks=pytest.mark.long),
        pytest.param("band_power", {}, marks=pytest.mark.long),
        pytest.param("committee", {}, marks=pytest.mark.long),
    ],
)
def test_our_networks(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    build = pytest.importorskip("neurograsp.train.models").build
    window, n_channels = 48, 6
    network = with_weights(build(name, window, n_channels, N_ACTIONS, **options))
    random = np.random.default_rng(1).integers(-128, 128, (64, window, n_channels), np.int8)
    blob = quantize.ptq(network, random, seed=0)
    same_logits(blob, tmp_path / "whole")
    for hop in (1, 4):
        same_stream(blob, hop, tmp_path / f"hop{hop}")


@pytest.mark.long
def test_a_layer_without_c_is_named() -> None:
    build = pytest.importorskip("neurograsp.train.models").build
    blob = quantize.ptq(build("article_lstm", WINDOW, N_CHANNELS, N_ACTIONS, units=4), noise(16, 1), seed=0)
    with pytest.raises(CheckFailed, match="no UNIDIRECTIONAL_SEQUENCE_LSTM among the layers in C"):
        network_in_c(blob)


def in_groups(inputs: Any) -> Any:
    x = layers.Conv2D(4, (3, N_CHANNELS), activation="relu")(inputs)
    return layers.Conv2D(8, (3, 1), groups=4)(x)


def each_frame(inputs: Any) -> Any:
    return layers.TimeDistributed(layers.Conv1D(4, 3))(inputs)


@pytest.mark.parametrize(("body", "text"), [(in_groups, "in groups"), (each_frame, "not one image")])
def test_a_use_without_c_is_refused(body: Callable[[Any], Any], text: str) -> None:
    with pytest.raises(CheckFailed, match=f"^C: CONV_2D.*{text}"):
        network_in_c(quantized(body))


def test_shapes_that_only_the_file_believes_are_refused(blobs: dict[str, bytes]) -> None:
    """LiteRT works shapes out anew; C that believed the file would write beyond its arrays."""
    model = schema().ModelT.InitFromObj(schema().Model.GetRootAs(blobs["ptq"]))
    graph = model.subgraphs[0]
    graph.tensors[graph.outputs[0]].shape = [1, 30000]
    blob = packed(model)
    assert Classifier(blob).n_actions == N_ACTIONS
    with pytest.raises(CheckFailed, match=r"is \(1, 30000\) in the file, \(1, 3\) in LiteRT"):
        network_in_c(blob)
