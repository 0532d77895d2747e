"""The configuration beside the recordings."""

import pytest

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.recording.starter import configuration
from neurograsp.train.config import TrainConfig
from neurograsp.train.filter_design import design


@pytest.mark.parametrize("kind", ["eeg", "emg"])
@pytest.mark.parametrize("rate_hz", [125, 200, 250, 512, 1000, 2000, 4096])
@pytest.mark.parametrize("cue_s", [0.5, 4.0])
def test_it_is_one_that_train_takes(kind: "str", rate_hz: int, cue_s: float) -> None:
    text = configuration("mine", kind, ("reach", "wave"), rate_hz, cue_s)  # type: ignore[arg-type]
    config = parse_config(TrainConfig, text, "train.toml")
    assert config.actions.names == ("rest", "reach", "wave")
    assert config.actions.commands == ("REST", "REACH", "HOLD")
    stages = design(config.signal.filters, rate_hz, lambda *_: pytest.fail("nothing spatial"))
    assert len(stages) == len(config.signal.filters)
    kept_hz = rate_hz / max(1, rate_hz // 125) if kind == "eeg" else rate_hz
    assert config.signal.window / kept_hz + config.labels.skip_s < cue_s
    assert config.signal.hop <= config.signal.window
