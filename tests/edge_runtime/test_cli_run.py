"""What `neurograsp run` checks before anything moves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import RATE_HZ, toy_signal

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.demo import SAMPLES
from neurograsp.edge_runtime.cli.hands import check_commands, check_force, open_hand
from neurograsp.edge_runtime.cli.sources import open_source, skip
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec, Proportional
from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError, UsageError
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.firmware_bridge.host_firmware import SimulatedHand, read_trace


def test_a_command_that_the_hand_lacks_is_refused_before_arming() -> None:
    actions = ActionSet(("rest", "radial"), ("REST", "WRIST_RADIAL"), "softmax", "rest")
    spec = replace(toy_signal(), actions=actions)
    with open_hand("sim") as hand:
        with pytest.raises(ConfigError, match="WRIST_RADIAL"):
            check_commands(spec, hand)
        check_commands(toy_signal(), hand)
        assert hand.link is not None
        assert not hand.link.state.attached


def test_a_hand_that_cannot_limit_its_force_is_refused_where_the_bundle_does() -> None:
    plain = DecisionSpec((0.6,) * 2, (0.4,) * 2)
    with open_hand("sim") as hand:
        with pytest.raises(ConfigError, match="cannot limit its force"):
            check_force(replace(plain, proportional=Proportional("force")), hand)
        check_force(replace(plain, proportional=Proportional("speed")), hand)
        check_force(plain, hand)


def test_skip_leaves_out_the_beginning() -> None:
    counts = np.arange(1000, dtype=np.int32)[:, None]
    frames = DeltaFrames(counts, np.arange(1000), RATE_HZ, ("C0",), None, "x")
    rest = skip(frames, 1.0)
    assert rest.counts[0, 0] == rest.frame_index[0] == round(RATE_HZ)
    for impossible in (4.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=r"4\.0 s"):
            skip(frames, impossible)


def test_a_live_board_must_stop_at_gaps() -> None:
    with pytest.raises(ConfigError, match=r"signal\.gap\.stop_after_s"):
        open_source("board:synthetic", toy_signal(stop_after_s="never"))


@pytest.mark.parametrize("option", [["--speed", "2"], ["--start", "5"]])
def test_options_of_playback_are_refused_elsewhere(option: list[str], capsys: Any) -> None:
    assert main(["run", "--bundle", "any", "--source", "synthetic", "--hand", "none", *option]) == 2
    assert "--source playback:FILE" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["playback:", "synthetic:x", "board:", "", "file.npz", "tape:x"])
def test_sources_of_another_form_are_usage_errors(text: str) -> None:
    for gap in (1.0, "never"):
        with pytest.raises(UsageError, match="playback:FILE"):
            open_source(text, toy_signal(stop_after_s=gap))


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere\.npz"):
        open_source(f"playback:{tmp_path / 'nowhere.npz'}", toy_signal())


def test_arming_needs_a_hand(capsys: Any) -> None:
    assert main(["run", "--bundle", "any", "--source", "synthetic", "--hand", "none", "--arm"]) == 2
    assert "no hand to arm" in capsys.readouterr().err


def test_a_processor_that_is_not_there_is_a_usage_error(capsys: Any) -> None:
    assert main(["run", "--bundle", "any", "--source", "synthetic", "--cpu", "4095"]) == 2
    assert "--cpu 4095: this process may run on 0" in capsys.readouterr().err


@pytest.mark.parametrize("arm", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_hand_of_ones_own_moves_only_when_armed(arm: bool, tmp_path: Path) -> None:
    trace, bundle = tmp_path / "trace.csv", SAMPLES / "bundles" / "grasp-and-lift"
    recording = SAMPLES / "way-eeg-gal" / "subj1_series7.npz"
    with SimulatedHand(trace) as hand:
        arguments = ["run", "--bundle", str(bundle), "--source", f"playback:{recording}", "--seconds", "3"]
        assert main([*arguments, "--hand", hand.url, *(["--arm"] if arm else [])]) == 0
    pulses = {row.joints_us for row in read_trace(trace)}
    attached = {joints for joints in pulses if any(joints)}
    assert (len(attached) > 1) == arm
    assert attached if arm else not attached
