"""What USB adapters do, with ports and system files of a test's own: no real adapter takes part."""

import array
import errno
import fcntl
import os
import pty
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from neurograsp.firmware_bridge import adapters, transports
from neurograsp.firmware_bridge.adapters import be_quick, has_dtr, keep_dtr, latency_ms
from neurograsp.firmware_bridge.errors import PortError
from neurograsp.firmware_bridge.flash.upload import check_port
from neurograsp.firmware_bridge.port_troubles import holders
from neurograsp.firmware_bridge.transports import SerialTransport


@pytest.fixture
def port() -> Iterator[str]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


@pytest.fixture
def timer(tmp_path: Path, port: str) -> Path:
    """The file in which FTDI's driver tells the adapter's latency, for this port."""
    file = tmp_path / Path(port).name / "device" / "latency_timer"
    file.parent.mkdir(parents=True)
    file.write_text("16\n")
    return file


def test_low_latency_is_asked_for_where_there_is_a_latency(
    port: str, timer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ioctl(descriptor: int, request: int, buffer: "array.array[int]") -> int:
        """As FTDI's driver answers."""
        asked.append((request, buffer[4]))
        if request == termios.TIOCSSERIAL and buffer[4] & 0x2000:
            timer.write_text("1\n")
        return 0

    with serial.Serial(port) as opened:
        monkeypatch.setattr(fcntl, "ioctl", ioctl)
        assert be_quick(opened, port, tmp_path) == ""
        monkeypatch.undo()
    assert asked == [(termios.TIOCGSERIAL, 0), (termios.TIOCSSERIAL, 0x2000)]
    assert latency_ms(port, tmp_path) == 1


def test_it_is_told_where_it_cannot_be_had(port: str, timer: Path, tmp_path: Path) -> None:
    """A pseudo-terminal knows no such request."""
    with serial.Serial(port) as opened:
        assert be_quick(opened, port, tmp_path) == (
            "the USB adapter keeps bytes for 16 ms, and low latency could not be set; "
            "`setserial PORT low_latency` as root may"
        )
        timer.write_text("1\n")
        assert be_quick(opened, port, tmp_path) == ""
        timer.unlink()
        assert be_quick(opened, port, tmp_path) == ""
        assert latency_ms(port, tmp_path) is None


def test_opening_says_it_and_goes_on(
    port: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(adapters, "latency_ms", lambda *_: 16)
    transport = SerialTransport(port)
    transport.write(b"x")
    transport.close()
    assert f"port {port}: the USB adapter keeps bytes for 16 ms" in caplog.text


@pytest.mark.parametrize(
    ("name", "resets"),
    [("ttyACM0", True), ("ttyUSB3", True), ("ttyS0", False), ("ttyAMA0", False), ("pts/3", False)],
)
def test_which_ports_may_reset_a_board(name: str, resets: bool, tmp_path: Path) -> None:
    assert has_dtr(f"/dev/{name}") is resets
    link = tmp_path / "by-id"
    link.symlink_to(f"/dev/{name}")
    assert has_dtr(str(link)) is resets


def hangs_up(port: str) -> bool:
    """Whether closing it lowers DTR."""
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        return bool(termios.tcgetattr(descriptor)[2] & termios.HUPCL)
    finally:
        os.close(descriptor)


def test_a_board_is_left_alone_from_the_second_opening_on(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "has_dtr", lambda _: True)
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
    settings = termios.tcgetattr(descriptor)
    settings[2] |= termios.HUPCL
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    plain = SerialTransport(port)
    assert (plain.boot_s, hangs_up(port)) == (transports.BOOT_S, True)
    plain.close()
    for boot_s in (transports.BOOT_S, 0.0):
        left_alone = SerialTransport(f"{port}?no-reset")
        assert (left_alone.boot_s, hangs_up(port), left_alone.url) == (boot_s, False, f"{port}?no-reset")
        left_alone.close()
    assert keep_dtr(descriptor)
    os.close(descriptor)


def test_a_port_that_is_no_board_is_not_waited_for(port: str) -> None:
    transport = SerialTransport(port)
    assert transport.boot_s == 0
    transport.close()


def test_holders_are_those_of_this_port_alone(port: str, tmp_path: Path) -> None:
    """As far as /proc lets this user look."""
    for number, name, held in ((12, "screen", port), (13, "cat", "/dev/null"), (14, "hidden", None)):
        process = tmp_path / str(number)
        (process / "fd").mkdir(parents=True)
        (process / "comm").write_text(f"{name}\n")
        if held is None:
            (process / "fd").rmdir()
        else:
            (process / "fd" / "3").symlink_to(held)
            (process / "fd" / "4").symlink_to(tmp_path / "gone")
    assert holders(Path(port), tmp_path) == ["screen (process 12)"]
    assert holders(tmp_path / "none", tmp_path) == []


def test_no_permission_names_the_group_of_the_port(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(errno.EACCES, "could not open port")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(
        PortError, match=r"no permission; run `sudo usermod -aG (tty|dialout) \$USER` and log in again"
    ):
        SerialTransport(port)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PortError, match=r"no permission; run `sudo usermod -aG (tty|dialout) \$USER`"):
        check_port(port)


def test_a_port_to_flash_at_gets_the_same_remedy(port: str, tmp_path: Path) -> None:
    check_port(port)
    with pytest.raises(PortError, match="not there; ports on this machine: "):
        check_port(str(tmp_path / "none"))
    (tmp_path / "file").touch()
    with pytest.raises(PortError, match="not a serial port"):
        check_port(str(tmp_path / "file"))
