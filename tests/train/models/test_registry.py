import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.models import build, summarise


def test_article_cnn_has_the_articles_size() -> None:
    summary = summarise(build("article_cnn", 100, 32, 6))
    convolutions = 49 * 64 + 25 * 64 * 64 + 9 * 64 * 64
    dense = 88 * 32 * 64 * 32 + 32 + 32 * 6 + 6
    assert summary.parameters == convolutions + 3 * 4 * 64 + dense
    macs = 32 * (94 * 49 * 64 + 90 * 25 * 64 * 64 + 88 * 9 * 64 * 64) + 88 * 32 * 64 * 32 + 32 * 6
    assert (summary.name, summary.macs) == ("article_cnn", macs)


def test_a_projection_makes_the_articles_dense_layer_small() -> None:
    summary, plain = (summarise(build("article_cnn", 100, 32, 6, projection=p)) for p in (16, 0))
    assert summary.macs - plain.macs == 88 * 32 * (64 * 16 - 64 * 32) + 88 * 16 * 32
    assert plain.parameters - summary.parameters == 88 * (32 * 64 - 16) * 32 - 32 * 64 * 16 - 4 * 16


def test_eegnet_counts() -> None:
    summary = summarise(build("eegnet", 29, 32, 6))
    macs = 29 * 32 * 64 + 23 * 7 * 64 + 10 * 2 * 64 + 10 * 64 * 32 + 5 * 32 * 6
    assert summary.macs == macs
    assert summary.parameters < 10_000


def test_article_lstm_counts() -> None:
    summary = summarise(build("article_lstm", 29, 32, 6))
    assert summary.parameters == 4 * (32 + 64 + 1) * 64 + 64 * 6 + 6
    assert summary.macs == 29 * 4 * (32 + 64) * 64 + 64 * 6


def test_temporal_context_counts() -> None:
    summary = summarise(build("temporal_context", 320, 64, 2))
    span = 316 // 8
    n_scores = (316 - span) // span + 1
    macs = 316 * 64 * 5 * 2 + n_scores * 64 * 2 * 8 + n_scores * 8 * 2
    assert (summary.name, summary.macs) == ("temporal_context", macs)
    assert summary.parameters == 5 * 2 + 4 * 2 + 64 * 2 * 8 + 4 * 8 + n_scores * 8 * 2 + 2


def test_temporal_context_begins_with_the_signal_and_its_negative() -> None:
    """Two ReLUs of opposite sign hold the whole signal, so that no half-wave is lost before training."""
    (kernel,) = build("temporal_context", 40, 4, 2, filters=3).get_layer("temporal").get_weights()
    assert np.array_equal(kernel[..., ::2], -kernel[..., 1::2])
    assert np.abs(kernel[-1]).min() > np.abs(kernel[:-1]).max()


def test_band_power_counts() -> None:
    summary = summarise(build("band_power", 80, 64, 2))
    assert summary.macs == 79 * 64 * 2 + 4 * 64 * 19 + 4 * 64 * 2
    assert (summary.name, summary.parameters) == ("band_power", 2 + 4 + 19 + 4 + 4 * 64 * 2 + 2)


@pytest.mark.parametrize(("n_time", "stretches"), [(80, 4), (29, 4), (30, 7), (8, 4), (9, 1)])
def test_band_power_looks_at_the_newest_frame(n_time: int, stretches: int) -> None:
    """Whatever the stretches leave over."""
    model = build("band_power", n_time, 2, 3, stretches=stretches)
    model.get_layer("weights").set_weights(
        [np.ones((stretches, 2, 3)).reshape(stretches, 2, 1, 3), np.zeros(3)]
    )
    window = np.zeros((2, n_time, 2, 1), np.float32)
    window[1, -1, 1] = 4
    silence, newest = model.predict(window, verbose=0)
    assert np.abs(newest - silence).min() > 0.01


@pytest.mark.parametrize("n_time", [8, 20, 29, 50, 72, 160])
@pytest.mark.parametrize("head", ["flatten", "mean"])
def test_eegnet_defaults_fit_every_window(n_time: int, head: str) -> None:
    model = build("eegnet", n_time, 4, 3, head=head, filters=4)
    assert model.input_shape == (None, n_time, 4, 1)
    assert model.output_shape == (None, 3)


def test_seed_sets_the_weights() -> None:
    first, again, other = (build("eegnet", 16, 4, 2, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(
    ("name", "n_time", "options", "text"),
    [
        ("eegnett", 29, {}, "did you mean 'eegnet'"),
        ("eegnet", 29, {"filter": 3}, "did you mean 'filters'"),
        ("eegnet", 29, {"n_time": 3}, "unknown option of eegnet 'n_time'"),
        ("eegnet", 4, {}, "window of 4 frames"),
        ("eegnet", 29, {"head": "top"}, "choose flatten or mean"),
        ("article_cnn", 12, {}, "take 13 frames or more"),
        ("band_power", 7, {}, "a window of 7 frames has no 4 stretches of two frames; choose 1 to 3"),
        ("band_power", 20, {"stretches": 0}, "no 0 stretches"),
        ("temporal_context", 20, {"span": 12}, "no two scores of 12 frames after a filter of 5"),
        ("eegnet", 29, {"dropout": "a"}, "dropout is 'a'"),
        ("eegnet", 29, {"filters": 0}, "cannot be built.*filters"),
    ],
)
def test_impossible_networks_are_refused(name: str, n_time: int, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        build(name, n_time, 4, 2, **options)


def test_the_registry_loads_no_tensorflow() -> None:
    code = (
        "import sys, neurograsp.train.models, neurograsp.train.models.filterbank_linear as f\n"
        "assert not {'tensorflow', 'tf_keras', 'scipy', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
