"""train -> convert -> evaluate -> inspect -> run through the command line, on the data of the repository."""

import json
from pathlib import Path

import pytest
from commands import neurograsp
from toys import OPEN_GATES, REPOSITORY, Toy

from neurograsp.edge_runtime.cli import main

MEASURES = (
    "auc_macro",
    "balanced_accuracy",
    "n_events",
    "event_tpr",
    "false_activations_per_min",
    "detection_latency_ms_p50",
)
EXAMPLES = REPOSITORY / "examples"
SMALL = "{filters = 4, mixed_filters = 8}"
JOBS = {
    "gal_windows": ("way-eeg-gal-windows", "[1, 2]", "2", ["1/2"], "2", SMALL),
    "eegmmidb": ("physionet-eegmmidb-s001", "[3, 4]", "4", ["1/4"], "40", "{}"),
    "myo": ("myo-readings", "[1]", "1", ["12345/1"], "50", SMALL),
}
"""Folder, sessions to train on, the session to score, the validation recordings, a hop that is quick, options
of a small network."""


@pytest.mark.long
@pytest.mark.parametrize("job", JOBS)
def test_every_example_goes_the_whole_way(
    job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, because loading TensorFlow anew for each step would take most of the time."""
    data, sessions, last, validation, hop, options = JOBS[job]
    run, bundle = tmp_path / "run", tmp_path / "bundle"

    def command(*arguments: str | Path) -> str:
        assert main([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    command(
        *("train", EXAMPLES / "configs" / f"{job}.toml", "--out", run, "--set", "fit.epochs=1"),
        *("--set", f"data.sessions={sessions}", "--set", f"labels.train_hop={hop}"),
        *("--set", f"signal.hop={hop}", "--set", f"network.options={options}"),
    )
    facts = json.loads((run / "run.json").read_text())
    assert facts["validation"] == validation
    assert facts["config"]["fit"]["epochs"] == 1
    command("convert", run, "--out", bundle, "--method", "ptq", *OPEN_GATES)
    assert json.loads(command("inspect", bundle, "--json"))["manifest"]["network"]["method"] == "ptq"
    assert ("laplacian -> bandpass 8-30 Hz" in command("inspect", bundle)) == (job == "eegmmidb")

    scores = json.loads(command("evaluate", bundle, EXAMPLES / "data" / data, "--sessions", last, "--json"))
    for name in MEASURES:
        assert set(scores[name]) == {"float", "int8", "linear"}
    assert all(0 <= value <= 1 for value in scores["auc_macro"].values())
    assert scores["n_events"]["int8"] > 0
    has_rest = job != "gal_windows"
    assert (scores["false_activations_per_min"]["int8"] is not None) == has_rest
    assert (scores["event_tpr"]["int8"] is not None) == has_rest


def test_evaluate_selects_sessions(toy: Toy) -> None:
    both = json.loads(neurograsp("evaluate", toy.bundle, toy.data, "--sessions", "2,3", "--json").stdout)
    one = json.loads(
        neurograsp("evaluate", toy.bundle, toy.data, "--subjects", "1", "--sessions", "3", "--json").stdout
    )
    assert both["recordings"] == ["1/2", "1/3"]
    assert one["recordings"] == ["1/3"]
    assert both["n_events"]["int8"] == 2 * one["n_events"]["int8"]


@pytest.mark.slow
def test_playback_moves_the_simulated_hand(tmp_path: Path) -> None:
    samples = REPOSITORY / "edge_runtime" / "samples"
    out = tmp_path / "session.json"
    result = neurograsp(
        *("run", "--bundle", samples / "bundles" / "grasp-and-lift", "--hand", "sim"),
        *("--source", f"playback:{samples / 'way-eeg-gal' / 'subj1_series7.npz'}"),
        *("--speed", "8", "--json", "--out", out),
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["ended"] == "the recording ended"
    assert report["stream"]["frames"] == 23_098
    assert report["stream"]["gaps"] > 100
    assert report["stream"]["repeated"] == 0
    link = report["hand"]["link"]
    assert 0 <= link["sent"] - link["acked"] <= 1, "all but a request that the end overtook"
    assert link["nacks"] == link["crc_errors"] == 0
    assert set(report["hand"]["commands"]) == {"REACH", "TOUCH", "GRIP", "LIFT", "REPLACE", "RELEASE"}
    assert max(report["hand"]["moved"]["travel_us"]) > 100
    assert len(json.loads(out.read_text())["log"]) == report["decisions"]
