"""What is said where BrainFlow is missing, is for another machine, or does not load."""

import json
import platform
import sys
from pathlib import Path
from typing import Literal

import pytest

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.edge_runtime.contract.errors import MissingExtra
from neurograsp.edge_runtime.sources import brainflow_library
from neurograsp.edge_runtime.sources.brainflow_library import BUILD_PAGE, load_brainflow, machine_of


def elf(machine: int, order: Literal["little", "big"] = "little") -> bytes:
    """The first 20 bytes of a library, as the System V ABI lays them out."""
    head = b"\x7fELF" + bytes([2, 1 if order == "little" else 2, 1]) + bytes(9)
    return head + (3).to_bytes(2, order) + machine.to_bytes(2, order)


@pytest.mark.parametrize(
    ("content", "machine"),
    [
        (elf(183), "aarch64"),
        (elf(62), "x86_64"),
        (elf(40), "arm"),
        (elf(21, "big"), "ELF machine 21"),
        (b"\x7fELF", None),
        (b"MZ" + bytes(30), None),
        (b"", None),
    ],
)
def test_machine_of_a_library(content: bytes, machine: str | None, tmp_path: Path) -> None:
    (tmp_path / "library").write_bytes(content)
    assert machine_of(tmp_path / "library") == machine


def test_machine_of_what_is_not_there(tmp_path: Path) -> None:
    assert machine_of(None) is None
    assert machine_of(tmp_path / "absent") is None
    assert machine_of(tmp_path) is None


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if BrainFlow were not installed."""
    monkeypatch.setitem(sys.modules, "brainflow", None)


@pytest.mark.parametrize(
    ("machine", "remedy"),
    [("x86_64", "run `pip install '.[brainflow]'`"), ("aarch64", f"build it from source, see {BUILD_PAGE}")],
)
def test_not_installed(machine: str, remedy: str, without: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(MissingExtra, match="^BrainFlow is not installed: ") as caught:
        load_brainflow()
    assert remedy in str(caught.value)
    assert "--source relay:HOST:PORT" in str(caught.value)


def test_commands_say_it_in_one_line(
    without: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "board:cyton:/dev/ttyUSB0"
    assert main(["record", "--source", source, "--actions", "grip", "--out", str(tmp_path)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("neurograsp record: BrainFlow is not installed: ")
    assert not list(tmp_path.iterdir())


def test_a_recording_is_played_without_it(without: None, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--source", f"playback:{PRETRAINED_RECORDING}", "--hand", "none", "--seconds", "1", "--json"]
    assert main(["run", "--bundle", str(PRETRAINED), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["stream"]["frames"] > 100


def break_it(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let BrainFlow's first call fail so."""
    shim = pytest.importorskip("brainflow.board_shim")

    def fail() -> None:
        raise error

    monkeypatch.setattr(shim.BoardShim, "disable_board_logger", fail)


def test_library_of_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_it(monkeypatch, OSError("cannot open shared object file: No such file or directory"))
    (tmp_path / "library").write_bytes(elf(62))
    monkeypatch.setattr(brainflow_library, "library", lambda: tmp_path / "library")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(MissingExtra) as caught:
        load_brainflow()
    assert "library for aarch64 is not installed: the one that is there is for x86_64;" in str(caught.value)
    assert BUILD_PAGE in str(caught.value)


def test_a_library_that_does_not_load_for_another_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    break_it(monkeypatch, OSError("libbluetooth.so.3: cannot open shared object file"))
    with pytest.raises(MissingExtra, match="libbluetooth"):
        load_brainflow()


def test_setuptools_that_is_too_new(monkeypatch: pytest.MonkeyPatch) -> None:
    break_it(monkeypatch, ModuleNotFoundError("No module named 'pkg_resources'", name="pkg_resources"))
    with pytest.raises(MissingExtra, match="^pkg_resources, which BrainFlow imports, .*setuptools<81"):
        load_brainflow()
