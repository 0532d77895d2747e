"""`neurograsp search` with real trainings, and what its command line refuses."""

import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from test_search import FOREVER_S, GRID, SPACE, until

from neurograsp.edge_runtime.cli import main

WriteSpace = Callable[[str], Path]

SMALL = "[search]\nfit.epochs = {choices = [1]}\nfit.learning_rate = {low = 1e-3, high = 1e-2, log = true}"


def test_options_that_are_refused(
    write_space: WriteSpace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "out")]
    for text, option, words in (
        (SPACE, ["--trials", "0"], "--trials is 0"),
        (SPACE, ["--jobs", "-1"], "--jobs is -1"),
        (GRID, ["--trials", "5"], "a grid trains every cell once"),
    ):
        assert main(["search", str(write_space(text)), *out, *option]) == 2
        assert words in capsys.readouterr().err


def test_a_foreign_folder_is_refused(
    write_space: WriteSpace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", str(write_space(SPACE)), "--out", str(tmp_path)]) == 4
    assert "holds something else" in capsys.readouterr().err


def test_ray_that_is_not_installed(
    write_space: WriteSpace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    out = tmp_path / "out"
    assert main(["search", str(write_space(SPACE)), "--out", str(out), "--ray", "auto"]) == 3
    assert "ray is not installed: run `pip install '.[cluster]'`" in capsys.readouterr().err


@pytest.mark.long
def test_the_best_configuration_trains_anew_to_its_score(
    write_space: WriteSpace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    assert main(["search", str(write_space(SMALL)), "--out", str(out), "--trials", "2"]) == 0
    said = capsys.readouterr()
    assert "2 of 2 trials, 0 failed; auc_macro on the validation recordings" in said.out
    assert "2 of 2: trial 1, auc_macro 0." in said.err
    found = json.loads((out / "search.json").read_bytes())
    best = found["trials"][found["best_trial"]]
    assert main(["train", str(out / "best.toml"), "--out", str(again)]) == 0
    assert json.loads((again / "metrics.json").read_bytes())["auc_macro"]["float"] == best["score"]
    assert main(["compare", str(out / best["run"]), str(again)]) == 0


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_no_half_run(
    write_space: WriteSpace, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    space = write_space("[search]\nfit.epochs = {choices = [100000]}\nfit.patience = {choices = [100000]}")
    command = [sys.executable, "-m", "neurograsp.edge_runtime.cli", "search", str(space), "--out", str(out)]
    search = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: bool(list(out.glob("trials/.0000-*/frames_validation.npy"))))
        search.send_signal(number)
        _, said = search.communicate(timeout=FOREVER_S)
    finally:
        search.kill()
    assert search.returncode == 130
    assert "Traceback" not in said
    assert list(out.glob("trials/*")) == list(out.glob("trials/.*")) == []
    assert tomllib.loads((out / "configs/0000.toml").read_text())["fit"]["epochs"] == 100000
