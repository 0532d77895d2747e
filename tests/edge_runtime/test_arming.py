import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from neurograsp.edge_runtime.arming import (
    CLOSED_S,
    KEYS_AT_ONCE,
    SILENT_S,
    AtOnce,
    ByKey,
    ByMonitor,
    BySwitch,
    Request,
    WithStop,
)
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
    one.poll(0.0)
    os.write(writing, keys)
    assert one.poll(0.1) is wanted
    assert one.poll(0.2) is None


@pytest.mark.parametrize("n", [1, 255, 256, 257, 5000, KEYS_AT_ONCE])
def test_a_key_pressed_while_the_loop_hung_arms_nothing(
    n: int, pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in that tick nor in the next: one that is held repeats."""
    reading, writing = pipe
    one = ByKey(reading)
    one.poll(0.0)
    os.write(writing, b"a" * n)
    assert one.poll(SILENT_S) is Request.DISARM
    assert one.poll(SILENT_S + 0.1) is None
    assert caplog.messages == ["the control loop was held up for 1.0 s: disarmed"]
    os.write(writing, b"a")
    assert one.poll(SILENT_S + 0.2) is Request.ARM


def test_a_hang_takes_back_a_key_that_waits_for_its_conditions(pipe: tuple[int, int]) -> None:
    one = ByKey(pipe[0])
    one.poll(0.0)
    os.write(pipe[1], b"a")
    assert one.poll(0.1) is Request.ARM
    assert one.poll(0.1 + SILENT_S) is Request.DISARM


def test_a_key_pressed_before_anybody_looked_arms_nothing(pipe: tuple[int, int]) -> None:
    one = ByKey(pipe[0])
    os.write(pipe[1], b"a")
    assert one.poll(100.0) is Request.DISARM
    assert one.poll(100.1) is None


@pytest.mark.parametrize("n", [255, 4096, 20_000])
def test_a_key_that_disarms_is_not_left_for_the_next_tick(n: int, pipe: tuple[int, int]) -> None:
    one = ByKey(pipe[0])
    one.poll(0.0)
    os.write(pipe[1], b"a" * n + b"x")
    assert one.poll(0.1) is Request.DISARM
    assert one.poll(0.2) is None


def test_more_keys_than_anybody_presses_disarm(pipe: tuple[int, int]) -> None:
    one = ByKey(pipe[0])
    one.poll(0.0)
    os.write(pipe[1], b"a" * KEYS_AT_ONCE)
    assert one.poll(0.1) is Request.DISARM


def test_the_end_of_the_keys_disarms_for_good(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    one = ByKey(reading)
    one.poll(0.0)
    os.write(writing, b"a")
    os.close(writing)
    assert [one.poll(0.1), one.poll(0.2)] == [Request.DISARM, None]


def polled(asked: dict[float, list[str]], seconds: float) -> list[tuple[float, Request]]:
    """What a monitor's arming makes of what is asked, by the tenth of a second."""
    words: list[str] = []
    one = ByMonitor(lambda: words)
    one.poll(-0.1)
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
    assert poll(-20.0) is Request.DISARM
    assert poll(-0.1, "arm") is Request.DISARM
    assert poll(0.0, "alive") is None
    assert poll(0.5, "arm") is Request.ARM
    assert poll(0.5 + SILENT_S / 2) is None
    assert poll(0.5 + SILENT_S) is Request.DISARM
    assert poll(2.0) is None
    assert poll(2.5, "alive", "arm") is Request.ARM
    # The loop itself hung meanwhile.
    assert poll(20.0, "alive", "arm") is Request.DISARM
    assert poll(20.1, "arm") is Request.ARM
    assert poll(40.0, "arm", "alive", "stop", "alive") is Request.STOP
    assert poll(40.1) is None


@pytest.mark.parametrize("before", [[], [(0.2, "alive")], [(0.2, "alive"), (0.3, "arm"), (0.4, "disarm")]])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("seconds", [SILENT_S + 0.01, 5.0, 60.0])
def test_what_is_asked_during_a_hang_arms_nothing_whatever_was_before(
    seconds: float, first: bool, before: list[tuple[float, str]]
) -> None:
    """No lease, one, and one that was given back; a hang before the first tick, and later."""
    asked: list[str] = []

    def all_asked() -> list[str]:
        words, asked[:] = list(asked), []
        return words

    one = ByMonitor(all_asked)
    now = 0.0
    if not first:
        for now in (0.0, 0.1):
            one.poll(now)
        for now, word in before:
            asked.append(word)
            one.poll(now)
    asked += ["alive", "arm", "alive"]
    now += seconds
    assert one.poll(now) is Request.DISARM
    for _ in range(10):
        now += 0.02
        asked += ["alive"]
        assert one.poll(now) is None
    asked += ["arm"]
    assert one.poll(now + 0.02) is Request.ARM


@pytest.mark.parametrize("way", ["monitor", "key", "switch"])
def test_a_short_pause_is_no_hang(way: str, pipe: tuple[int, int]) -> None:
    asked: list[str] = []
    switch = Switch(closed=False)
    one = {
        "monitor": ByMonitor(lambda: asked),
        "key": WithStop(list, ByKey(pipe[0])),
        "switch": WithStop(list, BySwitch(switch, "the bench")),
    }[way]
    one.poll(0.0)
    asked += ["arm"]
    os.write(pipe[1], b"a")
    switch.closed = True
    pause = SILENT_S - 0.01
    assert Request.ARM in [one.poll(pause), one.poll(pause + 0.02), one.poll(pause + 0.08)]


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
    assert polls(one, 0, 1) == [Request.DISARM]
    switch.closed = False
    assert polls(one, 1, 0.1) == [Request.DISARM]
    switch.closed = True
    assert polls(one, 1.1, 1) == [Request.ARM]


@pytest.mark.parametrize("before", [0.0, 0.02, 0.2])
@pytest.mark.parametrize("seconds", [SILENT_S + 0.01, 20.0])
def test_a_switch_that_was_closed_while_the_loop_hung_arms_nothing(seconds: float, before: float) -> None:
    """Nor where it had been seen closed for less than it takes; nor stays armed what it had armed."""
    switch = Switch(closed=False)
    one = BySwitch(switch, "the bench")
    assert polls(one, 0, 0.5) == []
    switch.closed = True
    assert polls(one, 0.5, before) == ([Request.ARM] if before > CLOSED_S else [])
    end = 0.5 + before + seconds
    assert polls(one, end, 1) == [Request.DISARM]
    switch.closed = False
    assert polls(one, end + 1, 0.1) == [Request.DISARM]
    switch.closed = True
    assert polls(one, end + 1.1, 0.5) == [Request.ARM]


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
    assert one.poll(0.5) is None
    assert one.poll(0.5 + CLOSED_S) is Request.ARM


def test_a_lost_switch_disarms_for_good() -> None:
    switch = Switch(closed=False)
    one = BySwitch(switch, "the bench")
    one.poll(0.0)
    switch.closed = True
    assert polls(one, 0.1, 1.9) == [Request.ARM]
    switch.lost = True
    assert one.poll(2.0) is Request.DISARM
    switch.lost = False
    assert polls(one, 2.1, 1) == []


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
