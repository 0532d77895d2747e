import ctypes
from collections.abc import Callable, Iterator

import pytest
from core_bench import Bench, load_core


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return load_core(tmp_path_factory.mktemp("core"))


@pytest.fixture
def new_hand(core: ctypes.CDLL) -> Iterator[Callable[..., Bench]]:
    """Makes hands; at the end of the test each must have kept limits, rates and silence before ARM."""
    hands: list[Bench] = []

    def make(now_ms: int = 1000, profile: str = "arm") -> Bench:
        hands.append(Bench(core, now_ms, profile))
        return hands[-1]

    yield make
    for hand in hands:
        assert hand.faults == 0
        hand.close()


@pytest.fixture
def hand(new_hand: Callable[..., Bench]) -> Bench:
    return new_hand()
