"""`neurograsp monitor` as a person types it, wrong lines included."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from feed_publisher import Publisher, made_up_run, made_up_session
from monitor_rig import wait_for

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.telemetry.feed import Ask

MONITOR = (sys.executable, "-m", "neurograsp.edge_runtime.cli", "monitor")


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Publisher]:
    with Publisher(tmp_path / "feed.sock", made_up_session(), made_up_run(2)) as publisher:
        yield publisher


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["monitor", *arguments])
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    return code, output.err


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nothing.sock"
    code, line = refused(capsys, "--feed", str(path), "--port", "0")
    assert code == 5
    assert str(path) in line
    assert "run --feed" in line


def test_a_run_that_has_died_and_left_its_socket(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "feed.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert refused(capsys, "--feed", str(path), "--port", "0")[0] == 5


@pytest.mark.parametrize("version", [2, 99])
def test_a_run_of_another_version(version: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "feed.sock"
    with Publisher(path, replace(made_up_session(), version=version), iter(())):
        code, line = refused(capsys, "--feed", str(path), "--port", "0")
    assert code == 5
    assert f"version {version}" in line


@pytest.mark.slow
def test_somebody_else_on_the_socket(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "feed.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        code, line = refused(capsys, "--feed", str(path), "--port", "0")
    assert code == 5
    assert "does not tell of a run" in line


def test_a_port_in_use(feed: Publisher, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, line = refused(capsys, "--feed", str(tmp_path / "feed.sock"), "--port", port)
    assert code == 4
    assert port in line
    assert "free port" in line


@pytest.mark.parametrize("host", ["192.0.2.1", "nonsense", ""])
def test_an_address_of_another_machine(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refused(capsys, "--host", host, "--feed", "x.sock")
    assert code == 4
    assert "address of this machine" in line


def test_a_token_that_others_can_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef")
    token.chmod(0o644)
    code, line = refused(capsys, "--token-file", str(token), "--feed", "x.sock")
    assert code == 4
    assert "chmod 600" in line


def test_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115
    code, line = refused(capsys, "--tui", "--feed", str(tmp_path / "feed.sock"))
    assert code == 2
    assert "ssh -t" in line


@pytest.mark.parametrize(("module", "extra"), [("websockets", "monitor"), ("prometheus_client", "metrics")])
def test_what_is_not_installed(
    module: str,
    extra: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("server", "files", "metrics"):
        monkeypatch.delitem(sys.modules, f"neurograsp.edge_runtime.monitor.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    code, line = refused(capsys, "--feed", str(tmp_path / "x.sock"), "--port", "0", "--metrics")
    assert code == 3
    assert f"pip install '.[{extra}]'" in line


@pytest.mark.parametrize(
    "words", [["--metrics"], ["--token-file", "x"], ["--name", "x"], ["--host", "127.0.0.1"], ["--port", "0"]]
)
def test_a_terminal_has_no_server(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, line = refused(capsys, "--tui", *words)
    assert code == 2
    assert line.startswith("neurograsp monitor: --tui has no server")
    assert words[0] in line


def test_dashboard(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--dashboard"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Neurograsp"


def test_it_says_where_to_look_and_ends_with_ctrl_c(feed: Publisher, tmp_path: Path) -> None:
    command = [*MONITOR, "--feed", str(tmp_path / "feed.sock"), "--port", "0", "--metrics"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.fullmatch(
        r"open (http://127\.0\.0\.1:\d+)/#([\w-]{32}) in a browser.*\n", process.stderr.readline()
    )
    assert found
    token = process.stderr.readline().split()[-1]
    with urllib.request.urlopen(found[1], timeout=10) as page:
        assert b"<title>Neurograsp monitor</title>" in page.read()
    request = urllib.request.Request(f"{found[1]}/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as metrics:
        assert b"neurograsp_tick_duration_seconds_bucket" in metrics.read()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr.read() == "neurograsp monitor: interrupted\n"


class Terminal:
    """A terminal of 100 columns: what was written to it, and keys."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.text = ""

    def read(self) -> str:
        while select.select([self._descriptor], [], [], 0)[0]:
            try:
                self.text += os.read(self._descriptor, 65536).decode(errors="replace")
            except OSError:
                break
        return self.text

    def press(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)


@contextmanager
def in_terminal(*arguments: str) -> Iterator[tuple[Terminal, "subprocess.Popen[bytes]"]]:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        [*MONITOR, "--tui", *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    try:
        yield Terminal(master), process
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_in_a_terminal(feed: Publisher, tmp_path: Path) -> None:
    with in_terminal("--feed", str(tmp_path / "feed.sock")) as (terminal, process):
        for words in (
            "ARMED",
            "fist",
            "C0 railed",
            "motors driven",
            "thumb",
            "half below 0.7",
            "STOP    q: quit",
        ):
            wait_for(lambda words=words: words in terminal.read())
        terminal.press(b"x")
        terminal.press(b"s")
        wait_for(lambda: [ask for _, ask in feed.asked] == [Ask.STOP])
        terminal.press(b" ")
        wait_for(lambda: [ask for _, ask in feed.asked] == [Ask.STOP, Ask.STOP])
        feed.__exit__()
        wait_for(lambda: "NO RUN" in terminal.read())
        time.sleep(0.3)
        terminal.press(b"q")
        wait_for(lambda: terminal.read() is not None and process.poll() is not None)
        assert process.returncode == 0
        assert "Traceback" not in terminal.text
