"""Hop by hop the same logits as window by window, whatever the network and the hop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_network import with_weights

from neurograsp.convert import quantize
from neurograsp.convert.stream_check import check_stream
from neurograsp.convert.streaming import Streamed, stream
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.stream_classifier import StreamClassifier

keras = pytest.importorskip("neurograsp.convert._keras").keras
layers = keras.layers

WINDOW, N_CHANNELS = 48, 6
HOPS = (1, 2, 3, 4, 5, 7, 8, 12, 48)


def recording(n_frames: int, n_channels: int, seed: int = 0) -> NDArray[np.int8]:
    """Slow waves, as EEG has them."""
    noise = np.random.default_rng(seed).normal(0, 8, (n_frames, n_channels))
    return np.clip(np.cumsum(noise, axis=0) % 200 - 100, -128, 127).astype(np.int8)


def cut(n: int) -> NDArray[np.int8]:
    return recording(n * WINDOW, N_CHANNELS).reshape(n, WINDOW, N_CHANNELS)


def differing(blob: bytes, streamed: Streamed, reference_kernels: bool, n_hops: int = 40) -> int:
    """Hops of random frames whose logits are not those of the window network."""
    network = Classifier(blob, reference_kernels=reference_kernels)
    _, window, n_channels, _ = network.input_shape
    n_frames = window + (n_hops - 1) * streamed.hop
    line = np.random.default_rng(1).integers(-128, 128, (n_frames, n_channels), np.int8)
    ends = range(window, n_frames + 1, streamed.hop)
    wanted = np.stack([network.logits(line[end - window : end]) for end in ends])
    assert len(np.unique(wanted, axis=0)) > n_hops // 4
    found = StreamClassifier(streamed.blob, reference_kernels=reference_kernels).follow(line, window)
    return int((found != wanted).any(axis=1).sum())


@pytest.mark.parametrize("hop", [1, 2, 3, 4, 5, 7, 16])
@pytest.mark.parametrize("method", ["ptq", "qat"])
def test_the_same_logits(method: str, hop: int, blobs: dict[str, bytes]) -> None:
    streamed = stream(blobs[method], hop)
    for reference_kernels in (True, False):
        assert differing(blobs[method], streamed, reference_kernels) == 0
    assert streamed.window_from == "RESHAPE"
    assert (streamed.macs < streamed.window_macs) == (hop < 8)


def test_the_float_network_can_be_streamed_too(model: Any) -> None:
    blob = quantize.to_float_tflite(model)
    assert differing(blob, stream(blob, 2), reference_kernels=True) == 0


def test_the_check_finds_what_differs(blobs: dict[str, bytes]) -> None:
    frames = recording(100, 4)
    assert check_stream(stream(blobs["ptq"], 2), blobs["ptq"], frames, 0) == {"reference": 1000, "fast": 1000}
    with pytest.raises(CheckFailed, match="hops of recorded frames under the reference kernels"):
        check_stream(stream(blobs["qat"], 2), blobs["ptq"], frames, 0)


def test_a_hop_is_one_frame_or_more(blobs: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="hop: 1 or more, not 0"):
        stream(blobs["ptq"], 0)


def strided(inputs: Any) -> Any:
    x = layers.Conv2D(8, (5, 1), strides=(2, 1), use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D((3, 1), (2, 1))(x)
    return layers.Conv2D(4, (3, N_CHANNELS), activation="relu")(x)


def padded_in_time(inputs: Any) -> Any:
    x = layers.Conv2D(4, (5, N_CHANNELS), activation="relu")(inputs)
    return layers.Conv2D(4, (3, 1), padding="same", activation="relu")(x)


def residual(inputs: Any) -> Any:
    x = layers.Conv2D(4, (4, N_CHANNELS), activation="relu")(inputs)
    return layers.ReLU()(layers.Add()([x, layers.Conv2D(4, 1)(x)]))


def dilated(inputs: Any) -> Any:
    x = layers.Conv2D(4, (3, N_CHANNELS), activation="relu")(inputs)
    return layers.Conv2D(4, (3, 1), dilation_rate=(2, 1), activation="relu")(x)


def pooled_wide(inputs: Any) -> Any:
    """Pools of another length than their stride, on top of each other."""
    x = layers.Conv2D(4, (3, N_CHANNELS), activation="relu")(inputs)
    return layers.AveragePooling2D((4, 1), (3, 1))(layers.AveragePooling2D((3, 1), (2, 1))(x))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "window_from"),
    [
        (strided, "RESHAPE"),
        (padded_in_time, "CONV_2D"),
        (residual, "RESHAPE"),
        (dilated, "RESHAPE"),
        (pooled_wide, "RESHAPE"),
    ],
)
def test_other_networks(body: Callable[[Any], Any], window_from: str) -> None:
    keras.utils.set_random_seed(0)
    inputs = layers.Input((WINDOW, N_CHANNELS, 1))
    x = layers.Flatten()(body(inputs))
    network = keras.Model(inputs, layers.Dense(3, name="logits")(x))
    blob = quantize.ptq(network, cut(64), seed=0)
    for hop in HOPS:
        streamed = stream(blob, hop)
        assert streamed.window_from == window_from
        for reference_kernels in (True, False):
            assert differing(blob, streamed, reference_kernels) == 0, hop


@pytest.mark.long
@pytest.mark.parametrize("method", ["ptq", "qat"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("article_cnn", {"filters": 8, "units": 8, "projection": 4}),
        ("eegnet", {"filters": 8, "mixed_filters": 8}),
        ("eegnet", {"filters": 8, "mixed_filters": 8, "head": "mean"}),
        ("temporal_context", {}),
        ("band_power", {}),
        ("committee", {}),
        ("article_lstm", {"units": 4}),
    ],
)
def test_our_networks_for_a_thousand_hops(name: str, options: dict[str, Any], method: str) -> None:
    build = pytest.importorskip("neurograsp.train.models").build
    if (name, method) == ("article_lstm", "qat"):
        pytest.skip("an LSTM is quantized after training only")
    network = with_weights(build(name, WINDOW, N_CHANNELS, 3, **options))
    if method == "ptq":
        blob = quantize.ptq(network, cut(64), seed=0)
    else:
        targets = np.eye(3, dtype=np.float32)[np.arange(32) % 3]
        once = quantize.QatOptions(epochs=1, batch_size=32, learning_rate=1e-6)
        pair = (cut(32), targets)
        blob = quantize.qat(network, pair, pair, "softmax", seed=0, options=once).blob
    frames = recording(2000, N_CHANNELS, seed=2)
    for hop in HOPS:
        streamed = stream(blob, hop)
        compared = check_stream(streamed, blob, frames, seed=3)
        assert compared["fast"] == 1000
        assert compared["reference"] >= 1000 or name == "article_cnn"
        saves = streamed.macs < streamed.window_macs
        assert saves == (name != "article_lstm" and hop <= 12)
