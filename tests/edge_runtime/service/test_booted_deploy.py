"""`neurograsp deploy` onto a real systemd that runs the real unit; nsenter stands in for ssh."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from booted import PROGRAM, REPOSITORY, Booted, booted
from slot_bundles import make_bundle

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.deploy.archive import pack

UNIT = "neurograsp.service"
SETTLE_S = 2
DEPLOY = (Path(sys.executable).with_name("neurograsp"), "deploy", "--program", PROGRAM, "--json")
TERMS = ("--test", "0.2", "--max-misses", "100", "--settle", str(SETTLE_S), "--trial", "40")
SSH = """#!/bin/sh
for last; do :; done
exec nsenter -t {pid} -m -p -u -i -C -- sh -c "$last"
"""


@dataclass
class Board:
    """A booted system whose service is well with every bundle but `sick`."""

    system: Booted
    bundles: dict[str, Path]
    path: str

    def start(self, *words: str | Path) -> "subprocess.Popen[str]":
        command = [str(word) for word in (*DEPLOY, *TERMS, *words)]
        environment = {**os.environ, "PATH": self.path}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    def deploy(self, *words: str | Path) -> dict[str, Any]:
        with self.start(*words) as deploying:
            assert deploying.stdout is not None
            assert deploying.stderr is not None
            deploying.stderr.read()
            (board,) = json.loads(deploying.stdout.read())["boards"]
        assert isinstance(board, dict)
        return board

    @property
    def runs(self) -> str:
        """The slot that is current, while the service is up."""
        self.system.wait_for(UNIT, 20, ActiveState="active", StatusText="disarmed")
        return self.system.run("readlink", "/var/lib/neurograsp/current").stdout.strip()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("deployed")
    bundles = {name: make_bundle(folder, name) for name in ("old", "new", "sick")}
    sick = pack(open_bundle(bundles["sick"])).sha256
    drop_in = (
        f"[Service]\nBindReadOnlyPaths={REPOSITORY}\nRestartSec=0.2\n"
        f'ExecStartPre=sh -c "! sha256sum /var/lib/neurograsp/current | grep -q {sick}"\n'
    )
    with booted(folder) as system:
        if system is None:
            pytest.skip("no root, no systemd, or no namespaces")
        ssh = folder / "bin" / "ssh"
        ssh.parent.mkdir()
        ssh.write_text(SSH.format(pid=system.pid))
        ssh.chmod(0o755)
        system.install_program()
        system.run("mkdir", "-p", "/var/lib/neurograsp")
        system.write(f"/etc/systemd/system/{UNIT}.d/test.conf", drop_in)
        options = ("--tries", "3", "--", "--source", "synthetic", "--hand", "none")
        done = system.run(PROGRAM, "service", "install", *options)
        assert done.returncode == 0, done.stderr
        made = Board(system, bundles, f"{ssh.parent}:{os.environ['PATH']}")
        first = made.deploy("board", bundles["old"])
        assert (first["outcome"], first["reason"]) == ("confirmed", "nothing was restarted: inactive (dead)")
        assert system.run("systemctl", "start", UNIT).returncode == 0
        yield made


@pytest.mark.slow
def test_the_service_runs_the_new_bundle_and_the_old_one_again(board: Board) -> None:
    before = board.system.show(UNIT, "InvocationID")
    new = board.deploy("board", board.bundles["new"])
    assert (new["outcome"], new["status"]["armed"]) == ("confirmed", False)
    assert new["reason"] == f"healthy for {SETTLE_S} s: active (running): disarmed"
    assert board.system.show(UNIT, "InvocationID") != before
    assert board.runs == "b"
    assert board.deploy("--rollback", "board")["outcome"] == "confirmed"
    assert board.runs == "a"


@pytest.mark.long
def test_a_bundle_with_which_the_unit_fails_is_taken_back(board: Board) -> None:
    result = board.deploy("board", board.bundles["sick"])
    assert result["outcome"] == "returned"
    assert "the service does not run: failed (failed)" in result["reason"]
    assert "the old bundle runs again (healthy" in result["reason"]
    assert board.runs == "a"


@pytest.mark.slow
def test_slots_that_the_unit_does_not_run_are_refused(board: Board) -> None:
    result = board.deploy("--root", "/var/lib/other", "board", board.bundles["new"])
    assert result["outcome"] == "refused"
    assert f"{UNIT} does not run /var/lib/other/current" in result["reason"]


@pytest.mark.long
def test_what_nobody_watched_is_left_by_the_service_too(board: Board) -> None:
    """The new bundle is up when its watcher is killed; the old one, deployed again, is there already."""
    before = board.system.show(UNIT, "InvocationID")
    with board.start("--settle", "30", "board", board.bundles["new"]) as deploying:
        assert deploying.stderr is not None
        for line in deploying.stderr:
            if ": switched" in line:
                break
        while board.system.show(UNIT, "InvocationID") == before:
            time.sleep(0.05)
        assert board.runs == "b"
        (serve,) = board.system.run("pgrep", "-f", "slot serve --root=/var").stdout.split()[-1:]
        board.system.run("kill", f"-{signal.SIGKILL}", serve)
        deploying.terminate()
    trial = board.system.show(UNIT, "InvocationID")
    assert board.deploy("board", board.bundles["old"])["outcome"] == "unchanged"
    assert board.system.show(UNIT, "InvocationID") != trial
    assert board.runs == "a"


@pytest.mark.slow
def test_a_watcher_that_was_killed_costs_the_new_bundle_its_place(board: Board) -> None:
    """What a power cut leaves: on trial, watched by nobody. The next start goes back."""
    with board.start("board", board.bundles["new"]) as deploying:
        assert deploying.stderr is not None
        for line in deploying.stderr:
            if ": switched" in line:
                break
        (serve,) = board.system.run("pgrep", "-f", "slot serve --root=/var").stdout.split()[-1:]
        board.system.run("kill", f"-{signal.SIGKILL}", serve)
        # A restart that it had asked for may be under way, and goes back already.
        assert board.runs in ("a", "b")
        assert board.system.run("systemctl", "restart", UNIT).returncode == 0
        assert board.runs == "a"
        deploying.stderr.read()
        assert deploying.stdout is not None
        (result,) = json.loads(deploying.stdout.read())["boards"]
    assert result["outcome"] == "returned"
    assert result["reason"].startswith("nobody watched it any more")
