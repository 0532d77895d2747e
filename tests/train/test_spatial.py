"""Mixing of the channels: what the integers do against the definition, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from toys import eeg_like, toy_signal

from neurograsp.edge_runtime.contract.signal_spec import SpatialStage
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.train import spatial


def mixed(n_frames: int, n_channels: int, seed: int = 0) -> np.ndarray:
    """Counts of channels that share most of what they hold."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(n_channels, n_channels)) + 3
    return np.rint(rng.normal(size=(n_frames, n_channels)) @ mixing * 300).astype(np.int32)


def run(stage: SpatialStage, counts: np.ndarray) -> np.ndarray:
    return FilterChain(toy_signal((stage,), n_channels=len(stage.weights))).filter(counts)


def test_whitened_channels_share_nothing() -> None:
    counts = mixed(5000, 6)
    frames = FilterChain(toy_signal(n_channels=6)).filter(counts).astype(float)
    covariance = np.cov(run(spatial.whitening(frames, 0.0), counts).T)
    assert covariance == pytest.approx(np.eye(6) * covariance[0, 0], abs=1e-5 * covariance[0, 0])


def test_whitening_is_the_symmetric_inverse_root() -> None:
    """As in the paper; another root would also whiten, and turn the electrodes into components."""
    counts = mixed(5000, 4)
    covariance = np.cov(counts.T)
    shrunk = 0.8 * covariance + 0.2 * np.trace(covariance) / 4 * np.eye(4)
    weights = np.array(spatial.whitening(counts.astype(float), 0.2).weights) / 2**30
    assert weights == pytest.approx(weights.T, abs=1e-8)
    unity = weights @ shrunk @ weights.T
    assert unity == pytest.approx(np.eye(4) * unity[0, 0], abs=1e-6 * unity[0, 0])


def test_full_shrinkage_leaves_the_channels_as_they_are() -> None:
    weights = np.array(spatial.whitening(mixed(500, 3).astype(float), 1.0).weights)
    assert np.array_equal(weights, np.diag(np.diag(weights)))


def test_an_average_reference_takes_away_what_all_share() -> None:
    counts = mixed(400, 5)
    stage = spatial.average_reference(5)
    assert np.abs(run(stage, counts) - run(stage, counts + 500)).max() <= 5
    wanted = (counts - counts.mean(axis=1, keepdims=True)) * 2.0**14
    got = run(stage, counts)
    assert got == pytest.approx(wanted * (got[0, 0] / wanted[0, 0]), abs=2**10)


def test_a_laplacian_takes_away_what_neighbours_share() -> None:
    """Of a three by three grid around Cz: the middle one's nearest are the four beside it."""
    channels = ["FC1", "FCz", "FC2", "C1", "CZ", "c2", "CP1", "CPz", "CP2"]
    weights = np.array(spatial.laplacian(channels, 4).weights) / 2**30
    wanted = [0, -0.25, 0, -0.25, 1, -0.25, 0, -0.25, 0]
    assert weights[4] / weights[4, 4] == pytest.approx(wanted)
    assert weights.sum(axis=1) == pytest.approx(np.zeros(9), abs=1e-8)
    with pytest.raises(ValueError, match="no place on the scalp is known for EMG1, EMG2; take another kind"):
        spatial.laplacian(["Cz", "EMG1", "EMG2"], 1)
    for neighbours in (0, 9):
        with pytest.raises(ValueError, match="neighbours must be 1 to 8"):
            spatial.laplacian(channels, neighbours)


def test_one_amplitude_more_or_less_makes_no_difference() -> None:
    """The gain of the matrix is free: the scale that is fitted after it takes it up."""
    counts = mixed(500, 3)
    small, large = (spatial.whitening(counts * float(gain), 0.1) for gain in (1, 1000))
    assert np.array(small.weights) == pytest.approx(np.array(large.weights), abs=2**8)


@pytest.mark.parametrize("n_channels", [2, 3, 16, 64])
@pytest.mark.parametrize("sign", [-1, 1])
def test_no_input_clips(n_channels: int, sign: int) -> None:
    """The largest counts with the signs of a row: just its sum of absolute weights comes out."""
    stage = spatial.whitening(mixed(1000, n_channels).astype(float), 0.01)
    weights = np.array(stage.weights)
    assert np.abs(weights).sum(axis=1).max() <= 2**30
    assert np.abs(weights).sum(axis=1).max() > 2**30 - n_channels - 1
    chain = FilterChain(toy_signal((stage,), n_channels=n_channels))
    chain.filter((np.where(weights < 0, -1, 1) * sign * (2**16 - 1)).astype(np.int32))
    assert chain.clipped.filter == 0


def test_a_flat_channel_is_not_blown_up() -> None:
    frames = eeg_like(2000, 3, 0).astype(float)
    frames[:, 1] = 0
    weights = np.array(spatial.whitening(frames, 0.05).weights)
    assert np.isfinite(weights).all()
    assert (weights[1, [0, 2]] == 0).all()


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="two channels or more"):
        spatial.average_reference(1)
    for shrinkage in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="shrinkage must be 0 to 1"):
            spatial.whitening(mixed(50, 2).astype(float), shrinkage)
    stage = spatial.average_reference(3)
    for weights, text in (
        ((), "1 to 256 channels, not 0"),
        (((0,) * 257,) * 257, "1 to 256 channels, not 257"),
        (((1, 2), (3,)), "not a square"),
        (((2**30, 1), (0, 0)), "gain above 1"),
    ):
        with pytest.raises(ValueError, match=text):
            replace(stage, weights=weights)
    with pytest.raises(ValueError, match="3 rows for 2 channels"):
        toy_signal((stage,), n_channels=2)
