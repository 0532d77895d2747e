"""The contract, of the programs for Cortex-M boards."""

from collections.abc import Callable, Iterator

import pytest
from hand_contract import HandContract
from mps2_rig import Mps2Rig
from rig import ARM, Rig
from rp2040_rig import Rp2040Rig

from neurograsp.firmware_bridge.profiles import load_profile, shipped_profiles

NewRig = Callable[..., Mps2Rig | Rp2040Rig]


class TestCortex(HandContract):
    @pytest.fixture(
        scope="class",
        params=[
            pytest.param("mps2", marks=pytest.mark.long),
            pytest.param("rp2040", marks=pytest.mark.slow),
        ],
    )
    @classmethod
    def rig(cls, new_cortex_rig: NewRig, request: pytest.FixtureRequest) -> Iterator[Rig]:
        rig = new_cortex_rig(request.param)
        yield rig
        rig.close()


@pytest.mark.long
class TestOtherHands(HandContract):
    @pytest.fixture(scope="class", params=[name for name in shipped_profiles() if name != ARM.name])
    @classmethod
    def rig(cls, new_cortex_rig: NewRig, request: pytest.FixtureRequest) -> Iterator[Rig]:
        rig = new_cortex_rig("rp2040", load_profile(request.param))
        yield rig
        rig.close()
