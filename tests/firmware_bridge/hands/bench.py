"""Two ways to speak to an emulated device: at once in this process, or over a pseudo-terminal."""

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
import tty
from types import TracebackType
from typing import Protocol, Self

from neurograsp.edge_runtime.cli.demo import SAMPLES
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand


def command(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`neurograsp` in a process of its own: in this one it would keep the emulator from answering."""
    program = [sys.executable, "-m", "neurograsp.edge_runtime.cli", *words]
    return subprocess.run(program, check=False, capture_output=True, text=True, input=stdin)


def replay(hand: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Three seconds of the sample recording through the grasp-and-lift bundle, to `hand`."""
    bundle, recording = SAMPLES / "bundles" / "grasp-and-lift", SAMPLES / "way-eeg-gal" / "subj1_series7.npz"
    source = ["--source", f"playback:{recording}", "--seconds", "3"]
    return command("run", "--hand", hand, *options, "--bundle", str(bundle), *source)


class Emulator(Protocol):
    """A device: bytes in, bytes out."""

    def feed(self, data: bytes) -> bytes:
        """What it answers to `data`."""

    def advance(self, seconds: float) -> None:
        """Let time pass for what moves in it."""


class Clock:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class EmulatedLine:
    """A transport to an emulator, without any delay.

    Attributes:
        sent: every write.
        cut: nothing comes back any more.
    """

    url = "emulated"

    def __init__(self, emulator: Emulator, clock: Clock) -> None:
        self._emulator = emulator
        self._clock = clock
        self._waiting = b""
        self.sent: list[bytes] = []
        self.cut = False
        self.closed = False

    def read(self) -> bytes:
        data, self._waiting = self._waiting, b""
        return data

    def write(self, data: bytes) -> None:
        self.sent.append(data)
        if not self.cut:
            self._waiting += self._emulator.feed(data)

    def close(self) -> None:
        self.closed = True

    def sleep(self, seconds: float) -> None:
        self._clock.now += seconds
        self._emulator.advance(seconds)


class HandOnTable:
    """A hand behind an emulated line, and ticks of the loop on its clock.

    Attributes:
        clock, line, hand: set by each test's own.
        tick_s: from one tick to the next.
    """

    clock: Clock
    line: EmulatedLine
    hand: DeviceHand
    tick_s = 0.02

    def run(self, seconds: float, healthy: bool = True) -> None:
        for _ in range(round(seconds / self.tick_s)):
            self.line.sleep(self.tick_s)
            self.hand.service(healthy)

    def armed(self) -> Self:
        """Found, and armed after a while."""
        self.hand.connect()
        self.run(0.2)
        self.hand.arm()
        return self


class OnPty:
    """An emulator behind a pseudo-terminal, in a thread, while the `with` block lasts.

    Attributes:
        port: path to open.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._ends: tuple[int, ...]
        self._ends = self._end, other_end = os.openpty()
        tty.setraw(self._end)
        tty.setraw(other_end)
        self.port = os.ttyname(other_end)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cut()

    def cut(self) -> None:
        """Nothing is there any more."""
        self._ending.set()
        self._thread.join()
        self._close()

    def _close(self) -> None:
        ends, self._ends = self._ends, ()
        for end in ends:
            os.close(end)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # a device is not slowed down by what else this computer does
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(51))
        before = time.monotonic()
        while not self._ending.is_set():
            if select.select([self._end], [], [], 0.01)[0]:
                os.write(self._end, self._emulator.feed(os.read(self._end, 4096)))
            now = time.monotonic()
            self._emulator.advance(now - before)
            before = now
