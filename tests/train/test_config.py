"""A training configuration is refused before anything is read or trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from toys import REPOSITORY, toy_signal

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.decision_spec import Proportional
from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Labels, Recording
from neurograsp.train.signal_fit import fit_scale, fit_signals

CONFIG = REPOSITORY / "examples" / "configs" / "gal_windows.toml"


def test_the_rule_of_speed_reaches_the_decision_layer() -> None:
    overrides = ["decision.proportional.of=force", "decision.proportional.most=60"]
    config = parse_config(TrainConfig, CONFIG.read_text(), "x", overrides=overrides)
    assert config.decision.template(6).proportional == Proportional("force", 30, 60)
    assert parse_config(TrainConfig, CONFIG.read_text(), "x").decision.template(6).proportional is None


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("decision.dwell=0", "dwell"),
        ("decision.smooth=0", "smooth"),
        ("decision.refractory_s=-1", "refractory_s"),
        ("decision.target_fa_per_min=-1", "target_fa_per_min"),
        ("decision.proportional={of='torque'}", "'torque' is not possible"),
        ("decision.proportional={of='speed',most=120}", "decision.proportional: percent"),
        ("decision.after={Bogus=['HandStart']}", "Bogus"),
        ("decision.after={HandStart=['Bogus']}", "Bogus"),
        ("actions.labels={Bogus=['T1']}", "Bogus"),
        ("fit.seed=-1", "seed"),
        ("fit.seed=99999999999", "seed"),
        ("fit.label_smoothing=2", "label_smoothing"),
        ("labels.train_hop=0", "train_hop"),
        ("labels.skip_s=-5", "skip_s"),
        ("network.options={seed=1}", "fit.seed"),
    ],
)
def test_a_value_out_of_range_is_named(key: str, named: str, tmp_path: Path, capsys: Any) -> None:
    assert main(["train", str(CONFIG), "--out", str(tmp_path / "run"), "--set", key]) == 4
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_rest_is_no_action_that_comes_before_another(toy_data: Path) -> None:
    """Rest never starts, so what has to come after it never would."""
    text = (toy_data / "toy.toml").read_text()
    with pytest.raises(ConfigError, match=r"decision\.after: rest is none of fist"):
        parse_config(TrainConfig, text, "toy.toml", overrides=["decision.after={fist=['rest', '']}"])


def recording(counts: npt.NDArray[np.int32]) -> Recording:
    return Recording(
        counts=counts,
        rate_hz=250.0,
        channels=("C0", "C1"),
        lsb_uv=1.0,
        pieces=np.array([[0, 1000]]),
        frame_index=np.arange(1000),
        labels=Labels((), *(np.zeros(0, np.int64),) * 3),
        subject="1",
        session="1",
        source="here",
    )


@pytest.mark.parametrize("mostly", [0, 7])
def test_a_channel_that_never_changes_is_refused(mostly: int) -> None:
    """It has no scale: one count later would fill the network's whole input."""
    counts = np.random.default_rng(0).normal(0, 100, (1000, 2)).astype(np.int32)
    counts[:, 1] = 0
    counts[:mostly, 1] = 1
    with pytest.raises(RecordingError, match="here.*: C1 never changed"):
        fit_scale(toy_signal(), [recording(counts)])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"rate_hz": 500.0}, "there: rate_hz is 500.0, unlike that of here; train on one kind"),
        ({"channels": ("C1", "C0")}, r"there: channels is \('C1', 'C0'\), unlike that of here"),
        ({"lsb_uv": None}, "there: lsb_uv is None, unlike that of here"),
    ],
)
def test_people_who_were_recorded_in_other_ways_are_no_training_set(
    change: dict[str, Any], text: str
) -> None:
    one = recording(np.zeros((1000, 2), np.int32))
    other = replace(one, subject="2", source="there", **change)
    config = parse_config(TrainConfig, CONFIG.read_text(), "toy.toml")
    with pytest.raises(RecordingError, match=text):
        fit_signals(config, [one, other])
