"""The contract, of the programs for AVRs: bare, and a sketch on Arduino's own core."""

from collections.abc import Callable, Iterator

import pytest
from avr_build import PORTS
from hand_contract import HandContract
from rig import ARM, Rig
from simavr_rig import SimavrRig

from neurograsp.firmware_bridge.profiles import load_profile, shipped_profiles


class TestAtmega328p(HandContract):
    @pytest.fixture(scope="class")
    @classmethod
    def rig(cls, new_simavr_rig: Callable[..., SimavrRig]) -> Iterator[Rig]:
        rig = new_simavr_rig("atmega328p")
        yield rig
        rig.close()


class TestOtherPorts(HandContract):
    @pytest.fixture(
        scope="class",
        params=[
            pytest.param(name, marks=pytest.mark.slow if name == "arduino-2560" else pytest.mark.long)
            for name in PORTS
            if name != "atmega328p"
        ],
    )
    @classmethod
    def rig(cls, new_simavr_rig: Callable[..., SimavrRig], request: pytest.FixtureRequest) -> Iterator[Rig]:
        rig = new_simavr_rig(request.param)
        yield rig
        rig.close()


@pytest.mark.long
class TestOtherHands(HandContract):
    @pytest.fixture(scope="class", params=[name for name in shipped_profiles() if name != ARM.name])
    @classmethod
    def rig(cls, new_simavr_rig: Callable[..., SimavrRig], request: pytest.FixtureRequest) -> Iterator[Rig]:
        rig = new_simavr_rig("atmega328p", load_profile(request.param))
        yield rig
        rig.close()
