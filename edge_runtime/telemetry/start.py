"""Starts the observer of a run, and ends with it."""

import json
import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.telemetry.observer import READY, SIGNALS, Setup
from neurograsp.edge_runtime.telemetry.outlet import Outlet
from neurograsp.firmware_bridge.strict import encode

log = logging.getLogger(__name__)

START_S = 20.0
"""A slow board imports for seconds."""

END_S = 4.0
"""For all that the observer has to do at the end. The hand has been stopped by then, and is released behind
it; systemd ends a service with SIGKILL 10 s after it was told to stop (`service.unit`)."""


@dataclass
class Observed:
    """Attributes:
    outlet: for the control loop.
    pid: of the observer.
    result: after the end, what the observer says of log and feed; None where it says nothing.
    """

    outlet: Outlet
    pid: int
    result: dict[str, Any] | None = None


@contextmanager
def observer_started(setup: Setup) -> Iterator[Observed]:
    """An observer of its own for one run; at the end it is waited for, until it has written what it has, or
    `END_S` have passed.

    Raises:
        ConfigError: the log or the feed cannot be made.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = _start(theirs.fileno())
    try:
        _set_up(process, ours, setup)
        observed = Observed(Outlet(ours), process.pid)
    except BaseException:
        ours.close()
        process.wait()
        raise
    try:
        yield observed
    finally:
        until = time.monotonic() + END_S
        observed.result = observed.outlet.close(END_S)
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("the observer has not ended within %g s and is left to itself", END_S)


def _start(descriptor: int) -> "subprocess.Popen[bytes]":
    """With signals blocked, which it unblocks once it ignores them: Ctrl-C meanwhile must not end it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "neurograsp.edge_runtime.telemetry.observer", str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=(descriptor,),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _set_up(process: "subprocess.Popen[bytes]", ours: socket.socket, setup: Setup) -> None:
    assert process.stdin is not None
    ours.settimeout(START_S)
    try:
        with process.stdin as stdin:
            stdin.write(json.dumps(encode(setup)).encode())
        said = ours.recv(4096)
    except OSError as error:
        process.kill()
        raise ConfigError(f"the observer does not start ({error or 'it says nothing'})") from error
    if said != READY:
        raise ConfigError(said.decode(errors="replace") or "the observer ended as it started; see above")
