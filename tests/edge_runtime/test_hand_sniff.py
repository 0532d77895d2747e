"""`neurograsp hand sniff` between a program and an emulated device, and what its captures are good for."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
import serial
from bench import OnPty, command
from drivers import EMULATORS
from feetech_bus import FeetechBus
from loaded import again_when_loaded

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.hand import sniff
from neurograsp.edge_runtime.cli.hand.sniff_lines import Printer
from neurograsp.firmware_bridge import adapters, transports
from neurograsp.firmware_bridge.sniff.capture import About, CaptureWriter, Heard
from neurograsp.firmware_bridge.sniff.pieces import Side
from neurograsp.firmware_bridge.sniff.tap import Tap


def bus() -> FeetechBus:
    made = EMULATORS["sts_fingers"]()
    assert isinstance(made, FeetechBus)
    return made


@contextmanager
def sniffing(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the first line that it says."""
    program = [sys.executable, "-m", "neurograsp.edge_runtime.cli", "hand", "sniff", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stderr is not None
        try:
            yield process, process.stderr.readline()
        finally:
            process.kill()


def port_in(said: str) -> str:
    assert said.startswith("open /dev/pts/"), said
    return said.split()[1]


@pytest.mark.slow
@again_when_loaded  # an answer that is later than the next question is shown without names
def test_another_program_speaks_through_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = tmp_path / "bus.jsonl"
    with (
        OnPty(emulator := bus()) as device,
        sniffing("--hand", f"sts_fingers:{device.port}", "--through", "--capture", str(capture)) as (
            sniff,
            said,
        ),
    ):
        hand = f"sts_fingers:{port_in(said)}"
        moved = command("hand", "move", "TOUCH", "--hand", hand, "--yes", "--accept-no-watchdog")
        assert moved.returncode == 0, moved.stderr
        sniff.send_signal(signal.SIGINT)
        lines, summary = sniff.communicate(timeout=30)
        assert sniff.returncode == 130
    assert emulator.bad == 0
    assert emulator.servos[1].travelled > 100
    assert " > servo 1: read 31 bytes from model_number\n" in lines
    assert " < servo 1: model_number 777, " in lines
    assert " > all: write servo 1 goal_position 16" in lines
    assert f"{len(lines.splitlines())} packets, 0 with a wrong checksum, 0 cut short, 0 bytes" in summary
    assert main(["hand", "sniff", "--replay", str(capture)]) == 0
    assert capsys.readouterr().out == lines

    with OnPty(again := bus()) as device:
        replay = ["hand", "sniff", "--replay", str(capture), "--accept-no-watchdog", "--to", device.port]
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
        assert main(replay) == 1
        assert again.servos[1].goals == []
        assert "may move at once" in capsys.readouterr().err
        monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
        assert main(replay) == 0
    assert again.servos[1].goals == emulator.servos[1].goals
    assert again.servos[1].torques == emulator.servos[1].torques
    assert capsys.readouterr().out.count("model_number 777") == 5, "answers are shown too"


def test_one_wire_that_is_only_listened_to() -> None:
    class Wire(FeetechBus):
        """What both sides say comes out at one end."""

        def feed(self, data: bytes) -> bytes:
            raise AssertionError("a listener speaks")

    question, answer = "ffff010402380ab6", "ffff0102" + "00fc"
    with OnPty(Wire({})) as wire, sniffing("--hand", f"sts_fingers:{wire.port}", "--json") as (sniff, said):
        assert said == f"listening on {wire.port} (feetech_sts, 1000000 baud); Ctrl-C ends\n"
        os.write(wire._end, bytes.fromhex(question + answer + "0102"))
        assert sniff.stdout is not None
        rows = [json.loads(sniff.stdout.readline()) for _ in range(3)]
    assert [(row["side"], row["kind"]) for row in rows] == [
        ("host", "packet"),
        ("device", "packet"),
        ("either", "unknown"),
    ]
    assert rows[2]["data"] == "0102"


def test_a_device_that_goes_ends_it_with_5() -> None:
    with OnPty(bus()) as device, sniffing("--hand", f"sts_fingers:{device.port}", "--through") as (sniff, _):
        device.cut()
        _, said = sniff.communicate(timeout=30)
    assert sniff.returncode == 5
    assert said.splitlines()[-1].startswith(f"neurograsp hand: port {device.port}: lost (")


def test_a_program_hears_the_device_of_a_capture(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with CaptureWriter(path, About("lx16a", "p", 115_200, "now")) as writer:
        writer.add(Heard(5.0, Side.DEVICE, b"first"))
        writer.add(Heard(5.1, Side.HOST, b"not this"))
        writer.add(Heard(5.3, Side.DEVICE, b"second"))
    with sniffing("--replay", str(path), "--to", "pty") as (sniff, said):  # noqa: SIM117
        with serial.Serial(port_in(said), timeout=20) as program:
            assert program.read(5) == b"first"
            begun = time.monotonic()
            assert program.read(6) == b"second"
            assert time.monotonic() - begun > 0.2
            sniff.communicate(timeout=30)
    assert sniff.returncode == 0


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, str, list[bytes]]]:
    """A board that its port's opening resets: its end, the port, and what it had heard when it had booted."""
    end, other = os.openpty()
    tty.setraw(other)
    os.set_blocking(end, False)
    heard: list[bytes] = []
    sleep = time.sleep

    def booted(seconds: float) -> None:
        if seconds != transports.BOOT_S:
            sleep(seconds)
            return
        heard.append(b"")
        with contextlib.suppress(BlockingIOError):
            heard[-1] = os.read(end, 100)
        os.write(end, b"the boot loader's")

    monkeypatch.setattr(adapters, "has_dtr", lambda _: True)
    monkeypatch.setattr(time, "sleep", booted)
    yield end, os.ttyname(other), heard
    os.close(end)
    os.close(other)


def test_a_board_has_booted_before_it_hears_a_capture(
    board: tuple[int, str, list[bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    end, port, heard = board
    path = tmp_path / "c.jsonl"
    with CaptureWriter(path, About("neurohand", "p", 115_200, "now")) as writer:
        writer.add(Heard(1.0, Side.HOST, b"\0word\0"))
    words = ["--to", port, "--accept-no-watchdog", "--yes", "--json"]
    assert main(["hand", "sniff", "--replay", str(path), *words]) == 0
    assert (heard, os.read(end, 100)) == ([b""], b"\0word\0")
    assert {json.loads(line)["side"] for line in capsys.readouterr().out.splitlines()} == {"host"}


def test_a_board_has_booted_before_a_program_speaks_to_it(
    board: tuple[int, str, list[bytes]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    booted, said = time.sleep, []

    def sleep(seconds: float) -> None:
        booted(seconds)
        if seconds == transports.BOOT_S:
            said.append(capsys.readouterr().err)

    monkeypatch.setattr(time, "sleep", sleep)
    assert main(["hand", "sniff", "--hand", board[1], "--through", "--seconds", "0.01"]) == 0
    assert said == [""]
    assert "in the other program" in capsys.readouterr().err


class SlowTerminal:
    """A tap: half of a packet has come, and the rest comes while that is shown."""

    def __init__(self) -> None:
        self.seconds = 1.0
        packet = bytes.fromhex("090407d00003b1ce")
        self.heard = [Heard(0.99, Side.HOST, packet[:4]), Heard(0.995, Side.HOST, packet[4:])]

    def take(self) -> list[Heard]:
        self.seconds += 5.0
        return [self.heard.pop(0)] if self.heard else []


def test_a_slow_terminal_cuts_no_packet(capsys: pytest.CaptureFixture[str]) -> None:
    tap, printer = cast(Tap, SlowTerminal()), Printer("robotiq", as_json=False, with_bytes=False)
    for _ in range(2):
        sniff._show(tap, printer, None)
    assert capsys.readouterr().out == "     0.995 > slave 9: read status\n"


def test_a_disk_that_is_full_ends_the_capture_and_not_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tap, printer = cast(Tap, SlowTerminal()), Printer("robotiq", as_json=False, with_bytes=False)
    path = tmp_path / "c.jsonl"
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        CaptureWriter(path, About("robotiq", "p", 115_200, "now")) as writer,
    ):
        writer._file.close()
        writer._file = full
        assert sniff._show(tap, printer, writer) is None
        assert sniff._show(tap, printer, None) is None
    printed = capsys.readouterr()
    said = "cannot be written any more: No space left on device: the capture ends here; the line goes on"
    assert printed.err == f"{path}: {said}\n"
    assert "slave 9: read status" in printed.out


def test_a_cut_capture_is_shown_as_far_as_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.jsonl"
    with CaptureWriter(path, About("robotiq", "p", 115_200, "now")) as writer:
        writer.add(Heard(1.0, Side.HOST, bytes.fromhex("090407d00003b1ce")))
        writer.add(Heard(1.0, Side.HOST, b"lost"))
    path.write_bytes(path.read_bytes()[:-5])
    assert main(["hand", "sniff", "--replay", str(path), "--hex"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "     1.000 > slave 9: read status   09 04 07 d0 00 03 b1 ce\n"
    assert printed.err.endswith(f"{path}: its last line is cut off, and left out\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "one of the arguments --hand --replay is required"),
        (["--hand", "sim"], 2, "add --through"),
        (["--hand", "nobody:/dev/null"], 4, "nobody"),
        (["--hand", "lx16a_fingers:/dev/null"], 5, "not a serial port"),
        (["--hand", "loop://"], 5, "port loop://: leads nowhere"),
        (["--hand", "sim", "--through", "--baud", "3"], 2, "--baud must be 1200 to 4000000"),
        (["--hand", "/dev/ttyACM0", "--to", "pty"], 2, "--to, --side: with --replay CAPTURE"),
        (["--replay", "CAPTURE", "--side", "host"], 2, "--side: with --to PORT"),
        (["--replay", "CAPTURE", "--through"], 2, "not with --replay"),
        (["--replay", "none.jsonl"], 4, "no such file"),
        (["--replay", "CAPTURE", "--to", "/dev/null"], 2, "--accept-no-watchdog says them all the same"),
        (["--replay", "CAPTURE", "--to", "/dev/null", "--side", "device", "--yes"], 2, "device's words"),
        (["--replay", "CAPTURE", "--to", "/dev/null", "--accept-no-watchdog"], 1, "nobody has said yes"),
        (
            ["--replay", "CAPTURE", "--to", "/dev/null", "--side", "device", "--accept-no-watchdog"],
            1,
            "nobody has said yes",
        ),
        (
            ["--replay", "CAPTURE", "--to", "/dev/null", "--accept-no-watchdog", "--yes"],
            5,
            "not a serial port",
        ),
        (
            ["--replay", "BESIDE", "--to", "/dev/null"],
            4,
            "BESIDE: holds nothing of the host: heard beside the",
        ),
        (
            ["--replay", "BESIDE", "--to", "pty"],
            4,
            "nothing of the device: heard beside the line; capture",
        ),
        (["--replay", "OURS", "--to", "pty"], 2, "begins a session of its own"),
        (["--replay", "OURS", "--to", "/dev/null"], 4, "OURS: holds nothing of the host"),
        (
            ["--replay", "EDITED", "--to", "/dev/null", "--yes"],
            2,
            "--accept-no-watchdog says them all the same",
        ),
        (["--replay", "OTHER"], 4, "no protocol 'abacus': this neurograsp reads ability_hand, "),
    ],
)
def test_what_cannot_be_gets_one_line(
    words: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    captures = {
        "CAPTURE": ("lx16a", (Side.HOST, Side.DEVICE)),
        "BESIDE": ("lx16a", (Side.EITHER,)),
        "OURS": ("neurohand", (Side.DEVICE,)),
        "EDITED": ("neurohand", (Side.HOST,)),
        "OTHER": ("abacus", ()),
    }
    for name, (kind, sides) in captures.items():
        with CaptureWriter(tmp_path / name, About(kind, "p", 115_200, "now")) as writer:
            for side in sides:
                writer.add(Heard(1.0, side, b"word"))
    words = [str(tmp_path / word) if word in captures else word for word in words]
    try:
        assert main(["hand", "sniff", *words]) == code
    except SystemExit as ended:
        assert ended.code == code
    printed = capsys.readouterr()
    assert said in printed.err.splitlines()[-1]
    assert printed.out == ""
