from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_network import windows

from neurograsp.convert import quantize
from neurograsp.convert.verify import check_full_int8
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.errors import ConfigError

keras = pytest.importorskip("neurograsp.convert._keras").keras
layers = keras.layers


def logits_of(blob: bytes, x: Any, reference_kernels: bool = False) -> Any:
    network = Classifier(blob, reference_kernels=reference_kernels)
    return np.stack([network.real_logits(window) for window in x])


@pytest.mark.parametrize("method", ["ptq", "qat"])
def test_full_int8_and_close_to_float(method: str, model: Any, blobs: dict[str, bytes]) -> None:
    facts = check_full_int8(blobs[method])
    assert (facts.input_scale, facts.input_zero_point, facts.input_shape) == (1 / 16, 0, (1, 16, 4, 1))
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"} <= set(facts.operators)
    assert "DEQUANTIZE" not in facts.operators

    x, y = windows(200, 2)
    wanted = model.predict(x[..., None] / 16, verbose=0)
    for reference_kernels in (False, True):
        logits = logits_of(blobs[method], x, reference_kernels)
        assert (logits.argmax(axis=1) == wanted.argmax(axis=1)).mean() > 0.97
        assert np.abs(logits - wanted).mean() < 0.05 * np.ptp(wanted)
        assert (logits.argmax(axis=1) == y.argmax(axis=1)).mean() > 0.9


@pytest.mark.parametrize("method", ["ptq", "ai-edge"])
def test_a_railed_calibration_window_costs_little(method: str, model: Any) -> None:
    """The input's scale is fixed, and what lies beyond it is railed before the network sees it."""
    given, _ = windows(256, 0)
    given[7] = np.where(np.arange(16)[:, None] % 2, 127, -128)
    if method == "ptq":
        blob = quantize.ptq(model, given, seed=0)
    else:
        blob = quantize.ai_edge(quantize.to_float_tflite(model), given, seed=0)
    assert check_full_int8(blob).input_scale == 1 / 16
    x, _ = windows(200, 2)
    wanted = model.predict(x[..., None] / 16, verbose=0)
    logits = logits_of(blob, x)
    assert (logits.argmax(axis=1) == wanted.argmax(axis=1)).mean() > 0.97
    assert np.abs(logits - wanted).mean() < 0.05 * np.ptp(wanted)


@pytest.mark.long
def test_the_networks_own_scale_does_not_matter(model: Any) -> None:
    """Calibrated ranges: logits a hundred times too large are as exact as any."""
    large = keras.models.clone_model(model)
    weights = model.get_weights()
    large.set_weights([*weights[:-2], 100 * weights[-2], 100 * weights[-1]])
    train = windows(128, 0)
    options = quantize.QatOptions(epochs=1, batch_size=32, learning_rate=1e-6)
    blob = quantize.qat(large, train, windows(32, 1), "sigmoid", seed=0, options=options).blob
    x, _ = windows(100, 2)
    wanted = large.predict(x[..., None] / 16, verbose=0)
    assert np.abs(logits_of(blob, x) - wanted).mean() < 0.05 * np.ptp(wanted)


@pytest.mark.long
def test_qat_repeats_and_leaves_the_network_alone(model: Any, blobs: dict[str, bytes]) -> None:
    before = model.get_weights()
    options = quantize.QatOptions(epochs=2, batch_size=32)
    seen: list[tuple[int, int]] = []
    blob = quantize.qat(
        model,
        windows(256, 0),
        windows(64, 1),
        "softmax",
        seed=0,
        options=options,
        progress=lambda epoch, epochs, figures: seen.append((epoch, epochs)),
    ).blob
    x, _ = windows(100, 3)
    assert np.array_equal(logits_of(blob, x), logits_of(blobs["qat"], x))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert seen == [(1, 2), (2, 2)]


def test_bad_input_is_refused(model: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no calibration windows"):
        quantize.ptq(model, np.zeros((0, 16, 4), np.int8), seed=0)
    (tmp_path / "model.keras").write_bytes(b"no archive")
    for name in ("model.keras", "missing.keras"):
        with pytest.raises(ConfigError, match="train again"):
            quantize.load_model(tmp_path / name)
    inputs = layers.Input((16, 4, 1))
    x = layers.Flatten(name="flatten")(layers.ELU(name="elu")(inputs))
    network = keras.Model(inputs, layers.Dense(3, name="logits")(x), name="with_elu")
    with pytest.raises(ConfigError, match="QAT cannot quantize with_elu"):
        quantize.qat(network, windows(8, 0), windows(8, 1), "softmax", seed=0)


def test_a_saved_network_is_read_back(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")
    again = quantize.load_model(tmp_path / "model.keras")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))


@pytest.mark.long
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize(("balance", "smoothing"), [(True, 0.0), (False, 0.2)])
def test_the_loss_is_the_one_asked_for(model: Any, output: Any, balance: bool, smoothing: float) -> None:
    """Nothing is learnt at a rate of 0, so that the network converted has the loss reported."""
    x, y = windows(256, 0)
    rows = np.concatenate(
        [np.flatnonzero(y[:, 0])[:60], np.flatnonzero(y[:, 1])[:10], np.flatnonzero(y[:, 2])[:10]]
    )
    seen: list[float] = []
    blob = quantize.qat(
        model,
        (x[rows], y[rows]),
        windows(128, 1),
        output,
        seed=0,
        options=quantize.QatOptions(1, 80, 0.0, balance, smoothing),
        progress=lambda epoch, epochs, figures: seen.append(figures["val_loss"]),
    ).blob
    share = np.array([0.75, 0.125, 0.125])
    x, y = windows(128, 1)
    logits = logits_of(blob, x)
    if output == "softmax":
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        each = -((1 - smoothing) * y + smoothing / 3) * log_p
        weight = (y / share / 3).sum(axis=1, keepdims=True) if balance else 1
        wanted = (weight * each).sum(axis=1).mean()
    else:
        target = (1 - smoothing) * y + smoothing / 2
        each = np.log1p(np.exp(logits)) - target * logits
        weight = np.where(y > 0, 0.5 / share, 0.5 / (1 - share)) if balance else 1
        wanted = (weight * each).mean()
    assert seen == [pytest.approx(wanted, rel=0.03)]
