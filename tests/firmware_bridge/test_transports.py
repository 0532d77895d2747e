import errno
import os
import pty
import socket
import termios
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from serial.tools.list_ports_common import ListPortInfo

from neurograsp.firmware_bridge import adapters, port_troubles
from neurograsp.firmware_bridge.errors import LinkLost, PortError
from neurograsp.firmware_bridge.transports import SerialTransport, open_transport


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """The other side of a pseudo-terminal, and the path of this side."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    os.close(slave)
    yield master, path
    os.close(master)


def test_bytes_both_ways(terminal: tuple[int, str]) -> None:
    master, path = terminal
    port = open_transport(path)
    assert port.url == path
    assert port.read() == b""
    os.write(master, b"\x00\x11\x13\x0d\x0a\xff")
    assert port.read() == b"\x00\x11\x13\x0d\x0a\xff"
    port.write(b"\x00\x03\x0a\x1a")
    assert os.read(master, 100) == b"\x00\x03\x0a\x1a"
    port.close()
    port.close()


def test_loop() -> None:
    port = open_transport("loop://")
    port.write(b"abc")
    assert port.read() == b"abc"
    assert port.read() == b""


def test_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = open_transport(f"socket://127.0.0.1:{server.getsockname()[1]}")
        peer, _ = server.accept()
        port.write(b"abc")
        assert peer.recv(10) == b"abc"
        peer.sendall(b"defgh")
        deadline = time.monotonic() + 2
        got = b""
        while len(got) < 5 and time.monotonic() < deadline:
            got += port.read()
        assert got == b"defgh"
        peer.close()
        with pytest.raises(LinkLost, match="lost"):
            while time.monotonic() < deadline:
                port.read()
        port.close()


def test_peer_gone(terminal: tuple[int, str]) -> None:
    master, path = terminal
    port = open_transport(path)
    spare = os.dup(master)
    os.close(master)
    os.close(spare)
    with pytest.raises(LinkLost, match=r"lost .*; check cable and power"):
        port.read()
    with pytest.raises(LinkLost):
        port.write(b"x")
    port.close()
    os.dup2(os.open(os.devnull, os.O_RDONLY), master)


def test_nobody_reads(terminal: tuple[int, str]) -> None:
    port = open_transport(terminal[1])
    start = time.monotonic()
    with pytest.raises(LinkLost, match="takes no more bytes"):
        port.write(b"x" * 200_000)
    assert time.monotonic() - start < 2
    port.close()


@pytest.mark.parametrize("url", ["COM3", "ttyACM0", "foo://x", "spy:///dev/null", ""])
def test_unknown_kind_of_url(url: str) -> None:
    with pytest.raises(PortError, match="must be a path such as /dev/ttyACM0"):
        open_transport(url)


@pytest.mark.parametrize("url", ["socket://127.0.0.1:7000?no-reset", "loop://?no-reset"])
def test_what_has_no_reset_line_keeps_none(url: str) -> None:
    with pytest.raises(PortError, match=r"\?no-reset is for a path such as /dev/ttyACM0"):
        open_transport(url)


def test_a_port_whose_reset_line_cannot_be_kept_is_given_back(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> bool:
        raise termios.error(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(adapters, "keep_dtr", refuse)
        with pytest.raises(PortError, match="cannot be opened") as failure:
            open_transport(f"{terminal[1]}?no-reset")
    assert failure.value.__cause__ is not None  # holds the frame of the opening
    open_transport(terminal[1]).close()


@pytest.mark.parametrize(
    ("devices", "said"), [([], "none"), (["/dev/ttyUSB0", "/dev/ttyACM0"], "/dev/ttyACM0, /dev/ttyUSB0")]
)
def test_missing_port_names_the_ones_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, devices: list[str], said: str
) -> None:
    monkeypatch.setattr(port_troubles, "comports", lambda: [ListPortInfo(device) for device in devices])
    with pytest.raises(PortError, match=f"ttyACM9: not there; ports on this machine: {said}$"):
        open_transport(str(tmp_path / "ttyACM9"))


def test_not_a_serial_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    with pytest.raises(PortError, match="not a serial port"):
        open_transport(str(path))


@pytest.mark.parametrize("url", ["socket://127.0.0.1:1", "socket://nonsense", "socket://127.0.0.1:x"])
def test_address_that_does_not_answer(url: str) -> None:
    with pytest.raises(PortError, match=r"^port socket:.* cannot be opened"):
        open_transport(url)


def test_busy_port(terminal: tuple[int, str]) -> None:
    first = open_transport(terminal[1])
    with pytest.raises(PortError, match="in use by .*this program"):
        open_transport(terminal[1])
    first.close()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_no_permission(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(code, f"could not open port /dev/ttyACM0: [Errno {code}]")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(PortError, match=r"port /dev/ttyACM0: no permission; .*dialout") as failure:
        SerialTransport("/dev/ttyACM0")
    assert "\n" not in str(failure.value)


def test_read_never_waits(terminal: tuple[int, str]) -> None:
    port = open_transport(terminal[1])
    start = time.monotonic()
    for _ in range(100):
        assert port.read() == b""
    assert time.monotonic() - start < 0.2
    threading.Timer(0.05, os.write, (terminal[0], b"late")).start()
    time.sleep(0.2)
    assert port.read() == b"late"
    port.close()
