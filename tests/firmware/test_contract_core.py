"""The contract, of the core in this process."""

import ctypes
from collections.abc import Iterator
from dataclasses import replace

import pytest
from core_rig import CoreRig
from hand_contract import HandContract
from rig import ARM, LIMP_NEVER, Joint, Profile, Rig

from neurograsp.firmware_bridge.codes import HandAction

LIMP = Profile(
    name="limp",
    about="",
    joints=(Joint("finger", 1000, 2000, 33, 1250, inverted=False),),
    poses={HandAction.FIST: (2000,)},
    watchdog_ms=250,
    limp_ms=0,
    max_ttl_ms=10000,
    stall_ms=0,
    battery_ms=0,
)
FIRM = replace(LIMP, name="firm", limp_ms=LIMP_NEVER, stall_ms=500, battery_ms=1000)
"""As in bench.c."""


class TestCore(HandContract):
    """The default hand, also on a clock that passes 2^32, and other link-loss policies."""

    @pytest.fixture(
        scope="class",
        params=[
            pytest.param((0, ARM), id="arm"),
            pytest.param((2**32 - 150, ARM), id="time wraps"),
            pytest.param((0, LIMP), id="limp"),
            pytest.param((0, FIRM), id="firm"),
        ],
    )
    @classmethod
    def rig(cls, core: ctypes.CDLL, request: pytest.FixtureRequest) -> Iterator[Rig]:
        start_ms, profile = request.param
        rig = CoreRig(core, start_ms, profile)
        yield rig
        rig.close()
