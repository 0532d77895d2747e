"""Amplifiers on a pseudo terminal, for the serial drivers that BrainFlow has for the real ones.

    with FreeEEG32() as board:
        source = BrainFlowSource("freeeeg32", board.port, spec)
        # or in another process: neurograsp run --source board:freeeeg32:PORT ...
        board.drop(5)

A thread sends frame number k, which is row k modulo its length of the signal, when it is due. What goes wrong
may be called from any thread and begins within `TICK_S`.
"""

import os
import pty
import tempfile
import threading
import time
import tty
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]

TICK_S = 0.002
RAIL = 2**23 - 1
"""Greatest value of the 24-bit converters; the least is -RAIL - 1."""


def in_time() -> None:
    """A real-time priority for this thread where it is permitted: hardware waits for no other program."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(40))


def noise(n_channels: int, n_frames: int = 4096, peak: int = 2000) -> Int32:
    """A seeded signal (n_frames, n_channels) in counts."""
    return np.random.default_rng(0).integers(-peak, peak + 1, (n_frames, n_channels)).astype(np.int32)


class Amplifier:
    """A board that sends frames with a counter of one byte, in a thread, while its `with` block lasts.

    Args:
        signal: (n_frames, n_channels) int32 of 24 bits, repeated for ever; noise by default.
        rate_hz: frames a second; the board's own by default.

    Attributes:
        port: path of its serial port, which stays the same over `unplug` and `replug`.
        rate_hz: may be set, for a clock that is off.
        n_frames: numbered so far, lost ones included.
        n_overrun: lost of these because nobody read the port.
    """

    N_CHANNELS: int
    RATE_HZ: float

    def __init__(self, signal: Int32 | None = None, rate_hz: float | None = None) -> None:
        self.rate_hz = rate_hz or self.RATE_HZ
        self.n_frames = self.n_overrun = 0
        self._signal = noise(self.N_CHANNELS) if signal is None else signal
        self._folder = tempfile.TemporaryDirectory(prefix="amplifier-")
        self.port = str(Path(self._folder.name) / "port")
        self._held: dict[int, int] = {}
        self._n_drop = self._n_repeat = self._n_cut = self._n_late = 0
        self._late: list[tuple[int, bytes]] = []
        self._silent = self._stuck = False
        self._streaming = False
        self._rest = b""
        self._ends: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self.replug()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self.unplug()
        self._folder.cleanup()

    def play(self, signal: Int32) -> None:
        """From now on send this signal (n_frames, n_channels)."""
        with self._lock:
            self._signal = signal

    def hold(self, values: Mapping[int, int]) -> None:
        """From now on these channels deliver these counts: 0 is flat, RAIL is railed. {} is none."""
        with self._lock:
            self._held = dict(values)

    def drop(self, n_frames: int) -> None:
        """The next frames are counted and not sent, as a radio loses them."""
        with self._lock:
            self._n_drop += n_frames

    def repeat(self, n_frames: int) -> None:
        """Each of the next frames is sent twice."""
        with self._lock:
            self._n_repeat += n_frames

    def late(self, behind: int) -> None:
        """The next frame is sent after the `behind` frames that follow it."""
        with self._lock:
            self._n_late = behind

    def cut(self, n_frames: int) -> None:
        """Only the first half of each of the next frames is sent, as when bytes are lost on the line."""
        with self._lock:
            self._n_cut += n_frames

    def freeze(self) -> None:
        """Send nothing; frames are counted on, so that `resume` shows a gap."""
        with self._lock:
            self._silent = True

    def stick(self) -> None:
        """Send the same frame with the same number again and again."""
        with self._lock:
            self._stuck = True

    def resume(self) -> None:
        """End `freeze` and `stick`."""
        with self._lock:
            self._silent = self._stuck = False

    def unplug(self) -> None:
        """The port is gone, with its path."""
        with self._lock:
            if self._ends is None:
                return
            Path(self.port).unlink()
            for end in self._ends:
                os.close(end)
            self._ends = None

    def replug(self) -> None:
        """The port is there again, at the same path, and the board as if switched on."""
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        with self._lock:
            self._rest = b""
            self._ends = master, slave
            self._switched_on()
            Path(self.port).symlink_to(os.ttyname(slave))

    def _switched_on(self) -> None:
        self._streaming = True

    def _answer(self, request: bytes) -> bytes:
        """What the board says to bytes that it got."""
        return b""

    def _encode(self, number: int, samples: bytes) -> bytes:
        """One frame on the line, from its number of 8 bits and its samples of 3 bytes."""
        raise NotImplementedError

    def _run(self) -> None:
        in_time()
        before, due = time.monotonic(), 0.0
        while not self._ending.wait(TICK_S):
            now = time.monotonic()
            with self._lock:
                due += (now - before) * self.rate_hz
                before = now
                if self._ends is not None:
                    self._listen(self._ends[0])
                for _ in range(int(due)):
                    self._frame()
                due %= 1

    def _listen(self, master: int) -> None:
        try:
            request = os.read(master, 4096)
        except BlockingIOError:
            return
        self._write(self._answer(request))

    def _frame(self) -> None:
        """Number one frame and put it on the line, or do to it what is to go wrong."""
        if not self._streaming:
            return
        if not self._stuck:
            self.n_frames += 1
        number = self.n_frames - 1
        if self._silent:
            return
        if self._n_drop:
            self._n_drop -= 1
            return
        counts = self._signal[number % len(self._signal)].copy()
        for channel, value in self._held.items():
            counts[channel] = value
        samples = counts.astype(">i4").view(np.uint8).reshape(-1, 4)[:, 1:]
        frame = self._encode(number % 256, samples.tobytes())
        if self._n_late:
            self._late.append((number + self._n_late, frame))
            self._n_late = 0
            return
        if self._n_cut:
            self._n_cut -= 1
            frame = frame[: len(frame) // 2]
        if self._n_repeat:
            self._n_repeat -= 1
            frame *= 2
        frame += b"".join(late for due, late in self._late if due <= number)
        self._late = [(due, late) for due, late in self._late if due > number]
        self.n_overrun += not self._write(frame)

    def _write(self, data: bytes) -> bool:
        """All of it, if need be later, or nothing while the port has no room for what came before."""
        self._flush()
        if self._rest:
            return False
        self._rest = data
        self._flush()
        return True

    def _flush(self) -> None:
        with suppress(BlockingIOError):
            while self._rest and self._ends is not None:
                self._rest = self._rest[os.write(self._ends[0], self._rest) :]


class FreeEEG32(Amplifier):
    """Streams from when it has power. No answers, no checksum."""

    N_CHANNELS = 32
    RATE_HZ = 512.0

    def _encode(self, number: int, samples: bytes) -> bytes:
        return b"\xa0" + bytes([number]) + samples + b"\xc0"


class Cyton(Amplifier):
    """OpenBCI's board: answers `v` and `d`, streams from `b` to `s`. The six bytes are its accelerometer."""

    N_CHANNELS = 8
    RATE_HZ = 250.0

    def _switched_on(self) -> None:
        self._streaming = False

    def _answer(self, request: bytes) -> bytes:
        answer = b""
        for command in request:
            match chr(command):
                case "v":
                    answer += b"OpenBCI V3 8-16 channel\nOn Board ADS1299 Device ID: 0x3E\n$$$"
                case "d":
                    answer += b"updating channel settings to default$$$"
                case "b":
                    self._streaming = True
                case "s":
                    self._streaming = False
        return answer

    def _encode(self, number: int, samples: bytes) -> bytes:
        return b"\xa0" + bytes([number]) + samples + bytes(6) + b"\xc0"
