"""A search on a real local Ray instance with two workers, one of which is killed midway."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from test_search import FOREVER_S, until

from neurograsp.edge_runtime.cli import main

pytest.importorskip("ray")
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SPACE = "[search]\nfit.learning_rate = {low = 1e-3, high = 1e-2, log = true}\nfit.epochs = {choices = [1]}"
N_TRIALS = 4


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """A head node with two CPUs, ended with all its processes."""
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        free.bind(("", 0))
        port = free.getsockname()[1]
        free.close()
        ray = Path(sys.executable).with_name("ray")
        command = [str(ray), "start", "--head", "--block", f"--port={port}", "--num-cpus=2"]
        quiet = ["--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}"]
        said = Path(folder) / "said.txt"
        with said.open("wb") as log:
            head = subprocess.Popen(
                [*command, *quiet], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            until(lambda: b"Ray runtime started" in said.read_bytes())
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()
            with suppress(subprocess.TimeoutExpired):
                head.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(head.pid, signal.SIGKILL)


def parents_of(config: Path) -> set[int]:
    """The processes that started a trial."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if str(config).encode() in words:
                found.add(int((process / "stat").read_text().rpartition(")")[2].split()[1]))
        except OSError:
            continue
    return found


def test_a_killed_worker_loses_no_trial(
    ray_address: str, write_space: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "neurograsp.edge_runtime.cli", "search", str(write_space(SPACE))]
    options = ["--out", str(out), "--ray", ray_address, "--trials", str(N_TRIALS), "--json"]
    search = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        config = out / "configs/0000.toml"
        until(lambda: bool(list(out.glob("trials/.0000-*/frames_validation.npy"))), 3 * FOREVER_S)
        (worker,) = parents_of(config)
        assert worker != search.pid
        os.kill(worker, signal.SIGKILL)
        said, _ = search.communicate(timeout=5 * FOREVER_S)
    finally:
        search.kill()
    assert search.returncode == 0
    found = json.loads(said)
    assert Counter(trial["state"] for trial in found["trials"]) == {"complete": N_TRIALS}
    assert len({json.dumps(trial["parameters"]) for trial in found["trials"]}) == N_TRIALS
    for trial in found["trials"]:
        assert (out / trial["run"] / "model.keras").is_file()


def test_nobody_at_the_address(
    write_space: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        out = ["--out", str(tmp_path / "out"), "--ray", address]
        assert main(["search", str(write_space(SPACE)), *out]) == 5
    said = capsys.readouterr().err.strip()
    assert f"{address}: no Ray cluster" in said
    assert "\n" not in said
