"""`neurograsp hand flash`: firmware that is built, and avrdude that speaks to a boot loader.

Where a tool cannot be had, a program takes its place that only notes what it is told.
"""

import io
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from avr_build import needed
from bench import OnPty
from boot_loaders import Optiboot, Wiring
from core_bench import Bench
from optiboot import Uno

from neurograsp.edge_runtime import port_finder
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.port_finder import Port
from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.flash import build
from neurograsp.firmware_bridge.flash.boards import BOARDS
from neurograsp.firmware_bridge.flash.build import build_firmware
from neurograsp.firmware_bridge.host_firmware import CompilerError
from neurograsp.firmware_bridge.profiles import load_profile, parse_profile

CLAW = """
name = "claw"
[policy]
watchdog_ms = 250
limp = 2000
max_ttl_ms = 10000
stall_ms = 500
battery_ms = 1000
[joints]
thumb = { min_us = 1000, max_us = 2000, rate_us = 20, rest = 0 }
[actions]
OPEN = { thumb = 0 }
GRIP = { thumb = 70 }
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "neurograsp"


@pytest.fixture
def claw(tmp_path: Path) -> Path:
    path = tmp_path / "claw.toml"
    path.write_text(CLAW)
    return path


def intel_hex(path: Path) -> bytes:
    """The program, from address 0, by Intel's specification."""
    program, base = bytearray(), 0
    for line in path.read_text().split():
        record = bytes.fromhex(line[1:])
        assert sum(record) & 0xFF == 0
        size, address, kind = struct.unpack(">BHB", record[:4])
        if kind == 2:
            base = int.from_bytes(record[4:6], "big") << 4
        elif kind == 0:
            assert base + address == len(program)
            program += record[4 : 4 + size]
    return bytes(program)


class FlashedBoard:
    """A board: its boot loader until that is left, then the core of the firmware."""

    def __init__(self, loader: Optiboot | Wiring, hand: Bench) -> None:
        self.loader = loader
        self._hand = hand

    def feed(self, data: bytes) -> bytes:
        return self._hand.bytes_in(data) if self.loader.left else self.loader.feed(data)

    def advance(self, seconds: float) -> None:
        """The hand's time is not asked for."""


@pytest.mark.slow
@pytest.mark.parametrize(("board", "loader"), [("uno", Optiboot), ("mega", Wiring)])
def test_avrdude_writes_what_was_built_and_the_hand_answers(
    board: str,
    loader: type[Optiboot | Wiring],
    hand: Bench,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    needed("make", "avr-gcc", "avrdude")
    flashed = FlashedBoard(loader(), hand)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with OnPty(flashed) as on_pty:
        assert main(["hand", "flash", "--board", board, "--port", on_pty.port]) == 0
    printed = capsys.readouterr()
    assert "loses its pulses at once" in printed.err
    assert "answers   hand arm, firmware 0.1, 7 joints" in printed.out
    (image,) = cache.glob("*.hex")
    program = intel_hex(image)
    assert f"firmware  {len(program)} bytes of {BOARDS[board].flash_bytes}: {image}\n" in printed.out
    assert bytes(flashed.loader.flash[: len(program)]) == program
    assert set(flashed.loader.flash[len(program) + 256 :]) == {0xFF}


@pytest.mark.slow
def test_an_uno_gets_its_firmware_by_its_own_boot_loader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """avrdude, Arduino's Optiboot and then our firmware, on the same simulated chip."""
    needed("make", "avr-gcc", "avrdude")
    with Uno(tmp_path) as uno:
        command = ["hand", "flash", "--board", "uno", "--port", uno.port, "--profile", "gripper", "--yes"]
        assert main(command) == 0
    assert "answers   hand gripper, firmware 0.1, 1 joints" in capsys.readouterr().out


@pytest.mark.slow
def test_a_write_that_fails_is_told(
    hand: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needed("make", "avr-gcc", "avrdude")
    loader = Optiboot()
    loader.spoil = lambda page: bytes((page[0] ^ 1,)) + page[1:]
    with OnPty(FlashedBoard(loader, hand)) as on_pty:
        assert main(["hand", "flash", "--board", "uno", "--port", on_pty.port, "--yes"]) == 5
    assert "avrdude failed with exit code 1, see above: check board, port and" in capsys.readouterr().err


@pytest.mark.slow
def test_another_chip_is_told(hand: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    """A Mega behind an adapter that says nothing of it: the boot loader's signature does."""
    needed("make", "avr-gcc", "avrdude")
    loader = Optiboot()
    loader.signature = Wiring.signature
    with OnPty(FlashedBoard(loader, hand)) as on_pty:
        assert main(["hand", "flash", "--board", "nano", "--port", on_pty.port, "--yes"]) == 5
    assert set(loader.flash) == {0xFF}


@pytest.mark.slow
def test_nothing_is_written_without_yes(
    hand: Bench, claw: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needed("make", "avr-gcc", "avrdude")
    loader = Optiboot()
    with OnPty(FlashedBoard(loader, hand)) as on_pty:
        command = ["hand", "flash", "--board", "uno", "--port", on_pty.port, "--profile", str(claw)]
        for answer in ("y\n", ""):
            monkeypatch.setattr("sys.stdin", io.StringIO(answer))
            assert main(command) == 1
        assert "becomes the hand claw" in capsys.readouterr().err
        assert main([*command, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("the firmware was built; the board was left alone\n")
    (shown,) = (line.split(maxsplit=1)[1] for line in out.splitlines() if line.startswith("  command"))
    image = shown.partition("flash:w:")[2].partition(":i")[0]
    assert shown == (f"avrdude -p atmega328p -c arduino -b 115200 -P {on_pty.port} -D -U flash:w:{image}:i")
    assert b"claw\0" in intel_hex(Path(image))
    assert set(loader.flash) == {0xFF}
    assert loader.feed(b"") == b""


@pytest.mark.parametrize(
    ("board", "port", "shown"),
    [
        (
            "uno",
            "/dev/ttyACM99",
            "avrdude -p atmega328p -c arduino -b 115200 -P /dev/ttyACM99 -D -U flash:w:",
        ),
        ("pico", "/media/nobody/RPI-RP2", "cp "),
    ],
)
def test_a_dry_run_needs_no_board(
    board: str, port: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    needed("make", "avr-gcc", "avrdude", "clang", "ld.lld")
    assert main(["hand", "flash", "--board", board, "--port", port, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert f"  command   {shown}" in out
    assert f"  port      {port} is not there now" in out
    assert out.endswith("the firmware was built; the board was left alone\n")


def stand_in(folder: Path, name: str) -> Path:
    """A program that notes what it is told, and succeeds."""
    notes = folder / f"{name}.json"
    program = folder / name
    noting = f'import json, sys\nopen("{notes}", "w").write(json.dumps(sys.argv[1:]))\n'
    program.write_text(f"#!/usr/bin/env python3\n{noting}")
    program.chmod(0o755)
    return notes


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """These programs are not installed."""
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in names else which(name))


@pytest.mark.slow
def test_arduino_cli_where_there_is_no_avrdude(
    hand: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """With a stand-in for arduino-cli: it is in no package of Debian's."""
    needed("make", "avr-gcc")
    notes = stand_in(tmp_path, "arduino-cli")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    hide(monkeypatch, "avrdude")
    loader = Optiboot()
    loader.left = True
    with OnPty(FlashedBoard(loader, hand)) as on_pty:
        assert main(["hand", "flash", "--board", "nano", "--port", on_pty.port, "--yes"]) == 0
    (image,) = cache.glob("neurohand-atmega328p-arm-*.hex")
    told = ["upload", "-b", "arduino:avr:nano", "-p", on_pty.port, "-i", str(image)]
    assert json.loads(notes.read_text()) == told


@pytest.mark.slow
def test_picotool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a stand-in for picotool: it is in no package of Debian 12."""
    needed("make", "clang", "ld.lld")
    notes = stand_in(tmp_path, "picotool")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert main(["hand", "flash", "--board", "pico", "--profile", "gripper", "--yes"]) == 0
    (image,) = cache.glob("neurohand-rp2040-gripper-*.uf2")
    assert json.loads(notes.read_text()) == ["load", "-v", "-x", str(image)]
    assert image.read_bytes()[:4] == b"UF2\n"
    assert "`neurograsp hand ping` there" in capsys.readouterr().out


@pytest.mark.slow
def test_the_drive_of_a_pico(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needed("make", "clang", "ld.lld")
    drive = tmp_path / "RPI-RP2"
    drive.mkdir()
    command = ["hand", "flash", "--board", "pico", "--port", str(drive), "--yes"]
    assert main(command) == 5
    assert "is no drive of a pico" in capsys.readouterr().err
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n")
    assert main(command) == 0
    (written,) = drive.glob("*.uf2")
    assert written.read_bytes() == (cache / written.name).read_bytes()


@contextmanager
def holding(port: str) -> Iterator[None]:
    """Another program has it open."""
    with Path(port).open("rb", buffering=0) as opened:
        other = subprocess.Popen(["sleep", "60"], stdin=opened)
    try:
        yield
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--board", "uno"], 2, "name its serial port, --port"),
        (["--board", "unno", "--port", "PORT"], 4, "no board 'unno'; did you mean 'uno'?"),
        (["--board", "mps2", "--port", "PORT"], 4, "a board for the tests, in QEMU"),
        (["--board", "nano-old", "--port", "PORT"], 4, "burn Optiboot, then it is a nano"),
        (["--board", "mega", "--port", "PORT"], 4, "is a uno (Arduino Uno, ATmega328P), not a mega"),
        (
            ["--board", "uno", "--port", "/dev/ttyACM99"],
            5,
            "not there; ports on this machine: ",
        ),
        (
            ["--board", "mega", "--port", "PORT", "--dry-run"],
            4,
            "is a uno (Arduino Uno, ATmega328P), not a mega",
        ),
        (["--board", "pico", "--port", "/dev/null", "--dry-run"], 5, "takes programs as a drive"),
        (["--board", "pico", "--port", "/media/nobody/RPI-RP2"], 5, "takes programs as a drive"),
        (["--board", "uno", "--port", "BUSY"], 5, "in use by "),
        (["--board", "uno", "--port", "PORT", "--profile", "sts_fingers"], 4, "takes no firmware of ours"),
        (["--board", "uno", "--port", "PORT", "--profile", "clow"], 4, "no hand profile 'clow'"),
        (["--board", "pico", "--port", "/dev/null"], 5, "takes programs as a drive, not at a serial port"),
    ],
)
def test_what_cannot_be_gets_one_line(
    words: list[str],
    code: int,
    said: str,
    hand: Bench,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    needed("make", "clang", "ld.lld")
    loader = Optiboot()
    with OnPty(FlashedBoard(loader, hand)) as on_pty, OnPty(Optiboot()) as busy:
        port = Port(on_pty.port, "ttyACM0", "2341:0043", "85436")
        monkeypatch.setattr(port_finder, "list_ports", lambda: [port])
        with holding(busy.port):
            places = {"PORT": on_pty.port, "BUSY": busy.port}
            assert main(["hand", "flash", "--yes", *(places.get(word, word) for word in words)]) == code
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[-1]
    assert set(loader.flash) == {0xFF}


@pytest.mark.parametrize(
    ("board", "hidden", "said"),
    [
        ("uno", "avr-gcc", "avr-gcc not installed: sudo apt install make gcc-avr avr-libc"),
        ("uno", "avrdude", "neither avrdude nor arduino-cli is installed: sudo apt install avrdude"),
        ("mega", "avr-objcopy", "avr-objcopy not installed: sudo apt install make gcc-avr avr-libc"),
        ("pico", "picotool", "picotool is not installed"),
    ],
)
def test_a_missing_tool_is_named(
    board: str,
    hidden: str,
    said: str,
    hand: Bench,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    needed("make", "avr-gcc", "avrdude", "clang", "ld.lld")
    hide(monkeypatch, hidden, "arduino-cli")
    with OnPty(FlashedBoard(Optiboot(), hand)) as on_pty:
        port = ["--port", on_pty.port] if board != "pico" else []
        assert main(["hand", "flash", "--board", board, *port, "--dry-run"]) == 3
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_a_program_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed("make", "avr-gcc")
    small = replace(BOARDS["uno"], flash_bytes=4000)
    with pytest.raises(ConfigError, match=r"takes \d{4} bytes, a uno has 4000 for a program"):
        build_firmware(small, load_profile("arm"), tmp_path)
    with pytest.raises(ConfigError, match="arm has 7 joints, a uno drives 4 servos"):
        build_firmware(replace(small, outputs=4), load_profile("arm"), tmp_path)
    assert list(tmp_path.glob("*.hex")) == []


@pytest.mark.slow
def test_a_profile_of_ones_own_may_have_the_name_of_one_that_ships(tmp_path: Path) -> None:
    needed("make", "avr-gcc")
    own = parse_profile(CLAW.replace("claw", "gripper").encode(), "gripper.toml")
    image = build_firmware(BOARDS["nano"], own, tmp_path)
    before = intel_hex(image.path)
    shipped = build_firmware(BOARDS["nano"], load_profile("gripper"), tmp_path)
    assert intel_hex(shipped.path) != before
    assert intel_hex(image.path) == before, "what somebody is being asked about is left as it is"


@pytest.mark.slow
@pytest.mark.parametrize(("board", "tools"), [("uno", ["avr-gcc"]), ("pico", ["clang", "ld.lld"])])
def test_a_folder_may_have_any_name(board: str, tools: list[str], tmp_path: Path) -> None:
    needed("make", *tools)
    folder = tmp_path / "my $(touch oh) 'cache' # 1"
    image = build_firmware(BOARDS[board], load_profile("gripper"), folder)
    assert image.path.parent == folder
    assert image.n_bytes > 1000


@pytest.mark.slow
def test_firmware_that_does_not_compile_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed("make", "avr-gcc")
    monkeypatch.setattr(build, "profile_c", lambda _: "int x = ;\n")
    said = r"firmware for uno: .*hand_profile_arm.c.*error.*: sudo apt install"
    with pytest.raises(CompilerError, match=said) as failure:
        build_firmware(BOARDS["uno"], load_profile("arm"), tmp_path)
    assert "\n" not in str(failure.value)
    assert list(tmp_path.iterdir()) == []
