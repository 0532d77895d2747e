"""Bytes between a program and a device, passed on at once and unchanged, and kept for whoever looks.

The bytes pass in a thread that does nothing else: a slow terminal, disk or decoder delays what is seen, never
what goes over the line.
"""

import contextlib
import errno
import os
import select
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.sniff.capture import MAX_DATA, Heard
from neurograsp.firmware_bridge.sniff.pieces import Side

MOST_KEPT = 1 << 24
"""Bytes that nobody has looked at yet; what comes on top is passed on, and counted as lost."""
MOST_PENDING = 1 << 16
"""Bytes for a program that does not read; what comes on top is lost, as in a serial port's buffer."""
_POLL_MS = 10


class Pty:
    """A port for another program, for a `with` statement.

    Attributes:
        port: its path.
        end: this side's file descriptor, which never blocks.
    """

    def __init__(self) -> None:
        self.end, other = os.openpty()
        tty.setraw(other)
        self.port = os.ttyname(other)
        os.close(other)  # so that this side sees whether a program has it open
        os.set_blocking(self.end, False)

    @property
    def taken(self) -> bool:
        """A program has it open, or has left something in it."""
        poller = select.poll()
        poller.register(self.end, select.POLLIN)
        events = sum(event for _, event in poller.poll(0))
        return bool(events & select.POLLIN) or not events & select.POLLHUP

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self.end)


class PtyTransport:
    """A `Transport` to whichever program has a `Pty` open."""

    def __init__(self, pty: Pty) -> None:
        self._pty = pty

    @property
    def url(self) -> str:
        """Path of the port."""
        return self._pty.port

    def read(self) -> bytes:
        """What the program has said."""
        try:
            return _read(self._pty.end) or b""
        except OSError:
            raise self._left() from None

    def write(self, data: bytes) -> None:
        """Say it. Raises LinkLost when the program is gone, or reads nothing."""
        if not self._pty.taken:
            raise self._left()
        try:
            written = os.write(self._pty.end, data)
        except BlockingIOError:
            written = 0
        if written < len(data):
            raise LinkLost(f"{self._pty.port}: the program reads nothing")

    def close(self) -> None:
        """The `Pty` closes it."""

    def _left(self) -> LinkLost:
        return LinkLost(f"{self._pty.port}: the program has closed it")


class Tap:
    """A line that is looked at while the `with` block lasts.

    Args:
        device: file descriptor of the device's port, which does not block.
        url: of that port, for messages.
        program: what another program speaks to; None: nothing is passed on, and nothing is ever written.
        clock: seconds, monotonic.

    Attributes:
        failure: why it ended by itself.
    """

    def __init__(
        self,
        device: int,
        url: str,
        program: Pty | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = device
        self._url = url
        self._program = program
        self._clock = clock
        self._began = clock()
        self._kept: deque[Heard] = deque()
        self._n_kept = self._n_lost = 0
        self._lock = threading.Lock()
        self._pending = {device: bytearray()} | ({} if program is None else {program.end: bytearray()})
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="tap")
        self.failure: LinkLost | None = None

    @property
    def seconds(self) -> float:
        """Since it began, in the microseconds that a capture keeps: a replay says the same times."""
        return round(self._clock() - self._began, 6)

    @property
    def running(self) -> bool:
        """The device is there."""
        return self._thread.is_alive()

    def take(self) -> list[Heard]:
        """What was heard since it was asked last; also when it has ended."""
        with self._lock:
            kept, lost = list(self._kept), self._n_lost
            self._kept.clear()
            self._n_kept = self._n_lost = 0
        return kept if not lost else [*kept, Heard(self.seconds, Side.EITHER, b"", lost)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self._once()
        except OSError as error:
            self.failure = LinkLost(
                f"port {self._url}: lost ({error.strerror or error}); check cable and power, then start again"
            )

    def _once(self) -> None:
        wanted = {self._device: select.POLLIN}
        if self._program is not None:
            if not self._program.taken:
                self._pending[self._program.end].clear()
            else:  # while the device takes nothing, the program waits as it would at the port itself
                wanted[self._program.end] = 0 if self._pending[self._device] else select.POLLIN
        poller = select.poll()
        for end, events in wanted.items():
            poller.register(end, events | (select.POLLOUT if self._pending[end] else 0))
        for end, event in poller.poll(_POLL_MS):
            if event & select.POLLOUT:
                self._flush(end)
            if end == self._device:
                if event & ~select.POLLOUT:  # else a read says the same as of a port that is gone: nothing
                    self._from_device()
            elif event & select.POLLIN:
                self._from_program()
            elif event & select.POLLHUP:
                time.sleep(_POLL_MS / 1000)

    def _from_device(self) -> None:
        data = _read(self._device)
        if data == b"":
            raise OSError(errno.EIO, "it is gone")
        if data is None:
            return
        side = Side.EITHER if self._program is None else Side.DEVICE
        if self._program is not None and self._program.taken:
            self._pass_on(self._program.end, data)
        self._keep(side, data)

    def _from_program(self) -> None:
        assert self._program is not None
        try:
            data = _read(self._program.end)
        except OSError:  # the program has closed it
            return
        if data:
            self._pass_on(self._device, data)
            self._keep(Side.HOST, data)

    def _pass_on(self, end: int, data: bytes) -> None:
        self._pending[end] += data
        self._flush(end)
        del self._pending[end][MOST_PENDING:]

    def _flush(self, end: int) -> None:
        pending = self._pending[end]
        with contextlib.suppress(BlockingIOError):
            del pending[: os.write(end, pending)]

    def _keep(self, side: Side, data: bytes) -> None:
        with self._lock:
            if self._n_kept + len(data) > MOST_KEPT:
                self._n_lost += len(data)
            else:
                self._kept.append(Heard(self.seconds, side, data))
                self._n_kept += len(data)


def _read(end: int) -> bytes | None:
    """What has come; None where nothing has, empty where nothing will."""
    try:
        return os.read(end, MAX_DATA)
    except BlockingIOError:
        return None
