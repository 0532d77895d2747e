"""The command as a whole: what it prints, how it ends, and that it leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.demo import PRETRAINED
from neurograsp.firmware_bridge.host_firmware import CompilerError, SimulatedHand

WATCHED = """
import os, sys
def hook(event, arguments):
    changes = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate",
               "os.chmod", "os.utime", "shutil.", "tempfile.", "subprocess.Popen")
    written = event == "open" and isinstance(arguments[2], int) and (
        arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
    if written or event.startswith(changes):
        print("WRITTEN", event, arguments, file=sys.stderr)
sys.addaudithook(hook)
from neurograsp.edge_runtime.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_nothing_is_written_not_even_a_cache(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR", "cwd")}
    for folder in folders.values():
        folder.mkdir()
    command = [sys.executable, "-B", "-c", WATCHED, "doctor", "--bundle", str(PRETRAINED), "--json"]
    environment = {**os.environ, **{name: str(folder) for name, folder in folders.items()}}
    done = subprocess.run(
        command, cwd=folders["cwd"], env=environment, capture_output=True, text=True, check=False
    )
    assert "WRITTEN" not in done.stderr, done.stderr
    assert {row["check"] for row in json.loads(done.stdout)["rows"]} >= {"bundle", "golden vectors", "disk"}
    assert not [path for folder in folders.values() for path in folder.iterdir()]


def test_a_damaged_bundle_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for file in PRETRAINED.iterdir():
        (bundle / file.name).write_bytes(file.read_bytes())
    (bundle / "model.tflite").write_bytes(b"other")
    assert main(["doctor", "--bundle", str(bundle)]) == 1
    assert "model.tflite does not match its SHA-256" in capsys.readouterr().out


def test_a_hand_says_hello(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        hand = SimulatedHand(tmp_path / "trace.csv").start()
    except CompilerError as error:
        pytest.skip(str(error))
    with hand:
        main(["doctor", "--hand", hand.url, "--json"])
    (row,) = (row for row in json.loads(capsys.readouterr().out)["rows"] if row["check"] == "hand")
    assert row["level"] == "ok"
    assert row["what"].endswith("answers, IDLE")


def test_a_hand_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--hand", "/dev/not-there"]) == 1
    assert "fail  hand: port /dev/not-there: not there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hand", "sim"], "name the port of a hand"),
        (["--hand", "none"], "name the port of a hand"),
        (["--source", "playback:file.npz"], "expected board:NAME[:port]"),
        (["--source", "synthetic"], "expected board:NAME[:port]"),
        (["--source", "cyton"], "expected board:NAME[:port]"),
    ],
)
def test_what_it_does_not_do(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *arguments]) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert not printed.out
