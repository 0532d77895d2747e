"""What a run tells the service manager that started it, as sd_notify(3) has it (systemd: `Type=notify`).

The loop calls `Supervision.tick` at the end of every tick. READY=1 goes out with the first healthy tick and
WATCHDOG=1 with healthy ticks alone, so that systemd ends a run that hangs, or that does its ticks in vain.
"""

import logging
import math
import os
import socket
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager

from neurograsp.edge_runtime.run_summary import RuntimeState

log = logging.getLogger(__name__)

FEEDS = 4
"""So often within the watchdog's time: three may be lost or late."""

STATUS_CHARS = 200


class Supervision:
    """Args:
    send: takes one datagram without waiting; whether it was taken.
    watchdog_s: without WATCHDOG=1 for so long the run is ended; None: no watchdog.
    """

    def __init__(self, send: Callable[[bytes], bool], watchdog_s: float | None) -> None:
        self._send = send
        self._feed_s = math.inf if watchdog_s is None else watchdog_s / FEEDS
        self._feed_at = math.inf if watchdog_s is None else -math.inf
        self._ready = False
        self._said: tuple[RuntimeState, str] | None = None

    def tick(self, now: float, healthy: bool, state: RuntimeState, why: str) -> None:
        """What the loop tells at the end of a tick, see `loop.AfterTick`. What could not be sent is sent with
        the next one."""
        ready = healthy and not self._ready
        feed = healthy and now >= self._feed_at
        news = (state, why) != self._said
        if not (ready or feed or news):
            return
        lines = ["READY=1"] * ready + ["WATCHDOG=1"] * feed
        if news:
            lines.append(f"STATUS={_line(f'{state.value}: {why}' if why else state.value)}")
        if not self._send("\n".join(lines).encode()):
            return
        self._ready |= ready
        self._said = (state, why)
        if feed:
            self._feed_at = now + self._feed_s

    def ends(self, why: str) -> None:
        """The hand has been stopped, and the process ends; why is "" where there is nothing to say."""
        status = _line(f"ended: {why}" if why else "ended")
        self._send(f"STOPPING=1\nSTATUS={status}".encode())


def is_main_process(environment: Mapping[str, str]) -> bool:
    """Whether systemd (248 or newer) started this very process, of a unit of whichever type."""
    return environment.get("SYSTEMD_EXEC_PID") == str(os.getpid())


@contextmanager
def supervised(environment: MutableMapping[str, str]) -> Iterator[Supervision | None]:
    """The service manager that waits to hear from this process; None where there is none.

    Processes that are started from here are not to speak in its name: the variables are taken away.
    """
    path = environment.get("NOTIFY_SOCKET", "")
    watchdog_s = _watchdog_s(environment.get("WATCHDOG_USEC"), environment.get("WATCHDOG_PID"))
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        environment.pop(name, None)
    if not path.startswith(("/", "@")):
        if path:
            log.warning("NOTIFY_SOCKET=%s: only paths and abstract names are known", path)
        yield None
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.setblocking(False)
        supervision = Supervision(_sender(opened, path), watchdog_s)
        try:
            yield supervision
        except BaseException as error:
            supervision.ends(str(error))
            raise
        supervision.ends("")


def _sender(opened: socket.socket, path: str) -> Callable[[bytes], bool]:
    address = path.encode(errors="surrogateescape")
    if address.startswith(b"@"):
        address = b"\0" + address[1:]

    def send(data: bytes) -> bool:
        try:
            opened.sendto(data, address)
        except OSError as error:
            log.debug("the service manager cannot be told: %s", error)
            return False
        return True

    return send


def _watchdog_s(microseconds: str | None, pid: str | None) -> float | None:
    """Of this process; another one's watchdog is none of ours."""
    if not microseconds or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return None if pid and pid != str(os.getpid()) else int(microseconds) / 1e6


def _line(text: str) -> str:
    return " ".join(text.split())[:STATUS_CHARS]
