"""Where a board is, and that nobody else reads it."""

import errno
import fcntl
import os
import re
from typing import Any

from neurograsp.edge_runtime.contract.errors import SourceError

MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
ADDRESS = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?")

REMEDIES = {
    "INVALID_ARGUMENTS_ERROR": "name where it is: board:NAME:/dev/ttyUSB0, or its MAC or IP address",
    "BOARD_NOT_READY_ERROR": "it does not answer; is it switched on, and near its dongle?",
    "UNABLE_TO_OPEN_PORT_ERROR": "check the port, and that this kind of board is at it",
    "SER_PORT_ERROR": "that is no serial port",
    "SET_PORT_ERROR": "that is no serial port",
    "ANOTHER_BOARD_IS_CREATED_ERROR": "this program has it open already",
}
"""By the name of BrainFlow's exit code."""


_WHY_CLOSED = {
    errno.ENOENT: "not there; `neurograsp ports` lists those that are",
    errno.EACCES: "no permission; run `sudo usermod -aG dialout $USER` and log in again",
    errno.EPERM: "no permission; run `sudo usermod -aG dialout $USER` and log in again",
    errno.EAGAIN: "in use by another program; close that one first",
    errno.EBUSY: "in use by another program; close that one first",
}


def set_port(parameters: Any, port: str) -> None:
    """Give BrainFlow what follows a board's name: a path, a MAC or IP address, else a name."""
    address = ADDRESS.fullmatch(port)
    if port.startswith("/"):
        parameters.serial_port = port
    elif MAC.fullmatch(port):
        parameters.mac_address = port
    elif address:
        parameters.ip_address = address[1]
        parameters.ip_port = int(address[2] or 0)
    else:
        parameters.serial_number = port


class PortLock:
    """Keeps other programs that lock their ports, this one among them, from a serial port.

    BrainFlow locks nothing: two readers of one port would each get half of its bytes.

    Args:
        port: path of a device; anything else is not locked.
    """

    def __init__(self, port: str) -> None:
        self._port = port
        self._file: int | None = None

    def take(self) -> None:
        """Raises SourceError when the port is not there, may not be opened, or is in use."""
        if not self._port.startswith("/"):
            return
        try:
            self._file = os.open(self._port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            why = _WHY_CLOSED.get(error.errno or 0, f"cannot be opened ({error.strerror}); check the device")
            raise SourceError(f"port {self._port}: {why}") from error

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
