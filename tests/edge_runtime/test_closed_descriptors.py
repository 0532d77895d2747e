"""Commands whose standard input, output or error is closed: `<&-`, `>&-`, `2>&-`."""

import subprocess
import sys

import pytest
from bench import OnPty
from drivers import EMULATORS
from feetech_bus import FeetechBus
from firmata_board import FirmataBoard

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.arming import open_arming
from neurograsp.edge_runtime.contract.errors import UsageError

COMMAND = ("-m", "neurograsp.edge_runtime.cli")


def closed(which: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Python with these words, in a process of its own."""
    shell = ["sh", "-c", f'exec "$0" "$@" {which}', sys.executable, *words]
    return subprocess.run(shell, check=False, capture_output=True, text=True)


def test_without_stdin_nobody_says_yes() -> None:
    bus = EMULATORS["sts_fingers"]()
    assert isinstance(bus, FeetechBus)
    with OnPty(bus) as device:
        words = ("hand", "move", "OPEN", "--hand", f"sts_fingers:{device.port}", "--accept-no-watchdog")
        done = closed("<&-", *COMMAND, *words)
    assert done.returncode == 1, done.stderr
    assert done.stderr.endswith("Type yes to go on: not moved\n")
    assert bus.servos[1].torques == bus.servos[1].goals == []


def test_without_stdin_nothing_is_taught_and_nothing_armed() -> None:
    board = EMULATORS["firmata_servos"]()
    assert isinstance(board, FirmataBoard)
    with OnPty(board) as device:
        words = (
            "--hand",
            f"firmata_servos:{device.port}",
            "--accept-no-watchdog",
            "--yes",
            "--out",
            "a.toml",
        )
        done = closed("<&-", *COMMAND, "hand", "teach", *words)
    assert (done.returncode, done.stderr) == (
        2,
        "neurograsp hand: no keys can come: standard input is closed\n",
    )
    assert board.configs == []


@pytest.mark.parametrize("which", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_hand_is_moved_without_a_place_to_say_so(which: str) -> None:
    bus = EMULATORS["sts_fingers"]()
    assert isinstance(bus, FeetechBus)
    with OnPty(bus) as device:
        words = ("--hand", f"sts_fingers:{device.port}", "--accept-no-watchdog", "--yes", "--pause", "0")
        done = closed(which, *COMMAND, "hand", "move", "thumb=1620", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert bus.servos[1].goals[-1] == 1620
    assert bus.bad == 0


def test_what_is_opened_gets_no_number_of_theirs() -> None:
    """Libraries write to 1 and 2 whatever is behind them."""
    lines = (
        "import os, sys",
        "from neurograsp.edge_runtime.cli import main",
        "main(['--version'])",
        "sys.exit(os.open(os.devnull, os.O_RDONLY))",
    )
    assert closed("<&- >&- 2>&-", "-c", "\n".join(lines)).returncode >= 3


def test_no_keys_come_from_a_stdin_that_is_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="--arm-by key: no keys can come"), open_arming("key"):
        pass
    assert main(["monitor", "--tui", "--feed", "feed"]) == 2
    assert "this is no terminal" in capsys.readouterr().err
