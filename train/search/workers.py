"""Trials as processes: what one is, how it is started, and the workers of this machine."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from neurograsp.edge_runtime.contract.config import ENVIRONMENT_PREFIX

STOP_S = 20.0
"""A training that is interrupted clears up, which takes it a batch or the import of TensorFlow."""
THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
SAID_BYTES = 4096
REFUSED = (0, 2, 3, 4)
"""Exit codes (docs/cli.md) of which another try gives the same."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Job:
    """Attributes:
    number: of the trial.
    arguments: of the Python interpreter.
    log: file for what it says.
    threads: for its arithmetic; 0 leaves that to TensorFlow.
    """

    number: int
    arguments: tuple[str, ...]
    log: Path
    threads: int = 0


@dataclass(frozen=True)
class Outcome:
    """Attributes:
    code: exit code; negative: the signal that killed it; None: the worker was lost.
    seconds: it took.
    reason: what it said last where it failed.
    """

    code: int | None
    seconds: float
    reason: str = ""

    @property
    def crashed(self) -> bool:
        """It was killed or broke, where another try may succeed; not refused."""
        return self.code not in REFUSED


class Workers(Protocol):
    """Whoever runs trials. Attributes:
    slots: trials at a time.
    """

    slots: int

    def start(self, job: Job) -> None:
        """Begin a trial; no more than `slots` at a time."""

    def wait(self) -> tuple[int, Outcome]:
        """The number and outcome of the next trial that ends."""

    def stop(self) -> None:
        """End whatever runs."""


class LocalWorkers:
    """Processes on this machine.

    Args:
        slots: trials at a time.
        clock: in seconds.
    """

    def __init__(self, slots: int, clock: Clock = time.monotonic) -> None:
        self.slots = slots
        self._clock = clock
        self._running: dict[int, tuple[Job, subprocess.Popen[bytes], float]] = {}

    def start(self, job: Job) -> None:
        process = launch(job)
        self._running[os.pidfd_open(process.pid)] = (job, process, self._clock())

    def wait(self) -> tuple[int, Outcome]:
        ended = select.select(list(self._running), [], [])[0][0]
        job, process, began = self._running.pop(ended)
        os.close(ended)
        return job.number, outcome(job, process.wait(), self._clock() - began)

    def stop(self) -> None:
        processes = [process for _, process, _ in self._running.values()]
        for process in processes:
            process.send_signal(signal.SIGINT)
        give_up = self._clock() + STOP_S
        for process in processes:
            end(process, give_up - self._clock())
        for handle in self._running:
            os.close(handle)
        self._running.clear()


def launch(job: Job) -> subprocess.Popen[bytes]:
    """Start a trial in a session of its own, which a Ctrl-C of the terminal does not reach.

    It ends with the thread that called this.
    """
    leash = (sys.executable, "-m", "neurograsp.train.search.leash", str(os.getpid()))
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("wb") as log:
        return subprocess.Popen(
            [*leash, sys.executable, *job.arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment(os.environ, job.threads),
        )


def run_job(job: Job) -> Outcome:
    """Run a trial to its end, in a process of its own."""
    began = time.monotonic()
    process = launch(job)
    return outcome(job, process.wait(), time.monotonic() - began)


def environment(own: Mapping[str, str], threads: int) -> dict[str, str]:
    """The environment of a trial: its configuration is complete, no variable overrides it any more."""
    kept = {
        name: value
        for name, value in own.items()
        if not (name.startswith(ENVIRONMENT_PREFIX) and "__" in name)
    }
    return {**(dict.fromkeys(THREADS, str(threads)) if threads else {}), **kept}


def outcome(job: Job, code: int, seconds: float) -> Outcome:
    """What became of a process, with the line that it said last where it failed."""
    if code == 0:
        return Outcome(0, seconds)
    said = ""
    with suppress(OSError), job.log.open("rb") as file:
        said = _last_line(file)
    return Outcome(code, seconds, said or (f"signal {-code}" if code < 0 else f"exit code {code}"))


def end(process: subprocess.Popen[bytes], patience_s: float) -> None:
    """Wait so long, then kill."""
    try:
        process.wait(max(0.0, patience_s))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(file: IO[bytes]) -> str:
    """Of what the command itself said; LiteRT and TensorFlow speak there too."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - SAID_BYTES))
    lines = file.read(SAID_BYTES).decode(errors="replace").splitlines()
    own = [line for line in lines if line.startswith("neurograsp ")]
    line = (own or [line for line in lines if line.strip()] or [""])[-1]
    return "".join(one for one in line if one.isprintable())[:300]
