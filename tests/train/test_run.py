"""Training as a whole: what it learns, what it cannot have learnt, and what it refuses early."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import CONFIG

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Labels, Recording, open_recordings
from neurograsp.train.run import train_run

STRETCH = 150
"""Rows of a shuffled label: 0.6 s, one and a half windows."""


def shuffled(recording: Recording, seed: int) -> Recording:
    """Labels that have nothing to do with the signal."""
    start = np.arange(0, recording.n_frames - STRETCH + 1, STRETCH)
    code = np.random.default_rng(seed).permutation(np.arange(len(start)) % 2)
    return replace(recording, labels=Labels(("T0", "T1"), start, start + STRETCH, code))


def test_labels_mean_something_and_shuffled_ones_nothing(toy_data: Path, tmp_path: Path) -> None:
    """A window that validates and was trained on would lift the shuffled ones over chance."""
    config = parse_config(TrainConfig, CONFIG, "toy.toml")
    recordings = open_recordings(toy_data / "data", None, [1, 2, 3])
    real = train_run(config, recordings, tmp_path / "real", CONFIG).metrics
    noise = [shuffled(recording, seed) for seed, recording in enumerate(recordings)]
    chance = train_run(config, noise, tmp_path / "shuffled", CONFIG).metrics
    for model in ("float", "linear"):
        assert real[model]["auc_macro"] > 0.9
        assert abs(chance[model]["auc_macro"] - 0.5) < 0.15


def test_what_no_baseline_can_learn_is_refused_before_the_network_is_trained(
    toy_data: Path, tmp_path: Path
) -> None:
    """One action in every window."""
    text = CONFIG.partition("[actions]")[0] + (
        '[actions]\nnames = ["any"]\ncommands = ["FIST"]\noutput = "sigmoid"\nlabels.any = ["T0", "T1"]\n'
    )
    epochs: list[int] = []
    with pytest.raises(ConfigError, match="none or in all of the training windows"):
        train_run(
            parse_config(TrainConfig, text, "toy.toml"),
            open_recordings(toy_data / "data", None, [1, 2]),
            tmp_path / "run",
            text,
            lambda epoch, total, figures: epochs.append(epoch),
        )
    assert epochs == []
    assert not (tmp_path / "run").exists()


def test_soft_borders_are_for_training_alone(toy_data: Path, tmp_path: Path) -> None:
    overrides = ["labels.border_s=0.3", "fit.epochs=1"]
    config = parse_config(TrainConfig, CONFIG, "toy.toml", overrides=overrides)
    train_run(config, open_recordings(toy_data / "data", None, [1, 2]), tmp_path / "run", CONFIG)
    with np.load(tmp_path / "run" / "windows.npz") as windows:
        train, validation = windows["y_train"], windows["y_validation"]
    assert set(np.unique(validation)) == {0, 1}
    assert ((train > 0.1) & (train < 0.9)).any()
    assert train.sum(axis=1) == pytest.approx(1)
