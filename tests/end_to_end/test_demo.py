"""`neurograsp demo`: the commands that it runs are tested elsewhere; here what it adds."""

import fcntl
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import CLI, neurograsp

from neurograsp.edge_runtime.cli import main


@pytest.mark.parametrize(
    "options",
    [
        ["rest", "--pretrained"],
        ["--pretrained", "--seed", "0"],
        ["--pretrained", "--out", "x"],
        ["--fast", "--seconds", "3"],
        ["--seconds", "0"],
        ["--seconds", "nan"],
    ],
)
def test_options_that_would_be_ignored_are_refused(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "--" in captured.err


def test_what_cannot_be_written_is_found_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("mine")
    assert main(["demo", "emg", "--out", str(tmp_path)]) == 4
    captured = capsys.readouterr()
    assert "holds something else" in captured.err
    assert "$ neurograsp train" not in captured.out


def test_two_demos_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main(["demo", "--out", str(tmp_path)]) == 4
    captured = capsys.readouterr()
    assert "another demo writes there" in captured.err
    assert "$ neurograsp train" not in captured.out


@pytest.mark.slow
def test_the_pretrained_demo_needs_no_training() -> None:
    result = neurograsp("demo", "--pretrained", "--seconds", "4")
    assert result.returncode == 0, result.stderr
    assert "golden      reproduced" in result.stdout
    assert "deadline misses" in result.stdout
    assert "joints moved by" in result.stdout


@pytest.mark.long
def test_without_brainflow_the_recording_is_played_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "brainflow.py").write_text("raise ImportError('not here')")
    result = neurograsp("demo", "--pretrained", "--seconds", "5", environment={"PYTHONPATH": str(tmp_path)})
    assert result.returncode == 0, result.stderr
    assert "joints moved by" in result.stdout


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(n, marks=pytest.mark.long) for n in (signal.SIGTERM, signal.SIGHUP))],
)
def test_nothing_goes_on_after_the_demo_was_ended(number: signal.Signals) -> None:
    """The control loop and the hand are processes of their own."""
    with subprocess.Popen(
        [*CLI, "demo", "--pretrained", "--seconds", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as demo:
        try:
            family = wait_for_the_hand(demo.pid)
            demo.send_signal(number)
            out, err = demo.communicate(timeout=20)
        finally:
            demo.kill()
    assert demo.returncode == 130, err
    assert b"Traceback" not in err
    assert b"deadline misses" in out, "what happened until then is told"
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]


def wait_for_the_hand(pid: int) -> list[int]:
    """The processes below, once the simulated hand is one of them."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        family = descendants(pid)
        if any("neurohand" in program_of(one) for one in family):
            time.sleep(1.0)
            return family
        time.sleep(0.05)
    raise AssertionError("the hand never started")


def descendants(pid: int) -> list[int]:
    try:
        own = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return own + [one for child in own for one in descendants(child)]


def program_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


@pytest.mark.long
@pytest.mark.timeout(1200)  # it trains
def test_a_whole_demo_ends_with_what_it_found(tmp_path: Path) -> None:
    result = neurograsp("demo", "emg", "--seconds", "4", "--out", tmp_path / "emg", timeout=1200)
    assert result.returncode == 0, result.stderr
    ending = result.stdout[result.stdout.index("$ neurograsp evaluate") :]
    wanted = (
        *("AUC (macro", "accuracy", "  events found", "  false activations a minute", "latency, median"),
        *("another day", "  tick  ", "  deadline misses", "  link", "  commands", "  joints moved by"),
        *("\nreport:", "\npicture:", "\nbundle:"),
    )
    places = [ending.rindex(word) for word in wanted]
    assert places == sorted(places)
    made = {path.name for path in (tmp_path / "emg").iterdir()}
    assert made == {"run", "bundle", "session.json", "report", ".lock"}
    report = {path.name for path in (tmp_path / "emg" / "report").iterdir()}
    assert report == {"report.html", "demo.png", "metrics.json"}
