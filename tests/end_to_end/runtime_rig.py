"""A bench for what goes wrong: an amplifier on a pty, `neurograsp run`, a cable, and the hand's own firmware.

The amplifier is an OpenBCI Cyton behind BrainFlow's real driver, the hand the real firmware in a process of
its own; between them nothing is replaced. Times are read off the firmware's trace of servo frames.
"""

import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from cable import Cable
from commands import CLI
from emulators import Cyton
from loaded import is_loaded
from toys import BLOCK_S, eeg_like

from neurograsp.edge_runtime.sources.board_layout import LSB_UV
from neurograsp.firmware_bridge.host_firmware import SimulatedHand, TraceRow, read_trace
from neurograsp.firmware_bridge.protocol import HandState

STARVED = "stopped: no new frames"
RHYTHM_HZ, RHYTHM = 12.0, 60.0
"""What `toys.write_recordings` trains the toy network to take for a fist."""


def fists(n_blocks: int = 20) -> npt.NDArray[np.int32]:
    """Counts (n_frames, 8) of rest and fist by turns, 2 s each, unlike any that was trained on."""
    n_frames = round(BLOCK_S * Cyton.RATE_HZ)
    counts = eeg_like(n_blocks * n_frames, Cyton.N_CHANNELS, seed=77, amplitude=20.0)
    time_s = np.arange(len(counts)) / Cyton.RATE_HZ
    moving = np.arange(len(counts)) // n_frames % 2
    wave = np.rint(RHYTHM * np.sin(2 * np.pi * RHYTHM_HZ * time_s) * moving)
    return counts + wave[:, None].astype(np.int32)


class Rig:
    """All of it running, the hand armed, while a `with` block lasts.

    Args:
        bundle: of the toy network, for the Cyton.
        folder: for traces and logs.
        options: more of `neurograsp run`.
        environment: more of the runtime's.
        report: file that its report goes to; None: nobody reads it.
    """

    def __init__(
        self,
        bundle: Path,
        folder: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        report: Path | None = None,
    ) -> None:
        self.amplifier = Cyton(fists())
        self.hand = SimulatedHand(folder / "trace.csv")
        self.log = folder / "log.txt"
        self._folder = folder
        self._bundle = bundle
        self._options = options
        self._environment = {**os.environ, **(environment or {})}
        self._report = report
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._open:
            self._open.enter_context(self.amplifier)
            self._open.enter_context(self.hand)
            self.cable = Cable(self._folder, self.hand.url)
            self._open.callback(self.cable.close)
            command = [*CLI, "run", "--bundle", str(self._bundle)]
            command += ["--source", self.source(), "--hand", str(self.cable.port)]
            log = self._open.enter_context(self.log.open("w"))
            self.process = subprocess.Popen(
                [*command, "--arm-by", "key", *self._options],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL if self._report is None else self._report.open("w"),
                stderr=log,
                env=self._environment,
            )
            self._open.callback(self._end)
            self.wait_for("runtime disarmed")
            self.arm()
            self._open = self._open.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def source(self) -> str:
        """Where the runtime gets its frames; the amplifier is on."""
        return f"board:cyton:{self.amplifier.port}"

    def _end(self) -> None:
        self.process.kill()
        self.process.communicate()

    def key(self, key: bytes) -> None:
        """Press it."""
        assert self.process.stdin is not None
        self.process.stdin.write(key)
        self.process.stdin.flush()

    def arm(self) -> None:
        """Press `a` until the runtime says that the hand is armed."""
        before = self.log.read_text().count("runtime armed")
        self.key(b"a")
        self.wait_for("runtime armed", before + 1)

    def wait_for(self, text: str, times: int = 1, seconds: float = 20.0) -> None:
        """Until the runtime has said this so often."""
        end = time.monotonic() + seconds
        while self.log.read_text().count(text) < times:
            assert time.monotonic() < end, f"never said {text!r}: {self.log.read_text()}"
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.01)

    def rows(self) -> list[TraceRow]:
        """The hand's servo frames so far."""
        assert self.hand.trace is not None
        return read_trace(self.hand.trace)

    def wait_for_movement(self, seconds: float = 20.0) -> float:
        """Until the hand is in the middle of a movement; the time then.

        Where a loaded machine brought no frames for 0.2 s before that, the hand was stopped, as it should be;
        it is armed again, twice at most.
        """
        end = time.monotonic() + seconds
        starved = self.log.read_text().count(STARVED)
        left = 2
        while True:
            if left and self.log.read_text().count(STARVED) > starved and is_loaded():
                starved, left = starved + 1, left - 1
                self.arm()
                end = time.monotonic() + seconds
            rows = self.rows()[-5:]
            if (
                len(rows) == 5
                and all(row.state is HandState.MOVING for row in rows)
                and len(moves(rows)) == 4
            ):
                return time.monotonic()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.004)

    def stood_after(self, fault_s: float) -> float:
        """Seconds from a fault to the hand's last movement; 0 when it did not move any more."""
        return max((0.0, *(row.ms / 1000 - fault_s for row in moves(self.rows()))))


class RelayRig(Rig):
    """With `neurograsp relay` between the amplifier and the runtime."""

    TOKEN = "a secret of both machines"
    port = 0

    def source(self) -> str:
        self.start_relay()
        self._open.callback(self.end_relay)
        return f"relay:127.0.0.1:{self.port}"

    def start_relay(self) -> None:
        """On the port that it had before, if any."""
        source = f"board:cyton:{self.amplifier.port}"
        self._environment["NEUROGRASP_RELAY_TOKEN"] = self.TOKEN
        self.relay = subprocess.Popen(
            [*CLI, "relay", "--source", source, "--port", str(self.port)],
            env=self._environment,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert self.relay.stderr is not None
        said = self.relay.stderr.readline()
        found = re.search(r"port (\d+); Ctrl-C ends", said)
        assert found, said
        self.port = int(found[1])

    def end_relay(self) -> None:
        self.relay.kill()
        self.relay.communicate()


class OutletRig(Rig):
    """With a real LSL outlet instead of the amplifier, whose values may become none.

    Attributes:
        numbers: False sends NaN from now on.
    """

    NAME = "rig"
    numbers = True

    def source(self) -> str:
        import pylsl

        info = pylsl.StreamInfo(self.NAME, "EEG", Cyton.N_CHANNELS, Cyton.RATE_HZ, "float32", self.NAME)
        channels = info.desc().append_child("channels")
        for number in range(1, Cyton.N_CHANNELS + 1):
            channel = channels.append_child("channel")
            channel.append_child_value("label", f"E{number}")
            channel.append_child_value("unit", "microvolts")
        outlet, ending = pylsl.StreamOutlet(info), threading.Event()
        thread = threading.Thread(target=self._send, args=(outlet, ending), daemon=True)
        thread.start()
        self._open.callback(thread.join)
        self._open.callback(ending.set)
        return f"lsl:{self.NAME}"

    def _send(self, outlet: Any, ending: threading.Event) -> None:
        signal_uv = fists() * LSB_UV["CYTON_BOARD"]
        begin, sent = time.monotonic(), 0
        while not ending.wait(0.01):
            due = int((time.monotonic() - begin) * Cyton.RATE_HZ)
            for row in signal_uv[np.arange(sent, due) % len(signal_uv)]:
                outlet.push_sample(row.tolist() if self.numbers else [float("nan")] * len(row))
            sent = due


def moves(rows: list[TraceRow]) -> list[TraceRow]:
    """The servo frames in which a joint is elsewhere than before; letting go is no movement."""
    return [
        row
        for before, row in pairwise(rows)
        if any(now and was and now != was for was, now in zip(before.joints_us, row.joints_us))
    ]
