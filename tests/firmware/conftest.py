import ctypes
import functools
from collections.abc import Callable, Iterator

import pytest
from avr_build import Image, build_image, build_shim
from core_bench import POWER_ON, Bench, load_core
from cortex_build import Program, build_cortex, build_lockstep
from mps2_rig import Mps2Rig
from rig import ARM, Profile
from rp2040_rig import Rp2040Rig
from simavr_rig import SimavrRig, load_shim

pytest.register_assert_rewrite("hand_contract", "hand_client", "invariants")


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return load_core(tmp_path_factory.mktemp("core"))


@pytest.fixture
def new_hand(core: ctypes.CDLL) -> Iterator[Callable[..., Bench]]:
    """Makes hands; at the end of the test the judge must have found nothing wrong with any."""
    hands: list[Bench] = []

    def make(now_ms: int = 1000, profile: str = "arm", reset: int = POWER_ON) -> Bench:
        hands.append(Bench(core, now_ms, profile, reset))
        return hands[-1]

    yield make
    for hand in hands:
        assert hand.first_fault == ""
        hand.close()


@pytest.fixture
def hand(new_hand: Callable[..., Bench]) -> Bench:
    return new_hand()


@pytest.fixture(scope="session")
def new_simavr_rig(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SimavrRig]:
    """Makes a rig of one of avr_build.PORTS, for the caller to close; each is compiled once."""
    shim = functools.cache(lambda: load_shim(build_shim(tmp_path_factory.mktemp("simavr"))))

    @functools.cache
    def image(name: str, profile: str) -> Image:
        return build_image(name, tmp_path_factory.mktemp(name), profile)

    def make(name: str, profile: Profile = ARM) -> SimavrRig:
        return SimavrRig(shim(), image(name, profile.name), profile)

    return make


@pytest.fixture(scope="session")
def new_cortex_rig(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Mps2Rig | Rp2040Rig]:
    """Makes a rig of one of cortex_build.CORTEX_PORTS, for the caller to close; each is compiled once."""
    plugin = functools.cache(lambda: build_lockstep(tmp_path_factory.mktemp("lockstep")))

    @functools.cache
    def program(name: str, profile: str) -> Program:
        return build_cortex(name, tmp_path_factory.mktemp(name), profile)

    def make(name: str, profile: Profile = ARM) -> Mps2Rig | Rp2040Rig:
        built = program(name, profile.name)
        return Rp2040Rig(built, profile) if name == "rp2040" else Mps2Rig(built, plugin(), profile)

    return make
