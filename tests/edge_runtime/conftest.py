"""The world of the control loop's tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from loop_world import World


@pytest.fixture
def world(core: Any) -> Iterator[World]:
    one = World(core)
    yield one
    assert one.hand.faults == 0
    one.hand.close()
