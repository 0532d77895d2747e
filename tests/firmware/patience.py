"""Tests in real time, on a machine that has other things to do as well."""

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path

from hand_client import Client
from host_rig import HostRig

TRIES = 8
BUSY_MS = 10
PAUSE_S = 1.0
"""Between tries: what keeps a machine busy comes in bursts."""


def is_loaded() -> bool:
    """More is to do than there are processors: bytes on a pseudo-terminal wait for them, too."""
    return os.getloadavg()[0] > len(os.sched_getaffinity(0))


def again_when_busy(test: Callable[..., None]) -> Callable[..., None]:
    """The same test of a contract; what fails while this machine is busy is tried again, from the start.

    What fails each time has failed.
    """

    @functools.wraps(test)
    def patient(self: object, hand: Client, **given: object) -> None:
        def attempt(left: int) -> None:
            if left < TRIES - 1:
                hand.rig.power_on()
                Client.__init__(hand, hand.rig)  # its session and numbers, too
            test(self, hand, **given)
            hand.finish()

        def is_busy() -> bool:
            assert isinstance(hand.rig, HostRig)
            return hand.rig.stall_ms > BUSY_MS or is_loaded()

        _until_it_passes(attempt, is_busy)

    return patient


def again_when_loaded(test: Callable[..., None]) -> Callable[..., None]:
    """The same for a test with processes of its own, with a folder for each try."""

    @functools.wraps(test)
    def patient(tmp_path: Path, **given: object) -> None:
        def attempt(left: int) -> None:
            folder = tmp_path / str(left)
            folder.mkdir()
            test(tmp_path=folder, **given)

        _until_it_passes(attempt, is_loaded)

    return patient


def _until_it_passes(attempt: Callable[[int], None], is_busy: Callable[[], bool]) -> None:
    for left in reversed(range(TRIES)):
        try:
            attempt(left)
            return
        except Exception:
            if not left or not is_busy():
                raise
        time.sleep(PAUSE_S)


def on_a_busy_machine(contract: type) -> type:
    """All tests of a class, patient."""
    tests = {name: getattr(contract, name) for name in dir(contract) if name.startswith("test_")}
    return type(contract.__name__, (contract,), {name: again_when_busy(test) for name, test in tests.items()})
