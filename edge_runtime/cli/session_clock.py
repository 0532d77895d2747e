"""How far a log has been read, for people who wait."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from neurograsp.edge_runtime.telemetry.moments import OpenLog

EVERY_S = 0.5


@contextmanager
def clock_shown(log: OpenLog, screen: TextIO | None = None) -> Iterator[None]:
    """While this lasts, the time in the session stands on a terminal: from half a second on, in one line."""
    screen = screen or sys.stderr
    if not screen.isatty():
        yield
        return
    due = time.monotonic() + EVERY_S

    def show(at_s: float) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY_S
            print(f"\r{log.path.name}: {at_s / 60:.1f} min of the session", end="", file=screen, flush=True)

    log.watch = show
    try:
        yield
    finally:
        print("\r\x1b[K", end="", file=screen, flush=True)
