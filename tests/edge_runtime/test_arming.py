import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from neurograsp.edge_runtime.arming import CLOSED_S, SILENT_S, AtOnce, ByKey, ByMonitor, BySwitch, Request
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


def test_a_key_pressed_while_the_loop_hung_arms_nothing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    one = ByKey(reading)
    assert one.poll(0.0) is None
    os.write(writing, b"a")
    assert one.poll(SILENT_S) is Request.DISARM
    os.write(writing, b"a")
    assert one.poll(SILENT_S + 0.1) is Request.ARM


def test_the_end_of_the_keys_disarms_for_good(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    one = ByKey(reading)
    os.close(writing)
    assert [one.poll(0.0), one.poll(0.1)] == [Request.DISARM, None]


def polled(asked: dict[float, list[str]], seconds: float) -> list[tuple[float, Request]]:
    """What a monitor's arming makes of what is asked, by the tenth of a second."""
    words: list[str] = []
    one = ByMonitor(lambda: words)
    found = []
    for step in range(round(seconds * 10)):
        words = asked.get(step / 10, [])
        request = one.poll(step / 10)
        if request is not None:
            found.append((step / 10, request))
    return found


def test_a_lease_that_is_given_back_is_no_silence(caplog: pytest.LogCaptureFixture) -> None:
    assert polled({0.0: ["alive", "arm"], 0.2: ["alive"], 0.4: ["disarm"]}, 3.0) == [
        (0.0, Request.ARM),
        (0.4, Request.DISARM),
    ]
    assert caplog.messages == []


def test_silence_is_told_of_also_where_the_observer_saw_it_first(caplog: pytest.LogCaptureFixture) -> None:
    assert polled({0.0: ["alive", "arm"], 0.9: ["disarm"]}, 3.0) == [
        (0.0, Request.ARM),
        (0.9, Request.DISARM),
        (1.0, Request.DISARM),
    ]
    assert caplog.messages == ["the monitor that could arm has been silent for 1 s: disarmed"]


def test_what_anybody_disarms_is_armed_anew_by_who_holds_the_lease(caplog: pytest.LogCaptureFixture) -> None:
    asked = {0.0: ["arm"], 0.2: ["alive", "disarm"], 0.4: ["alive"], 0.6: ["arm"]}
    assert polled(asked, 1.5) == [(0.0, Request.ARM), (0.2, Request.DISARM), (0.6, Request.ARM)]
    assert polled({0.0: ["arm", "disarm"]}, 0.5) == [(0.0, Request.DISARM)]
    assert polled(asked, 3.0)[-1] == (1.6, Request.DISARM)


def test_a_monitor_that_was_silent_or_not_listened_to_arms_nothing() -> None:
    asked: list[str] = []

    def poll(now: float, *words: str) -> Request | None:
        asked[:] = words
        return one.poll(now)

    one = ByMonitor(lambda: list(asked))
    assert poll(0.0, "alive") is None
    assert poll(0.5, "arm") is Request.ARM
    assert poll(0.5 + SILENT_S / 2) is None
    assert poll(0.5 + SILENT_S) is Request.DISARM
    assert poll(2.0) is None
    assert poll(3.0, "alive", "arm") is Request.ARM
    assert poll(20.0, "alive", "arm") is Request.DISARM  # the loop itself hung meanwhile
    assert poll(20.1, "arm") is Request.ARM


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
