"""Ways for bytes to get to a hand: a serial device, a pseudo-terminal, TCP, or nowhere (`loop://`).

A transport is named by a URL: `/dev/ttyACM0`, `socket://host:port`, `loop://`.
"""

import contextlib
import errno
import termios
from pathlib import Path
from typing import Protocol

import serial
from serial.tools.list_ports import comports

from neurograsp.firmware_bridge.errors import LinkLost, PortError

BAUD = 115200
WRITE_TIMEOUT_S = 0.2
_READ_SIZE = 4096
_SCHEMES = ("socket://", "loop://")
_FAILURES = (OSError, termios.error, serial.SerialException)


class Transport(Protocol):
    """Bytes both ways. Neither direction may block longer than `WRITE_TIMEOUT_S`."""

    @property
    def url(self) -> str:
        """Where it leads, for messages."""

    def read(self) -> bytes:
        """What has arrived, perhaps nothing. Raises LinkLost when the other side is gone."""

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises LinkLost when that cannot be done."""

    def close(self) -> None:
        """Give the port back; closing twice is allowed."""


class SerialTransport:
    """A port opened by pyserial: 115200 8N1, not shared with another process.

    Args:
        url: `/dev/...`, `socket://host:port` or `loop://`.

    Raises:
        PortError: unknown kind of URL, no such port, busy, or no permission.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("/", *_SCHEMES)):
            raise PortError(
                f"port {url!r}: must be a path such as /dev/ttyACM0, or socket://host:port or loop://"
            )
        self._url = url
        try:
            self._serial = serial.serial_for_url(
                url, baudrate=BAUD, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
            self._serial.reset_input_buffer()
        except (*_FAILURES, ValueError) as failure:
            raise PortError(f"port {url}: {why_not(url, failure)}") from failure

    @property
    def url(self) -> str:
        """The URL it was opened with."""
        return self._url

    def read(self) -> bytes:
        """What has arrived, at most 4096 bytes; never waits."""
        try:
            return bytes(self._serial.read(_READ_SIZE))
        except _FAILURES as failure:
            raise self._lost(failure) from failure

    def write(self, data: bytes) -> None:
        """Send all of `data`; gives up after 0.2 s, when part of it may have gone."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as failure:
            raise LinkLost(
                f"port {self._url}: takes no more bytes; is anything reading at the hand?"
            ) from failure
        except _FAILURES as failure:
            raise self._lost(failure) from failure

    def close(self) -> None:
        """Give the port back."""
        with contextlib.suppress(*_FAILURES):  # the device may be gone already
            self._serial.close()

    def _lost(self, failure: Exception) -> LinkLost:
        return LinkLost(
            f"port {self._url}: lost ({_one_line(failure)}); check cable and power, then connect again"
        )


def open_transport(url: str) -> Transport:
    """Open `url`; see `SerialTransport`."""
    return SerialTransport(url)


def _one_line(failure: Exception) -> str:
    return " ".join(str(failure).split()) or type(failure).__name__


def _errno(failure: BaseException | None) -> int | None:
    """pyserial keeps the errno in an attribute, in the arguments, or only in the exception's context."""
    while failure is not None:
        code = getattr(failure, "errno", None)
        if isinstance(code, int):
            return code
        if failure.args and isinstance(failure.args[0], int):
            return failure.args[0]
        failure = failure.__context__
    return None


def why_not(url: str, failure: Exception) -> str:
    """Why a port cannot be opened, and the remedy."""
    code = _errno(failure)
    if code in (errno.EACCES, errno.EPERM):
        return "no permission; run `sudo usermod -aG dialout $USER` and log in again"
    if code in (errno.EAGAIN, errno.EBUSY):
        return "in use by another program; close that one first"
    if url.startswith("/") and not Path(url).exists():
        ports = sorted(port.device for port in comports())
        return f"not there; ports on this machine: {', '.join(ports) or 'none'}"
    if code == errno.ENOTTY:
        return "not a serial port"
    return f"cannot be opened ({_one_line(failure)}); check the address and the device"
