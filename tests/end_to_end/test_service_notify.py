"""What a service manager hears of a real `neurograsp run`, from its start to its end."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import CLI

from neurograsp.edge_runtime.cli import main

BUNDLE = Path(__file__).parents[2] / "edge_runtime/samples/bundles/grasp-and-lift"
WATCHDOG_S = 1.0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def environment(manager: socket.socket) -> dict[str, str]:
    return {
        **os.environ,
        "NOTIFY_SOCKET": manager.getsockname(),
        "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
    }


def hear(manager: socket.socket, line: str) -> list[str]:
    """All lines until this one came."""
    heard: list[str] = []
    while line not in heard:
        heard += manager.recv(4096).decode().split("\n")
    return heard


def drain(manager: socket.socket) -> None:
    manager.setblocking(False)
    try:
        while manager.recv(4096):
            pass
    except BlockingIOError:
        pass
    manager.settimeout(60)


def environments_of_children(pid: int) -> list[bytes]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{child}/environ").read_bytes() for child in children]


@pytest.mark.slow
def test_ready_then_fed_then_not_fed_while_it_hangs_and_stopping_at_the_end(manager: socket.socket) -> None:
    command = [*CLI, "run", "--bundle", BUNDLE, "--source", "synthetic", "--hand", "sim"]
    run = subprocess.Popen(
        command, env=environment(manager), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        heard = hear(manager, "READY=1") + hear(manager, "STATUS=armed") + hear(manager, "WATCHDOG=1")
        assert "STATUS=disarmed" in heard
        hand = environments_of_children(run.pid)
        assert hand
        assert not any(b"NOTIFY_SOCKET" in one or b"WATCHDOG" in one for one in hand)
        run.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        drain(manager)
        manager.settimeout(WATCHDOG_S)
        with pytest.raises(TimeoutError):
            manager.recv(4096)
        manager.settimeout(60)
        # The hand has stopped by itself meanwhile, and nobody can arm it again.
        run.send_signal(signal.SIGCONT)
        (status,) = [line for line in hear(manager, "STOPPING=1") if line.startswith("STATUS=ended")]
        assert len(status) > len("STATUS=ended: ")
        assert run.wait(60) == 5
    finally:
        run.kill()
        run.wait()


@pytest.fixture
def as_service(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(manager).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("as_service")
def test_why_a_service_did_not_start_is_its_status(manager: socket.socket, tmp_path: Path) -> None:
    assert main(["run", "--bundle", str(tmp_path / "none"), "--source", "synthetic"]) == 4
    (status,) = [line for line in hear(manager, "STOPPING=1") if line.startswith("STATUS=")]
    assert "no such bundle" in status


@pytest.mark.usefixtures("as_service")
def test_a_service_arms_nothing_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--bundle", str(BUNDLE), "--source", "synthetic", "--hand", "/dev/null", "--arm"]
    assert main(["run", *options]) == 2
    assert "--arm-by" in capsys.readouterr().err


@pytest.mark.parametrize("refused", [True, False])
def test_a_service_of_whatever_type_arms_nothing_by_itself(
    refused: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a unit without Type=notify this is the only sign; a terminal hands on that of another process."""
    monkeypatch.setenv("SYSTEMD_EXEC_PID", str(os.getpid() if refused else 1))
    options = ["--bundle", str(BUNDLE.parent / "none"), "--source", "synthetic", "--hand", "sim", "--arm"]
    assert main(["run", *options]) == (2 if refused else 4)
    assert ("would arm by itself" in capsys.readouterr().err) is refused
