"""A machine that has more to do than a test in real time allows for."""

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path

TRIES = 8
PAUSE_S = 1.0
"""Between tries: what keeps a machine busy comes in bursts."""


def is_loaded() -> bool:
    """More is to do than there are processors: bytes on a pseudo-terminal wait for them, too."""
    return os.getloadavg()[0] > len(os.sched_getaffinity(0))


def again_when_loaded(test: Callable[..., None]) -> Callable[..., None]:
    """The same test; what fails on a loaded machine is tried again, in a folder of its own.

    What fails each time has failed.
    """

    @functools.wraps(test)
    def patient(tmp_path: Path, **given: object) -> None:
        def attempt(left: int) -> None:
            folder = tmp_path / str(left)
            folder.mkdir()
            test(tmp_path=folder, **given)

        until_it_passes(attempt, is_loaded)

    return patient


def until_it_passes(attempt: Callable[[int], None], is_busy: Callable[[], bool]) -> None:
    for left in reversed(range(TRIES)):
        try:
            attempt(left)
            return
        except Exception:
            if not left or not is_busy():
                raise
        time.sleep(PAUSE_S)
