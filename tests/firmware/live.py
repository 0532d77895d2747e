"""Host, cable and firmware as processes of this machine, and what the servos were told."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from cable import Cable
from fault_run import last_change_ms
from invariants import Monitor
from rig import ARM, Pulse

from neurograsp.firmware_bridge.host_firmware import SimulatedHand, TraceRow, read_trace
from neurograsp.firmware_bridge.protocol import HandState

PROGRAM = Path(__file__).with_name("host_program.py")
FRAME_SLACK_MS = 1.0
"""The trace has whole milliseconds."""


class Live:
    """The hand is closing, while a `with` block lasts.

    Args:
        folder: for the trace and the cable.

    Attributes:
        host: the process that moves it.
    """

    def __init__(self, folder: Path) -> None:
        self.hand = SimulatedHand(folder / "trace.csv")
        self._folder = folder
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._open:
            self._open.enter_context(self.hand)
            self.cable = Cable(self._folder, self.hand.url)
            self._open.callback(self.cable.close)
            self.host = self.start_host()
            self._hear(self.host, "ready")
            self._wait_for_movement()
            self._open = self._open.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def start_host(self) -> subprocess.Popen[str]:
        """One that moves the hand."""
        return self.start([sys.executable, str(PROGRAM), str(self.cable.port)])

    def start_idle_host(self, url: str | None = None) -> Callable[[], None]:
        """A second one, which waits; what is returned lets it begin a session and returns when it has one."""
        process = self.start([sys.executable, str(PROGRAM), url or str(self.cable.port), "idle"])
        self._hear(process, "here")

        def go() -> None:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            self._hear(process, "ready")

        return go

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """A process that ends with the block."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._open.callback(process.communicate)
        self._open.callback(process.kill)
        return process

    @staticmethod
    def _hear(process: subprocess.Popen[str], text: str) -> None:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == text

    def signal_hand(self, number: int) -> None:
        """To the firmware's process."""
        os.kill(self.hand.pid, number)

    def rows(self) -> list[TraceRow]:
        """The servo frames so far."""
        assert self.hand.trace is not None
        return read_trace(self.hand.trace)

    def pulses(self) -> list[Pulse]:
        """The same, pulse by pulse."""
        return [
            Pulse(row.ms * 1000.0, joint, us)
            for row in self.rows()
            for joint, us in enumerate(row.joints_us)
            if us
        ]

    def _wait_for_movement(self) -> None:
        end = time.monotonic() + 5
        while [row.state for row in self.rows()[-5:]] != [HandState.MOVING] * 5:
            assert time.monotonic() < end, "the hand does not move"
            time.sleep(0.004)

    def stood_ms(self, fault_ms: float) -> float:
        """From a fault (`time.monotonic`) to the last pulse that changed; 0: none did. Judges all pulses."""
        pulses = self.pulses()
        monitor = Monitor(ARM, frame_slack_ms=FRAME_SLACK_MS)
        monitor.may_pulse()
        monitor.may_move()
        monitor.judge(pulses)
        monitor.check()
        return max(0.0, last_change_ms(pulses, 0) - fault_ms)
