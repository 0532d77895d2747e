"""Training as a whole: what it learns, what it cannot have learnt, and what it refuses early."""

from pathlib import Path

import numpy as np
import pytest
from toys import CONFIG

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import open_recordings
from neurograsp.train.run import train_run


def test_labels_mean_something(toy_data: Path, tmp_path: Path) -> None:
    """What shuffled ones mean: see test_leaks."""
    recordings = open_recordings(toy_data / "data", None, [1, 2, 3])
    metrics = train_run(
        parse_config(TrainConfig, CONFIG, "toy.toml"), recordings, tmp_path / "run", CONFIG
    ).metrics
    assert min(metrics[model]["auc_macro"] for model in ("float", "linear")) > 0.9


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


@pytest.mark.slow
def test_soft_borders_are_for_training_the_network_alone(toy_data: Path, tmp_path: Path) -> None:
    recordings = open_recordings(toy_data / "data", None, [1, 2])
    for run, border_s in (("run", 0.3), ("hard", 0.0)):
        overrides = [f"labels.border_s={border_s}", "fit.epochs=1", "fit.refit=true"]
        config = parse_config(TrainConfig, CONFIG, "toy.toml", overrides=overrides)
        train_run(config, recordings, tmp_path / run, CONFIG)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(
        path.name for path in (tmp_path / "hard").iterdir()
    )
    with np.load(tmp_path / "run" / "linear.npz") as soft, np.load(tmp_path / "hard" / "linear.npz") as hard:
        assert np.array_equal(soft["weights"], hard["weights"])
    with np.load(tmp_path / "run" / "windows.npz") as windows:
        train, validation = windows["y_train"], windows["y_validation"]
    assert set(np.unique(validation)) == {0, 1}
    assert ((train > 0.1) & (train < 0.9)).any()
    assert train.sum(axis=1) == pytest.approx(1)
