"""Why a port cannot be opened, and the remedy, in one line."""

import contextlib
import errno
import grp
import os
import stat
from pathlib import Path

from serial.tools.list_ports import comports

_MOST_NAMED = 3
DIALOUT = "dialout"
"""Who may open serial ports on Debian, where the port itself does not tell."""


def why_not(url: str, failure: Exception) -> str:
    """Why `url` cannot be opened, and the remedy."""
    code = _errno(failure)
    if code in (errno.EACCES, errno.EPERM):
        return f"no permission; run `sudo usermod -aG {_group(url)} $USER` and log in again"
    if code in (errno.EAGAIN, errno.EBUSY):
        who = holders(Path(url))
        return f"in use by {', '.join(who) or 'another program'}; close that one first"
    if url.startswith("/") and not Path(url).exists():
        ports = sorted(port.device for port in comports())
        return f"not there; ports on this machine: {', '.join(ports) or 'none'}"
    if code == errno.ENOTTY:
        return "not a serial port"
    return f"cannot be opened ({one_line(failure)}); check the address and the device"


def holders(port: Path, processes: Path = Path("/proc"), but: int | None = None) -> list[str]:
    """Programs that have a port open, with their process numbers: of other users only to root.

    Args:
        port: path of it.
        processes: where the system tells them.
        but: a process that does not count.
    """
    try:
        device = port.stat()
    except OSError:
        return []
    found = []
    for process in sorted(processes.glob("[0-9]*"), key=lambda path: int(path.name)):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            if process.name != str(but) and any(_is(one, device) for one in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                mine = ", this program" if process.name == str(os.getpid()) else ""
                found.append(f"{name} (process {process.name}{mine})")
                if len(found) == _MOST_NAMED:
                    break
    return found


def one_line(failure: Exception) -> str:
    """What it says."""
    return " ".join(str(failure).split()) or type(failure).__name__


def _is(descriptor: Path, device: os.stat_result) -> bool:
    with contextlib.suppress(OSError):
        there = descriptor.stat()
        return stat.S_ISCHR(there.st_mode) and there.st_rdev == device.st_rdev
    return False


def _group(url: str) -> str:
    """That may open the port; root's own is no remedy."""
    with contextlib.suppress(OSError, KeyError):
        owner = Path(url).stat()
        if owner.st_gid and owner.st_mode & stat.S_IWGRP:
            return grp.getgrgid(owner.st_gid).gr_name
    return DIALOUT


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
