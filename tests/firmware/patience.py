"""Tests in real time, on a machine that has other things to do as well."""

import functools
import os
from collections.abc import Callable

from hand_client import Client
from host_rig import HostRig

TRIES = 5
BUSY_MS = 10


def is_busy(hand: Client) -> bool:
    """This machine may not keep up: somebody got no turn, or more is to do than it has processors for.

    Where that is so, bytes on a pseudo-terminal wait for the kernel's own threads, too.
    """
    assert isinstance(hand.rig, HostRig)
    return hand.rig.stall_ms > BUSY_MS or os.getloadavg()[0] > len(os.sched_getaffinity(0))


def again_when_busy(test: Callable[..., None]) -> Callable[..., None]:
    """The same test; what fails on a busy machine is tried again, and what fails each time has failed."""

    @functools.wraps(test)
    def patient(self: object, hand: Client, **given: object) -> None:
        for left in reversed(range(TRIES)):
            try:
                test(self, hand, **given)
                hand.finish()
                return
            except Exception:
                if not left or not is_busy(hand):
                    raise
                hand.rig.power_on()
                Client.__init__(hand, hand.rig)  # its session and numbers, too

    return patient


def on_a_busy_machine(contract: type) -> type:
    """All tests of a class, patient."""
    tests = {name: getattr(contract, name) for name in dir(contract) if name.startswith("test_")}
    return type(contract.__name__, (contract,), {name: again_when_busy(test) for name, test in tests.items()})
