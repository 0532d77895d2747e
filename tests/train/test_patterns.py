"""Patterns of filters whose sources are known."""

from dataclasses import replace

import numpy as np
import pytest
from toys import REPOSITORY, lazy, toy_signal

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.contract.signal_spec import Scale, SignalSpec
from neurograsp.train import spatial
from neurograsp.train.bundle_scores import scorers
from neurograsp.train.models.filterbank_linear import fit_filterbank_linear
from neurograsp.train.patterns import network_filters, of_baseline, of_network, patterns, to_electrodes
from neurograsp.train.window_set import WindowSet

RNG = np.random.default_rng(0)
MIXING = RNG.normal(size=(6, 6))
SOURCES = RNG.normal(size=(20_000, 6)) * [5, 1, 2, 1, 3, 1]
SAMPLE = REPOSITORY / "edge_runtime/samples/bundles/grasp-and-lift"


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """Size of the cosine between two patterns."""
    return float(abs(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_filters_that_unmix_have_the_mixing_as_patterns() -> None:
    """Two of six sources: the pattern is where the source is, the weight is something else."""
    filters = np.linalg.inv(MIXING)[:2].T
    found = patterns(SOURCES @ MIXING.T, filters)
    for source in range(2):
        assert alike(found[:, source], MIXING[:, source]) > 0.999
        assert alike(filters[:, source], MIXING[:, source]) < 0.9


def test_filters_that_say_the_same_twice_share_the_pattern() -> None:
    filters = np.linalg.inv(MIXING)[:1].T
    one, two = patterns(SOURCES @ MIXING.T, np.hstack([filters, -filters])).T
    assert one == pytest.approx(-two)
    assert alike(one, MIXING[:, 0]) > 0.999


def signal_of(stages: tuple = (), multiplier: tuple[int, ...] = (2**20,) * 6) -> SignalSpec:
    spec = toy_signal(n_channels=6)
    return replace(spec, stages=stages, scale=Scale((0,) * 6, multiplier, (20,) * 6))


def test_a_pattern_comes_back_through_mixing_and_scale() -> None:
    stages = (spatial.whitening(SOURCES @ MIXING.T, 0.0),)
    spec = signal_of(stages, (2**20, 2**19, 2**20, 2**18, 2**20, 2**20))
    gain = np.array(spec.scale.multiplier) / 2.0**20
    seen = SOURCES @ MIXING.T @ (np.array(stages[0].weights) / 2**30).T * gain
    filters = np.linalg.lstsq(seen, SOURCES[:, :1], rcond=None)[0]
    assert alike(to_electrodes(spec) @ patterns(seen, filters)[:, 0], MIXING[:, 0]) > 0.999


def test_what_a_common_reference_removed_does_not_come_back() -> None:
    back = to_electrodes(signal_of((spatial.average_reference(6),))) @ np.arange(6.0)
    assert back.mean() == pytest.approx(0, abs=1e-6)
    assert alike(back, np.arange(6.0) - 2.5) == pytest.approx(1)


def test_the_baseline_listens_where_the_action_is() -> None:
    spec = signal_of()
    where = np.array([0, 0, 3, 1, 0, 0])
    action = RNG.integers(0, 2, 400)
    x = RNG.normal(0, 12, (400, 50, 6)) + 8 * action[:, None, None] * where
    windows = np.clip(np.rint(x), -128, 127).astype(np.int8)
    linear = fit_filterbank_linear(
        WindowSet(lazy(windows), np.eye(2, dtype=np.float32)[action]), 100.0, "softmax"
    )
    rest, fist = of_baseline(linear, windows, spec)
    assert (rest.title.split("\n")[0], fist.title.split("\n")[0]) == spec.actions.names
    assert fist.title.split("\n")[1].startswith("under")
    assert fist.values @ where > 0 > rest.values @ where
    assert alike(fist.values, where.astype(float)) > 0.98
    assert of_baseline(linear, windows[:1], spec) == []


def test_the_network_of_the_package() -> None:
    bundle = open_bundle(SAMPLE)
    signal, blob = bundle.manifest.signal, bundle.files["float.tflite"]
    weights = network_filters(blob, len(signal.channels))
    assert weights is not None
    assert weights.shape == (32, 64)
    assert network_filters(blob, 31) is None
    windows = bundle.golden.windows
    found = of_network(blob, scorers(bundle)["float"], windows, signal, 5)
    assert len(found) == 5
    moved = [float(pattern.title.split(": ")[1]) for pattern in found]
    assert moved == sorted(moved, reverse=True)
    assert all(np.isfinite(pattern.values).all() for pattern in found)
    assert of_network(blob, scorers(bundle)["float"], windows[:0], signal, 5) == []
