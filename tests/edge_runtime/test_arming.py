import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from neurograsp.edge_runtime.arming import CLOSED_S, AtOnce, ByKey, BySwitch, Request
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.arming import open_arming
from neurograsp.edge_runtime.contract.errors import PortError, UsageError


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def test_at_once_asks_once() -> None:
    one = AtOnce()
    assert [one.poll(0.0), one.poll(1.0), one.poll(2.0)] == [Request.ARM, None, None]


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (b"a", Request.ARM),
        (b"aa", Request.ARM),
        (b" ", Request.DISARM),
        (b"A", Request.DISARM),
        (b"aa aa", Request.DISARM),
        (b"xa", Request.DISARM),
        (b"\x1b[A", Request.DISARM),
    ],
)
def test_of_several_keys_one_that_disarms_is_enough(
    keys: bytes, wanted: Request, pipe: tuple[int, int]
) -> None:
    reading, writing = pipe
    one = ByKey(reading)
    assert one.poll(0.0) is None
    os.write(writing, keys)
    assert one.poll(0.1) is wanted
    assert one.poll(0.2) is None


def test_the_end_of_the_keys_disarms_for_good(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    one = ByKey(reading)
    os.close(writing)
    assert [one.poll(0.0), one.poll(0.1)] == [Request.DISARM, None]


class Switch:
    """Closed or open, or lost."""

    def __init__(self, closed: bool) -> None:
        self.closed = closed
        self.lost = False

    def __call__(self) -> bool:
        if self.lost:
            raise OSError("unplugged")
        return self.closed


def polls(one: BySwitch, begin: float, seconds: float) -> list[Request]:
    asked = [one.poll(begin + 0.01 * step) for step in range(round(seconds / 0.01))]
    return [request for request in asked if request is not None]


def test_a_switch_arms_when_it_closes_and_disarms_when_it_opens() -> None:
    switch = Switch(closed=False)
    one = BySwitch(switch, "the bench")
    assert polls(one, 0, 1) == []
    switch.closed = True
    assert polls(one, 1, 1) == [Request.ARM]
    switch.closed = False
    assert polls(one, 2, 1) == [Request.DISARM]


def test_a_switch_that_is_closed_from_the_start_does_not_arm() -> None:
    switch = Switch(closed=True)
    one = BySwitch(switch, "the bench")
    assert polls(one, 0, 1) == []
    switch.closed = False
    assert polls(one, 1, 0.1) == [Request.DISARM]
    switch.closed = True
    assert polls(one, 2, 1) == [Request.ARM]


def test_a_switch_that_bounces_arms_once_it_rests() -> None:
    switch = Switch(closed=False)
    one = BySwitch(switch, "the bench")
    one.poll(0.0)
    asked = []
    for step in range(8):
        switch.closed = step % 2 == 0
        asked.append(one.poll(0.001 * step))
    assert Request.ARM not in asked
    switch.closed = True
    assert one.poll(1.0) is None
    assert one.poll(1.0 + CLOSED_S) is Request.ARM


def test_a_lost_switch_disarms_for_good() -> None:
    switch = Switch(closed=False)
    one = BySwitch(switch, "the bench")
    one.poll(0.0)
    switch.closed = True
    assert polls(one, 1, 1) == [Request.ARM]
    switch.lost = True
    assert one.poll(2.0) is Request.DISARM
    switch.lost = False
    assert polls(one, 3, 1) == []


@pytest.mark.parametrize("way", ["", "keys", "serial:", "gpio:gpiochip0", "gpio:gpiochip0:x", "foot"])
def test_what_is_no_way_to_arm_is_a_usage_error(way: str) -> None:
    with pytest.raises(UsageError, match=r"key, serial:PORT or gpio:CHIP:LINE"), open_arming(way):
        pass


def test_a_port_without_modem_lines_is_refused() -> None:
    """A pseudo-terminal has none."""
    leader, follower = os.openpty()
    try:
        with pytest.raises(PortError, match="no CTS line"), open_arming(f"serial:{os.ttyname(follower)}"):
            pass
    finally:
        os.close(leader)
        os.close(follower)


def test_a_switch_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="nowhere"), open_arming(f"serial:{tmp_path}/nowhere"):
        pass


def test_a_gpio_chip_that_is_not_there_is_named() -> None:
    pytest.importorskip("gpiod", reason="the extra gpio is not installed")
    with (
        pytest.raises(PortError, match="chip99:3: cannot be read"),
        open_arming("gpio:gpiochip99:3"),
    ):
        pass


@pytest.mark.parametrize(
    "options", [["--arm", "--arm-by", "key"], ["--shadow", "--arm"], ["--arm-by", "key", "--hand", "none"]]
)
def test_ways_that_exclude_each_other(options: list[str], capsys: Any) -> None:
    with suppress(SystemExit):
        assert main(["run", "--bundle", "any", "--source", "synthetic", *options]) == 2
    assert "arm" in capsys.readouterr().err
