"""Ways for bytes to get to a hand: a serial device, a pseudo-terminal, TCP, or nowhere (`loop://`).

A transport is named by a URL: `/dev/ttyACM0`, `socket://host:port`, `loop://`. `/dev/ttyACM0?no-reset` leaves
DTR as it is when the port is closed, so that the next opening does not reset an Arduino.
"""

import contextlib
import logging
import termios
from typing import Protocol

import serial

from neurograsp.firmware_bridge import adapters
from neurograsp.firmware_bridge.errors import LinkLost, PortError
from neurograsp.firmware_bridge.port_troubles import one_line, why_not

log = logging.getLogger(__name__)

BAUD = 115200
WRITE_TIMEOUT_S = 0.2
_READ_SIZE = 4096
_SCHEMES = ("socket://", "loop://")
NO_RESET = "?no-reset"
BOOT_S = 2.0
"""Boot loaders of Arduino boards wait so long, at most, for somebody who wants to flash."""
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
    """A port opened by pyserial: 8N1, not shared with another process.

    Args:
        url: `/dev/...`, with or without `NO_RESET`, `socket://host:port` or `loop://`.
        baud: bits a second.

    Attributes:
        boot_s: an Arduino behind it may have been reset by its opening, and is deaf for so long.

    Raises:
        PortError: unknown kind of URL, no such port, busy, or no permission.
    """

    def __init__(self, url: str, baud: int = BAUD) -> None:
        if not url.startswith(("/", *_SCHEMES)):
            raise PortError(
                f"port {url!r}: must be a path such as /dev/ttyACM0, or socket://host:port or loop://"
            )
        self._url = url
        port = url.removesuffix(NO_RESET)
        if port != url and not port.startswith("/"):
            raise PortError(f"port {url!r}: {NO_RESET} is for a path such as /dev/ttyACM0")
        with contextlib.ExitStack() as opened:
            try:
                self._serial = serial.serial_for_url(
                    port, baudrate=baud, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
                )
                opened.callback(self.close)
                self._serial.reset_input_buffer()
                keeps = port != url and adapters.keep_dtr(self._serial.fileno())
            except (*_FAILURES, ValueError) as failure:
                raise PortError(f"port {url}: {why_not(port, failure)}") from failure
            opened.pop_all()
        self.boot_s = BOOT_S if adapters.has_dtr(port) and not keeps else 0.0
        trouble = adapters.be_quick(self._serial, port)
        if trouble:
            log.warning("port %s: %s", url, trouble)

    @property
    def url(self) -> str:
        """The URL it was opened with."""
        return self._url

    def fileno(self) -> int:
        """Its file descriptor, which does not block. Raises PortError where there is none (`loop://`)."""
        try:
            return int(self._serial.fileno())
        except (OSError, AttributeError):
            raise PortError(f"port {self._url}: leads nowhere") from None

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
            f"port {self._url}: lost ({one_line(failure)}); check cable and power, then connect again"
        )


def open_transport(url: str, baud: int = BAUD) -> Transport:
    """Open `url`; see `SerialTransport`."""
    return SerialTransport(url, baud)
