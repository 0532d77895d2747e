"""record -> train -> convert -> evaluate; and a session in a terminal that Ctrl-C ends."""

import json
import os
import pty
import select
import sys
import time
from pathlib import Path

import pytest
from commands import CLI
from toys import OPEN_GATES

from neurograsp.edge_runtime.cli import main
from neurograsp.train.datasets import open_recordings

pytest.importorskip("brainflow")

SESSION = ("--actions", "reach,wave", "--repeats", "5", "--cue-s", "2", "--rest-s", "1")


@pytest.mark.long
def test_what_is_recorded_goes_the_whole_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """BrainFlow's synthetic board twice, in real time: the second session is not seen in training."""
    data, run, bundle = tmp_path / "data", tmp_path / "run", tmp_path / "bundle"

    def command(*arguments: str | Path) -> str:
        assert main([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    one = json.loads(command("record", "--source", "board:synthetic", "--out", data, *SESSION, "--json"))
    assert one["still"] == ["wave"]
    command("train", one["config"], "--out", run, "--set", "fit.epochs=1")
    assert json.loads((run / "run.json").read_text())["validation"] == ["1/1"]
    command("convert", run, "--out", bundle, "--method", "ptq", *OPEN_GATES)
    command("record", "--source", "board:synthetic", "--out", data, *SESSION)
    scores = json.loads(command("evaluate", bundle, data, "--sessions", "2", "--json"))
    assert scores["unseen"] == {"1/2": "cross-session"}
    assert scores["n_events"]["int8"] == 10
    command("run", "--bundle", bundle, "--source", "board:synthetic", "--hand", "none", "--seconds", "2")


@pytest.mark.slow
def test_ctrl_c_in_a_terminal(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        arguments = ("record", "--source", "synthetic", "--out", str(tmp_path), *SESSION)
        os.execv(sys.executable, (*CLI, *arguments))
    shown, pressed, end = b"", False, time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:
                break
        if not pressed and b"cue 3 of" in shown:
            os.write(terminal, b"\x03")
            pressed = True
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert shown.index(b"\x1b[?1049h") < shown.index(b"\x1b[?1049l") < shown.index(b"subj1_session1.bdf")
    (recording,) = open_recordings(tmp_path)
    assert len(recording.labels) >= 2
    assert recording.labels.stop[-1] == recording.n_frames
