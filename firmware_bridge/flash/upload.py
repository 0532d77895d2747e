"""Ways to get an image into a board, with the tools that are there."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

from neurograsp.firmware_bridge.errors import LinkError, PortError
from neurograsp.firmware_bridge.flash.boards import Board
from neurograsp.firmware_bridge.host_firmware import CompilerError
from neurograsp.firmware_bridge.port_troubles import holders, why_not

_DRIVE = "INFO_UF2.TXT"
"""On the drive of a board that waits for a program."""
_RP2040 = "RPI-RP2"
_SECONDS = 300
_STDERR = 2


def plan_upload(board: Board, image: Path, port: str | None) -> tuple[str, ...]:
    """The command that puts the image there; nothing is touched.

    Args:
        board: what is there.
        image: file for it, which need not be there yet.
        port: of the boot loader; of a board that is a drive its folder, or None. Need not be there either.

    Raises:
        CompilerError: none of the tools for it is installed.
    """
    if not board.avrdude:
        return _to_drive(board, image, port)
    assert port is not None
    if shutil.which("avrdude"):
        return ("avrdude", *board.avrdude, "-P", port, "-D", "-U", f"flash:w:{image}:i")
    if shutil.which("arduino-cli"):
        return ("arduino-cli", "upload", "-b", board.fqbn, "-p", port, "-i", str(image))
    raise CompilerError(
        "neither avrdude nor arduino-cli is installed: sudo apt install avrdude, or see "
        "https://arduino.github.io/arduino-cli"
    )


def check_port(port: str) -> None:
    """Look at a port without opening it: that would reset the board.

    Raises:
        PortError: not there, in use, or no permission.
    """
    path = Path(port)
    if not path.exists():
        code = errno.ENOENT
    elif not path.is_char_device():
        code = errno.ENOTTY
    elif not os.access(path, os.R_OK | os.W_OK):
        code = errno.EACCES
    elif holders(path, but=os.getpid()):
        code = errno.EBUSY
    else:
        return
    raise PortError(f"port {port}: {why_not(port, OSError(code, os.strerror(code)))}")


def check_drive(board: Board, folder: Path) -> None:
    """Raises PortError: not the drive of a board that waits for a program."""
    if not folder.is_dir():
        raise PortError(
            f"{folder}: a {board.name} takes programs as a drive, not at a serial port: hold BOOTSEL "
            f"while it is plugged in, and name its folder (.../{_RP2040}), or leave out --port"
        )
    if not (folder / _DRIVE).is_file() or _RP2040 not in (folder / _DRIVE).read_text(errors="replace"):
        raise PortError(f"{folder}: is no drive of a {board.name} that waits for a program ({_DRIVE})")


def run_upload(command: tuple[str, ...]) -> None:
    """Do it; what the tool says goes to stderr.

    Raises:
        LinkError: it did not succeed. The board may hold half a program, which its boot loader survives.
    """
    tool = command[0]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=_STDERR, check=False, timeout=_SECONDS
        )
    except OSError as error:
        raise LinkError(f"{tool}: does not run ({error.strerror})") from error
    except subprocess.TimeoutExpired:
        raise LinkError(f"{tool}: not done after {_SECONDS} s; unplug the board, then flash it") from None
    if done.returncode:
        raise LinkError(
            f"{tool} failed with exit code {done.returncode}, see above: check board, port and cable, then "
            "flash again; until then the board may hold no program"
        )


def _to_drive(board: Board, image: Path, drive: str | None) -> tuple[str, ...]:
    if drive is not None:
        return ("cp", str(image), drive)
    if shutil.which("picotool"):
        return ("picotool", "load", "-v", "-x", str(image))
    raise CompilerError(
        "picotool is not installed (github.com/raspberrypi/picotool); without it hold BOOTSEL while the "
        f"board is plugged in, and name its drive: --port /media/$USER/{_RP2040}"
    )
