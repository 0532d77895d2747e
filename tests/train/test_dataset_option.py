"""`neurograsp train --dataset NAME`, in this process and without a network."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
from toys import OPEN_GATES, REPOSITORY

from neurograsp.edge_runtime.cli import main

RUNS = REPOSITORY / "examples/data/physionet-eegmmidb-s001"
SMALL = (
    *("--set", "fit.epochs=1", "--set", "convert.method='ptq'"),
    *("--set", "signal.hop=80", "--set", "labels.train_hop=80"),
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder in which the default runs of EEGMMIDB are already."""
    folder = tmp_path / "all data"
    monkeypatch.setenv("NEUROGRASP_DATA", str(folder))
    shutil.copytree(RUNS, folder / "eegmmidb")
    return folder


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, object]:
    assert main(["train", "--print-config", *(str(one) for one in arguments)]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)["data"]
    return found


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str | Path) -> str:
    assert main(["train", *(str(one) for one in arguments)]) == code
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_without_a_configuration_the_data_set_has_one(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(capsys, "--dataset", "eegmmidb")
    assert found["path"] == str(data / "eegmmidb")
    assert (found["subjects"], found["sessions"]) == ([1], [3, 4])
    origin = found["origin"]
    assert isinstance(origin, dict)
    assert (origin["version"], origin["licence"]) == ("1.0.0", "ODC-By-1.0")
    assert "Schalk" in origin["citation"]


@pytest.mark.parametrize("run", ["1", "2", "5", "06", "9", "10", "13", "14"])
@pytest.mark.parametrize("chosen", ["--sessions=3,{}", "--set=data.sessions=[3,'{}']"])
def test_runs_whose_labels_are_no_fists_want_a_configuration(
    run: str, chosen: str, data: Path, toy_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "eegmmidb" / f"S001R{int(run):02}.edf").touch()
    arguments = ("--dataset", "eegmmidb", chosen.format(run), "--out", tmp_path / "run")
    line = refused(capsys, 4, *arguments)
    asked = run if "set" in chosen else int(run)
    assert f"in {asked} the labels mean something else than in its default configuration" in line
    assert "which is for 3, 4, 7, 8, 11, 12;" in line
    assert printed(capsys, "--dataset", "eegmmidb", "--sessions", "3,7")["sessions"] == [3, 7]


def test_with_a_configuration_its_recordings_are_the_data_sets(
    data: Path, toy_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = toy_data / "toy.toml"
    found = printed(capsys, config, "--dataset", "eegmmidb", "--sessions", "3,7")
    assert (found["path"], found["sessions"]) == (str(data / "eegmmidb"), [3, 7])
    elsewhere = data.parent / "elsewhere"
    data.rename(elsewhere)
    found = printed(capsys, config, "--dataset", "eegmmidb", "--data-dir", elsewhere, "--sessions", "3,7")
    assert found["path"] == str(elsewhere / "eegmmidb")


def test_subjects_and_sessions_choose_without_a_data_set_too(
    toy_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = printed(capsys, toy_data / "toy.toml", "--subjects", "1,B", "--sessions", "2")
    assert (found["subjects"], found["sessions"], found["origin"]) == ([1, "B"], [2], None)


def test_refusals(data: Path, toy_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("--out", data / "run")
    assert "name a configuration, or a data set" in refused(capsys, 2, *out)
    assert "by hand" in refused(capsys, 4, "--dataset", "way-eeg-gal", *out)
    assert "by hand" in refused(capsys, 4, "--dataset", "kaggle-grasp-and-lift", *out)
    assert "--data-dir" in refused(capsys, 2, toy_data / "toy.toml", "--data-dir", data, *out)
    assert not (data / "run").exists()


@pytest.mark.long
def test_from_the_name_of_a_data_set_to_a_bundle(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And once more by the configuration that the run kept, on what was fetched: the same scores."""
    pytest.importorskip("moabb")
    runs = (data / "run", data / "again")
    assert main(["train", "--dataset", "FakeDataset", *SMALL, "--out", str(runs[0])]) == 0
    assert main(["train", str(runs[0] / "config.toml"), "--out", str(runs[1])]) == 0
    facts, again = (json.loads((run / "run.json").read_text()) for run in runs)
    assert (facts["train"], facts["validation"]) == (["1/0"], ["1/1"])
    assert facts["config"] == again["config"]
    assert facts["data_sha256"] == again["data_sha256"]
    assert (runs[0] / "metrics.json").read_text() == (runs[1] / "metrics.json").read_text()
    kept = tomllib.loads((runs[0] / "config.toml").read_text())["data"]
    bundle = data / "bundle"
    assert main(["convert", str(runs[0]), "--out", str(bundle), *OPEN_GATES]) == 0
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["provenance"]["config"]["data"]["origin"] == kept["origin"]
    capsys.readouterr()
    assert main(["evaluate", str(bundle), kept["path"], "--sessions", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_events"]["int8"] > 0
