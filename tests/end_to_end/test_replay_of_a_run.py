"""Real runs as processes, however they end, and what `replay` makes of their logs."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import CLI, neurograsp

from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING

pytestmark = pytest.mark.slow

RUN = ("run", "--bundle", str(PRETRAINED), "--source", f"playback:{PRETRAINED_RECORDING}")
ENOUGH = 120_000
"""Bytes of a log: some seconds of it."""


@pytest.fixture
def running(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A run in a session of its own that has logged for a while."""
    log = tmp_path / "session.mcap"
    command = [*CLI, *RUN, "--seconds", "60", "--log", str(log)]
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(command, start_new_session=True, stdout=nothing, stderr=nothing)
    try:
        deadline = time.monotonic() + 120
        while not log.exists() or log.stat().st_size < ENOUGH:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_ended_run_gives_the_same_again(
    how: signal.Signals, running: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    if how is signal.SIGKILL:
        os.killpg(running.pid, how)
    else:
        running.send_signal(how)
    running.wait(60)
    time.sleep(1.0)  # the observer has what was sent, and ends after the run
    done = neurograsp("replay", tmp_path / "session.mcap", "--json")
    report = json.loads(done.stdout)
    same = report["same"]
    assert same["differences"] == []
    assert done.returncode == 0
    assert same["ticks"] > 50
    assert same["decisions"] > 10
    assert (report["cut"] is None) == (how is not signal.SIGKILL)
