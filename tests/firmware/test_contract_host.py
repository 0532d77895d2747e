"""The contract, of the firmware as a process on a pseudo-terminal."""

import functools
import os
from collections.abc import Callable, Iterator

import pytest
from hand_client import Client
from hand_contract import BadInput, HandContract
from host_rig import HostRig
from rig import Rig

TRIES = 5
BUSY_MS = 10


def is_busy(hand: Client) -> bool:
    """This machine cannot keep up: somebody got no turn, or more is to do than it has processors for.

    Where that is so, bytes on a pseudo-terminal wait for the kernel's own threads, too.
    """
    assert isinstance(hand.rig, HostRig)
    return hand.rig.stall_ms > BUSY_MS or os.getloadavg()[0] > len(os.sched_getaffinity(0))


def again_after_a_stall(test: Callable[..., None]) -> Callable[..., None]:
    """The same test; what fails while the machine was too busy for a watchdog of 250 ms is tried again."""

    @functools.wraps(test)
    def patient(self: object, hand: Client, **given: object) -> None:
        for _ in range(TRIES):
            try:
                test(self, hand, **given)
                hand.finish()
                return
            except Exception:
                if not is_busy(hand):
                    raise
                hand.monitor.violations.clear()
                hand.monitor.profile = hand.rig.profile
                hand.power_on()
        pytest.skip("this machine is too busy for a test in real time")

    return patient


def on_a_busy_machine(contract: type) -> type:
    """All tests of a class, patient."""
    tests = {name: getattr(contract, name) for name in dir(contract) if name.startswith("test_")}
    return type(
        contract.__name__, (contract,), {name: again_after_a_stall(test) for name, test in tests.items()}
    )


@pytest.fixture(scope="class")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = HostRig(tmp_path_factory.mktemp("host") / "trace")
    yield rig
    rig.close()


class TestHost(on_a_busy_machine(BadInput)):
    @pytest.fixture(scope="class")
    @classmethod
    def rig(cls, host: Rig) -> Rig:
        return host


@pytest.mark.long
class TestHostInFull(on_a_busy_machine(HandContract)):
    @pytest.fixture(scope="class")
    @classmethod
    def rig(cls, host: Rig) -> Rig:
        return host
