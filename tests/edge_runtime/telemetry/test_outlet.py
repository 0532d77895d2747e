"""The control loop's end: what goes over and comes out, and that nothing at the other end can hold it up."""

import logging
import math
import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest

from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.telemetry import outlet
from neurograsp.edge_runtime.telemetry.messages import (
    Command,
    Counts,
    Decided,
    Event,
    HandReport,
    Message,
    Tick,
    to_bytes,
)
from neurograsp.edge_runtime.telemetry.outlet import (
    BLOCK_BYTES,
    END,
    EVENTS_A_SECOND,
    EVENTS_AT_ONCE,
    Outlet,
    ToOutlet,
)
from neurograsp.edge_runtime.telemetry.record import MAX_TEXT, Unpacker, printable
from neurograsp.firmware_bridge.codes import Fault, HandAction, HandState, StateFlag
from neurograsp.firmware_bridge.link_stats import LinkStats
from neurograsp.firmware_bridge.protocol import HandStatus

STATS = LinkStats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, None, 0.5, None)
TICK = (7, 1e-6, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6, 7e-6, True, 0.02, False, True, "armed", "", "a doubt", "stop")
NOTHING = Block.empty(3)


class FakeHand:
    """Of a hand, all that an outlet looks at."""

    stats = STATS

    def __init__(self) -> None:
        self.state = status(HandState.IDLE)


def status(state: HandState, pulse: int = 1500, frames: int = 0) -> HandStatus:
    flags = StateFlag.ATTACHED if state.armed else StateFlag(0)
    return HandStatus(state, HandAction.HOLD, Fault.NONE, flags, frames, 0, 0, 0, (pulse, 0))


class Line:
    """Both ends, on a clock that the test owns."""

    def __init__(self) -> None:
        self.now = 100.0
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs.setblocking(False)
        self.outlet = Outlet(ours, lambda: self.now)
        self.unpacker = Unpacker(n_channels=3, n_joints=2)
        self.began = b""

    def begin(self) -> None:
        self.outlet.begin(self.now)
        self.began = self.theirs.recv(1000)

    def told(self) -> list[Message]:
        got: list[Message] = []
        while True:
            try:
                got += self.unpacker.unpack(self.theirs.recv(2**20))
            except BlockingIOError:
                return got


@pytest.fixture
def line() -> Iterator[Line]:
    one = Line()
    one.begin()
    yield one
    one.theirs.close()


def block(n_frames: int, n_channels: int = 3, first: int = 0) -> Block:
    counts = np.arange(n_frames * n_channels, dtype=np.int32).reshape(n_frames, n_channels) - 2**30
    return Block(counts, np.arange(first, first + n_frames))


def decision(**other: object) -> Decision:
    logits = np.array([math.nan, 1.25])
    fields = {
        "time_s": 0.4, "frame": 199, "logits": logits, "probabilities": np.array([0.1, math.inf]),
        "action": "fist", "started": True, "command": "FIST", "reason": "fist: p 0.90 >= 0.60", "speed": 40,
    }  # fmt: skip
    return Decision(**fields | other)  # type: ignore[arg-type]


def test_one_tick_in_the_order_of_its_work(line: Line) -> None:
    line.outlet.command("act", "FIST", 40, 100, 1000)
    line.outlet.event("warning", "something\nwas logged")
    hand = FakeHand()
    faults = np.array([0, 3, 0], np.int8)
    line.now += 0.25
    line.outlet.tick(line.now, block(4), [decision(faults=faults)], hand, TICK)
    counts, decided, command, report, tick, event = line.told()
    assert isinstance(counts, Counts)
    assert to_bytes(counts) == to_bytes(Counts(0.25, np.arange(4), block(4).counts))
    assert decided == Decided(
        0.25, 0.4, 199, (None, 1.25), (0.1, None), "fist", True, "FIST", 40, 100, "fist: p 0.90 >= 0.60",
        (0, 3, 0),
    )  # fmt: skip
    assert command == Command(0.25, "act", "FIST", 40, 100, 1000, "")
    assert isinstance(report, HandReport)
    assert (report.state, report.positions, report.temperatures_c) == ("IDLE", (1500, None), (None, None))
    assert report.link["retries"] == 4 and report.link["rtt_ms_p99"] == 0.5
    assert tick == Tick(
        7, 0.25, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, True, 0.02, False, True, "armed", "", "a doubt", "stop"
    )
    assert event == Event(0.0, "warning", "something was logged", {})
    for message in (counts, decided, command, report, tick, event):
        assert to_bytes(message)


def test_the_hand_is_told_of_at_once_when_its_state_changes_and_else_seldom(line: Line) -> None:
    hand = FakeHand()
    reports: list[tuple[float, HandReport]] = []
    for number in range(150):
        line.now += 0.02
        pulse = 1500 if number < 100 else 1500 + number
        state = HandState.IDLE if number < 21 else HandState.ARMED
        hand.state = status(state, pulse, frames=number)  # a new one every tick, as STATE comes
        line.outlet.tick(line.now, NOTHING, [], hand, TICK)
        reports += [(number, one) for one in line.told() if isinstance(one, HandReport)]
    assert (21, "ARMED") in [(number, one.state) for number, one in reports]
    still = [number for number, _ in reports if number < 100]
    assert len(still) == 3 and max(np.diff(still)) <= 51
    moving = [number for number, _ in reports if number > 100]
    assert max(np.diff(moving)) <= 6


def test_a_source_that_is_lost_has_no_age(line: Line) -> None:
    line.outlet.tick(line.now, NOTHING, [], None, (*TICK[:9], math.inf, True, *TICK[11:]))
    (tick,) = line.told()
    assert isinstance(tick, Tick)
    assert (tick.age_s, tick.source_lost) == (None, True)


@pytest.mark.parametrize("n_frames", [1, 5461, 5462, 20_000])
def test_a_large_block_goes_in_parts_of_one_time(line: Line, n_frames: int) -> None:
    big = block(n_frames)
    line.outlet.tick(line.now, big, [], None, TICK)
    *parts, tick = line.told()
    assert isinstance(tick, Tick)
    assert len(parts) == math.ceil(n_frames / (BLOCK_BYTES // 12))
    assert {part.at_s for part in parts if isinstance(part, Counts)} == {0.0}
    np.testing.assert_array_equal(np.concatenate([part.counts for part in parts]), big.counts)
    np.testing.assert_array_equal(np.concatenate([part.frame_index for part in parts]), big.frame_index)


def test_columns_of_a_larger_array(line: Line) -> None:
    wide = block(4, 6)
    line.outlet.tick(line.now, Block(wide.counts[:, ::2], wide.frame_index), [], None, TICK)
    counts, _ = line.told()
    np.testing.assert_array_equal(counts.counts, wide.counts[:, ::2])


def test_nobody_reads_for_a_while(line: Line) -> None:
    """Two seconds of 32 channels at 500 frames a second fit; then it drops, counts, and tells afterwards."""
    line.unpacker = Unpacker(32, 2)
    sent, longest = 0, 0.0
    while not line.outlet.dropped:
        begin = time.perf_counter()
        line.outlet.tick(line.now, block(10, 32, 10 * sent), [decision()], None, TICK)
        longest = max(longest, time.perf_counter() - begin)
        sent += 1
        assert sent < 10_000
    assert sent > 100
    assert longest < 1.0
    line.outlet.command("stop", reason="late")
    line.outlet.tick(line.now, NOTHING, [], None, TICK)
    lost = {"counts": 1, "decision": 1, "tick": 2, "command": 1}
    assert line.outlet.dropped == lost
    before = line.told()
    assert sum(isinstance(one, Tick) for one in before) == sent - 1
    line.outlet.tick(line.now, NOTHING, [], None, TICK)
    line.outlet.tick(line.now, NOTHING, [], None, TICK)
    tick, event, next_tick = line.told()
    assert isinstance(tick, Tick) and isinstance(next_tick, Tick)
    assert isinstance(event, Event) and event.level == "warning" and event.dropped == lost
    assert "command 1" in event.text


def test_what_cannot_be_packed_is_dropped(line: Line) -> None:
    line.outlet.tick(line.now, NOTHING, [decision(action=object())], None, TICK)
    line.outlet.tick(line.now, NOTHING, [], None, TICK)
    assert line.outlet.dropped == {"decision": 1, "tick": 1}
    assert [type(one) for one in line.told()] == [Tick, Event]


def test_the_observer_dies(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    line.theirs.close()
    for _ in range(3):
        line.outlet.command("arm")
        line.outlet.tick(line.now, NOTHING, [], None, TICK)
        assert line.outlet.asked() == []
    assert line.outlet.lost
    assert [record.message for record in caplog.records] == [
        "the observer is gone: no log and no monitor from here on"
    ]
    assert line.outlet.close(0.1) is None


def test_what_is_asked(line: Line) -> None:
    assert line.outlet.asked() == []
    line.theirs.send(b"alive")
    line.theirs.send(b"stop")
    assert line.outlet.asked() == ["alive", "stop"]
    assert line.outlet.asked() == []


def test_a_stop_does_not_wait_behind_other_words(line: Line) -> None:
    """A loop that hung for as long as the kernel's buffer holds, and one that is told more than that."""
    told = 0
    with pytest.raises(BlockingIOError):
        for told in range(100_000):
            line.theirs.send(b"arm" if told == 0 else b"alive")
    assert told > 100
    line.outlet.asked()
    for _ in range(told - 1):
        line.theirs.send(b"alive")
    line.theirs.send(b"stop")
    assert line.outlet.asked() == ["alive"] * (told - 1) + ["stop"]


def test_words_without_end_stop(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "ASKED_AT_ONCE", 5)
    for _ in range(6):
        line.theirs.send(b"arm")
    assert line.outlet.asked() == ["arm"] * 5 + ["stop"]
    assert line.outlet.asked() == ["arm"]


def test_before_it_begins_nothing_is_told_and_then_what_was_kept() -> None:
    line = Line()
    line.outlet.event("info", "real time: memory: locked")
    line.outlet.rest(line.now)
    assert line.told() == []
    line.now += 1
    line.begin()
    line.outlet.rest(line.now)
    assert line.told() == [Event(0.0, "info", "real time: memory: locked", {})]
    line.theirs.close()


def test_the_end(line: Line) -> None:
    line.outlet.command("stop", reason="the run ended")
    line.theirs.send(b"alive")
    line.theirs.send(b'{"bytes": 5}')
    assert line.outlet.close(1.0) == {"bytes": 5}
    assert line.unpacker.unpack(line.theirs.recv(1000)).__next__() == Command(
        0.0, "stop", "", 0, 0, 0, "the run ended"
    )
    assert line.theirs.recv(1000) == END
    assert line.theirs.recv(1000) == b""


def test_lines_that_are_logged_too_fast_are_left_out_and_counted(line: Line) -> None:
    handler = ToOutlet(line.outlet, lambda: line.now)
    record = logging.makeLogRecord({"msg": "tick %d", "args": (1,), "levelno": 20, "levelname": "INFO"})
    for _ in range(EVENTS_AT_ONCE + 30):
        handler.emit(record)
    line.now += 2 / EVENTS_A_SECOND
    handler.emit(record)
    handler.emit(logging.makeLogRecord({"msg": "%d", "args": ("x",), "levelname": "INFO"}))
    line.outlet.rest(line.now)
    told = line.told()
    assert len(told) == EVENTS_AT_ONCE + 2
    assert told[0] == Event(0.0, "info", "tick 1", {})
    assert "30 lines were logged too fast" in told[-2].text


def test_printable() -> None:
    assert printable("one\ntwo\x1b[0m") == "one two [0m"
    assert len(printable("x" * 10_000)) == MAX_TEXT
