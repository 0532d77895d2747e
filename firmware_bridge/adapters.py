"""What USB adapters do that a serial port did not: keep bytes for a while, and reset boards when opened."""

import contextlib
import termios
from pathlib import Path

import serial

SYS = Path("/sys/class/tty")
SLOW_MS = 1
"""What hands bytes on later than this is worth a word."""
_CFLAG = 2
"""Its place in what `termios` reports."""


def latency_ms(port: str, system: Path = SYS) -> int | None:
    """How long a port's adapter keeps bytes before it hands them on; None where none tells (FTDI's do)."""
    try:
        return int((system / Path(port).resolve().name / "device" / "latency_timer").read_text())
    except (OSError, ValueError):
        return None


def be_quick(opened: serial.Serial, port: str, system: Path = SYS) -> str:
    """Ask the driver of an open port for low latency, where it has a latency to lower.

    Returns:
        what could not be had, for people; empty where all is well.
    """
    before = latency_ms(port, system)
    if before is None or before <= SLOW_MS:
        return ""
    with contextlib.suppress(OSError, ValueError):  # what counts is what the driver says afterwards
        opened.set_low_latency_mode(True)
    after = latency_ms(port, system)
    return slow(after) if after is not None and after > SLOW_MS else ""


def slow(milliseconds: int) -> str:
    """What a slow adapter means, and the remedy."""
    return (
        f"the USB adapter keeps bytes for {milliseconds} ms, and low latency could not be set; "
        "`setserial PORT low_latency` as root may"
    )


def has_dtr(port: str) -> bool:
    """Whether opening the port may reset a board: USB ports of boards and adapters raise DTR then."""
    return Path(port).resolve().name.startswith(("ttyACM", "ttyUSB"))


def keep_dtr(descriptor: int) -> bool:
    """Leave DTR raised when this port is closed (HUPCL off).

    Returns:
        whether it was so already: then this opening has reset nothing.
    """
    settings = termios.tcgetattr(descriptor)
    before = settings[_CFLAG]
    if not before & termios.HUPCL:
        return True
    settings[_CFLAG] = before & ~termios.HUPCL
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    return False
