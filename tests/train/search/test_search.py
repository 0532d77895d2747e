"""Searches of toy trials, in real processes: nothing is lost and nothing done twice, whatever ends."""

import json
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_search import toy_command, toy_search

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.files import alone
from neurograsp.train.search.plan import plan_search
from neurograsp.train.search.search import Search
from neurograsp.train.search.space import read_space
from neurograsp.train.search.study import Trial

WriteSpace = Callable[[str], Path]

SPACE = "[search]\nfit.learning_rate = {low = 1e-4, high = 1e-1, log = true}"
GRID = '[grid]\nnetworks = ["eegnet", "article_lstm"]'
FOREVER_S = 60.0


def done(trials: list[Trial]) -> list[str]:
    """The parameters of the complete ones."""
    return [json.dumps(trial.parameters) for trial in trials if trial.state == "complete"]


@pytest.mark.slow
def test_a_search_ends_goes_on_and_tells(write_space: WriteSpace, tmp_path: Path) -> None:
    space, out = write_space(SPACE), tmp_path / "out"
    assert len(toy_search(space, out, 1).trials()) == 1
    trials = toy_search(space, out, 3, jobs=2).trials()
    assert [trial.state for trial in trials] == ["complete"] * 3
    assert len(set(done(trials))) == 3, "a sampler that began anew would draw the same"
    found = json.loads((out / "search.json").read_bytes())
    assert found["ended"] == 3
    best = max(trials, key=lambda trial: trial.score or 0)
    assert found["best_trial"] == best.number
    run = out / found["trials"][best.number]["run"]
    assert json.loads((run / "metrics.json").read_bytes())["auc_macro"]["float"] == best.score
    fit = tomllib.loads((out / "best.toml").read_text())["fit"]
    assert fit["learning_rate"] == best.parameters["fit.learning_rate"]
    assert fit["epochs"] == 4


def test_a_trial_that_is_refused_is_kept_and_one_that_crashed_tried_again(
    write_space: WriteSpace, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    space = write_space(f"seed = 10\n{SPACE}\nfit.batch_size = {{choices = [13, 14, 15, 16]}}")
    first = toy_search(space, out, 3).trials()
    assert [trial.parameters["fit.batch_size"] for trial in first] == [15, 14, 13]
    assert [trial.state for trial in first] == ["complete", "failed", "failed"]
    assert [trial.reason for trial in first] == [None, "signal 9", "neurograsp train: fit: unlucky"]
    again = toy_search(space, out, 3).trials()
    assert [trial.state for trial in again] == ["complete", "lost", "failed", "failed"]
    assert again[3].retry_of == 1
    assert again[3].parameters == again[1].parameters


def test_a_search_in_which_nothing_works_ends(write_space: WriteSpace, tmp_path: Path) -> None:
    space = write_space(f"{SPACE}\nfit.batch_size = {{choices = [13]}}")
    with pytest.raises(ConfigError, match="the first 5 trials failed, the last with: .* unlucky"):
        toy_search(space, tmp_path / "out", 50)


def test_trials_are_not_refitted_what_is_best_is(write_space: WriteSpace, tmp_path: Path) -> None:
    path, base = write_space(SPACE), tmp_path / "toy.toml"
    base.write_text(base.read_text().replace("[fit]", "[fit]\nrefit = true"))
    toy_search(path, tmp_path / "out", 1)
    tried, best = ((tmp_path / "out" / name).read_text() for name in ("configs/0000.toml", "best.toml"))
    assert "refit = false" in tried
    assert "refit = true" in best


def test_values_that_do_not_go_together_fail_alone(write_space: WriteSpace, tmp_path: Path) -> None:
    path = write_space(
        "seed = 11\n[search]\nactions.output = {choices = ['sigmoid', 'softmax']}\n"
        "labels.unlabelled = {choices = ['unknown', 'none']}"
    )
    base = tmp_path / "toy.toml"
    base.write_text(base.read_text().replace('"softmax"\nrest = "rest"', '"sigmoid"'))
    first, second = toy_search(path, tmp_path / "out", 2).trials()
    assert first.state == "complete"
    assert second.state == "failed"
    assert "a softmax always has one action" in (second.reason or "")
    assert len(list(tmp_path.glob("out/begun/*"))) == 1


@pytest.mark.parametrize(
    "text", [pytest.param(SPACE, id="search", marks=pytest.mark.slow), pytest.param(GRID, id="grid")]
)
def test_a_killed_search_loses_nothing(write_space: WriteSpace, tmp_path: Path, text: str) -> None:
    space, out = write_space(text), tmp_path / "out"
    n_trials = 6
    toy_search(space, out, 2) if text == SPACE else out.mkdir()
    before = len(list(out.glob("begun/*")))
    (out / "hold").touch()
    program = Path(__file__).with_name("toy_search.py")
    search = subprocess.Popen([sys.executable, str(program), str(space), str(out), str(n_trials), "2"])
    try:
        until(lambda: len(list(out.glob("begun/*"))) == before + 2)
    finally:
        search.kill()
        search.wait()
    begun = [int(path.name.partition("-")[2]) for path in out.glob("begun/*")]
    until(lambda: not any(alive(pid) for pid in begun))
    (out / "hold").unlink()
    trials = toy_search(space, out, n_trials).trials()
    states = [trial.state for trial in trials]
    assert states.count("complete") == n_trials
    assert states.count("lost") == 2
    assert len(states) == n_trials + 2
    assert len(set(done(trials))) == n_trials
    lost = {trial.number: trial.parameters for trial in trials if trial.state == "lost"}
    assert {t.retry_of: t.parameters for t in trials if t.retry_of is not None} == lost


@pytest.mark.slow
def test_an_interrupted_search_ends_its_trials(write_space: WriteSpace, tmp_path: Path) -> None:
    space, out = write_space(SPACE), tmp_path / "out"
    out.mkdir()
    (out / "hold").touch()
    program = Path(__file__).with_name("toy_search.py")
    command = [sys.executable, str(program), str(space), str(out), "3", "2"]
    search = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until(lambda: len(list(out.glob("begun/*"))) == 2)
        search.send_signal(signal.SIGINT)
        search.wait(FOREVER_S)
    finally:
        search.kill()
    assert not any(alive(int(path.name.partition("-")[2])) for path in out.glob("begun/*"))
    states = [trial["state"] for trial in json.loads((out / "search.json").read_bytes())["trials"]]
    assert states == ["lost", "lost", "waiting", "waiting"]


def test_a_run_that_nobody_saw_end_is_kept(write_space: WriteSpace, tmp_path: Path) -> None:
    """Killed between the end of a trial and the study's word of it."""
    space, out = write_space(SPACE), tmp_path / "out"
    plan = plan_search(read_space(space, {}), 2)
    first = toy_search(space, out, 1)
    asked = Search(plan, out, 1, toy_command)._study.ask()
    shutil.copytree(first.run_folder(0), first.run_folder(asked.number))
    (out / "trials/.0001-unfinished").mkdir()
    trials = toy_search(space, out, 2).trials()
    assert [trial.state for trial in trials] == ["complete", "complete"]
    assert len(list(out.glob("begun/*"))) == 1
    assert not list(out.glob("trials/.*"))


def test_a_grid_trains_every_cell_once_and_says_what_is_best(write_space: WriteSpace, tmp_path: Path) -> None:
    space, out = write_space(GRID), tmp_path / "out"
    toy_search(space, out, 0)
    toy_search(space, out, 0)
    assert len(list(out.glob("begun/*"))) == 6
    found = json.loads((out / "search.json").read_bytes())
    assert found["best_network"] in ("eegnet", "article_lstm")
    assert {axis: len(values) for axis, values in found["summary"].items()} == {
        "subject": 1,
        "fold": 3,
        "network": 2,
    }
    assert all(figures["n"] == 2 for figures in found["summary"]["fold"].values())
    best = tomllib.loads((out / "best.toml").read_text())
    assert best["network"]["name"] == found["best_network"]
    assert best["data"]["sessions"] == [1, 2, 3]


@pytest.mark.slow
def test_another_search_in_the_folder_is_refused(write_space: WriteSpace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    toy_search(write_space(SPACE), out, 1)
    with pytest.raises(ConfigError, match="holds another search"):
        toy_search(write_space(SPACE.replace("1e-4", "1e-5")), out, 1)
    base = tmp_path / "toy.toml"
    base.write_text(base.read_text().replace("epochs = 4", "epochs = 5"))
    with pytest.raises(ConfigError, match="holds another search"):
        toy_search(write_space(SPACE), out, 1)


def test_a_folder_in_use_is_refused(write_space: WriteSpace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with alone(out, "search", "search.lock"), pytest.raises(ConfigError, match="another search writes there"):
        toy_search(write_space(SPACE), out, 1)


@pytest.mark.parametrize("damage", [b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_study_is_refused(write_space: WriteSpace, tmp_path: Path, damage: bytes) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "study.db").write_bytes(damage)
    with pytest.raises(ConfigError, match=r"study.db: (is no study|cannot be read)"):
        toy_search(write_space(SPACE), out, 1)


def test_a_path_that_would_be_cut_off_is_refused(write_space: WriteSpace, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a question mark"):
        toy_search(write_space(SPACE), tmp_path / "what?", 1)


def until(true: Callable[[], bool], seconds: float = FOREVER_S) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be seen by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
