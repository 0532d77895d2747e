"""Tests of the hand's contract in real time, on a machine that has other things to do as well."""

import functools
from collections.abc import Callable

from hand_client import Client
from host_rig import HostRig
from loaded import TRIES, is_loaded, until_it_passes

BUSY_MS = 10


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

        until_it_passes(attempt, is_busy)

    return patient


def on_a_busy_machine(contract: type) -> type:
    """All tests of a class, patient."""
    tests = {name: getattr(contract, name) for name in dir(contract) if name.startswith("test_")}
    return type(contract.__name__, (contract,), {name: again_when_busy(test) for name, test in tests.items()})
