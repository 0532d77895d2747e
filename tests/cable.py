"""A serial cable to a hand that can be cut."""

import contextlib
import os
import pty
import threading
import time
import tty
from pathlib import Path

from emulators import in_time


class Cable:
    """A serial cable to the hand that can be cut: a pty whose path stays, and a thread that carries bytes.

    Args:
        folder: for the path.
        url: the hand's port.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.port = folder / "hand"
        self._hand = os.open(url, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._ends: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self.mend()
        self._thread.start()

    def mend(self) -> None:
        """Both ends are connected."""
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        with self._lock:
            self._ends = master, slave
            self.port.symlink_to(os.ttyname(slave))

    def cut(self) -> None:
        """The host's port is gone, with its path; the hand hears nothing."""
        with self._lock:
            if self._ends is None:
                return
            self.port.unlink()
            for end in self._ends:
                os.close(end)
            self._ends = None

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self.cut()
        os.close(self._hand)

    def _carry(self) -> None:
        in_time()
        while not self._ending.is_set():
            with self._lock:
                if self._ends is None:
                    self._read(self._hand)
                else:
                    self._write(self._hand, self._read(self._ends[0]))
                    self._write(self._ends[0], self._read(self._hand))
            time.sleep(0.001)

    @staticmethod
    def _read(end: int) -> bytes:
        try:
            return os.read(end, 4096)
        except OSError:
            return b""

    @staticmethod
    def _write(end: int, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(end, data)
