"""The world of the control loop's tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from core_bench import load_core
from loop_world import World


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_core(tmp_path_factory.mktemp("loop-core"))


@pytest.fixture
def world(core: Any) -> Iterator[World]:
    one = World(core)
    yield one
    assert one.hand.faults == 0
    one.hand.close()
