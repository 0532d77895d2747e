"""The observer as the process that it is: started, signalled, starved of disk, killed."""

import errno
import json
import marshal
import os
import random
import re
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from feed_publisher import made_up_session

from neurograsp.edge_runtime.contract.errors import ConfigError, FeedError
from neurograsp.edge_runtime.service import unit
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.telemetry import observer as observer_module
from neurograsp.edge_runtime.telemetry import start
from neurograsp.edge_runtime.telemetry.feed import Ask, FeedClient
from neurograsp.edge_runtime.telemetry.log_writer import LogWriter
from neurograsp.edge_runtime.telemetry.messages import Counts, Event, Message, Session, Tick, Topic
from neurograsp.edge_runtime.telemetry.observer import NICE, Observer, Setup
from neurograsp.edge_runtime.telemetry.outlet import END, Outlet
from neurograsp.edge_runtime.telemetry.reader import SessionLog
from neurograsp.edge_runtime.telemetry.record import Record
from neurograsp.edge_runtime.telemetry.start import observer_started

SESSION = replace(made_up_session(), started_at="")
N_CHANNELS = len(SESSION.signal["channels"])
TICK_S = 0.02
RNG = np.random.default_rng(0)


def setup(log: Path | None = None, feed: Path | None = None, arms: bool = False) -> Setup:
    return Setup(None if log is None else str(log), None if feed is None else str(feed), arms, None, SESSION)


def tick(outlet: Outlet, number: int, n_frames: int = 10) -> None:
    counts = RNG.integers(-(2**23), 2**23, (n_frames, N_CHANNELS), dtype=np.int32)
    block = Block(counts, np.arange(n_frames * number, n_frames * (number + 1)))
    rest = (*(1e-4,) * 7, False, 0.01, False, False, "armed", "", None, None)
    outlet.tick(time.monotonic(), block, [], None, (number, *rest))


def told(path: Path) -> tuple[list[Message], str | None]:
    log = SessionLog(path)
    return list(log), log.cut


def numbers(messages: list[Message]) -> list[int]:
    return [message.number for message in messages if isinstance(message, Tick)]


def test_a_log_and_a_feed(tmp_path: Path) -> None:
    log, feed = tmp_path / "logs" / "one.mcap", tmp_path / "feed.sock"
    with observer_started(setup(log, feed, arms=True)) as observed:
        client = FeedClient(feed)
        began = time.time()
        observed.outlet.begin(time.monotonic())
        seen: list[Message] = []
        wait_for(lambda: seen.extend(client.read()) or seen)  # type: ignore[func-returns-value]
        for number in range(30):
            tick(observed.outlet, number)
        client.ask(Ask.LEASE)
        client.ask(Ask.ARM)
        asked: list[str] = []
        wait_for(lambda: asked.extend(observed.outlet.asked()) or asked)  # type: ignore[func-returns-value]
        client.ask(Ask.STOP)
        wait_for(lambda: asked.extend(observed.outlet.asked()) or len(asked) == 2)  # type: ignore[func-returns-value]
        assert asked == ["arm", "stop"]
        observed.outlet.event("info", "ended")
    messages, cut = told(log)
    assert cut is None
    assert isinstance(messages[0], Session)
    assert abs(from_iso(messages[0].started_at) - began) < 1.0
    assert replace(messages[0], started_at="") == SESSION
    assert numbers(messages) == list(range(30))
    assert messages[-1] == Event(messages[-1].at_s, "info", "ended", {})  # type: ignore[union-attr]
    assert observed.result == {
        "bytes": log.stat().st_size,
        "stopped": None,
        "log_dropped": {},
        "feed_dropped": {},
    }
    with pytest.raises(FeedError, match="ended"):
        while True:
            seen += [one for one in client.read() if isinstance(one, Session | Tick)]
    assert isinstance(seen[0], Session) and len(seen) == 31
    assert not feed.exists()
    client.close()


@pytest.fixture
def ends() -> Iterator[tuple[Observer, Outlet]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    yield Observer(setup(None), theirs), Outlet(ours)
    ours.close()
    theirs.close()


def pass_on(observer: Observer, *words: str) -> None:
    """In one turn."""
    for word in words:
        observer._pass_on(word)
    observer._talk()


def test_what_cannot_be_told_to_a_loop_that_hangs_does_not_arm_it_later(
    ends: tuple[Observer, Outlet],
) -> None:
    observer, outlet = ends
    for _ in range(2000):
        pass_on(observer, "alive")
    pass_on(observer, "arm")
    pass_on(observer, "stop")
    assert set(outlet.asked()) == {"alive"}
    pass_on(observer)
    assert outlet.asked() == ["stop"]
    pass_on(observer, "arm")
    assert outlet.asked() == ["arm"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["arm", "stop"], ["stop"]),
        (["arm", "alive", "disarm"], ["alive", "disarm"]),
        (["stop", "arm"], ["stop", "arm"]),
        (["arm", "stop", "arm"], ["stop", "arm"]),
        (["stop", "arm", "stop"], ["stop"]),
    ],
)
def test_what_stops_takes_back_an_arm_that_is_not_told_yet(
    asked: list[str], told: list[str], ends: tuple[Observer, Outlet]
) -> None:
    """The control loop may look between any two words."""
    observer, outlet = ends
    pass_on(observer, *asked)
    assert outlet.asked() == told


def from_iso(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def wait_for(done: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_cannot_be_made_is_told_at_once(tmp_path: Path) -> None:
    log = tmp_path / "one.mcap"
    log.write_text("mine")
    with (
        pytest.raises(ConfigError, match=r"--log .*one\.mcap: is there already"),
        observer_started(setup(log)),
    ):
        pass
    assert log.read_text() == "mine"
    with pytest.raises(ConfigError, match="--feed .*is no socket"), observer_started(setup(None, log)):
        pass


def test_a_feed_that_cannot_be_made_leaves_no_log(tmp_path: Path) -> None:
    log, feed = tmp_path / "one.mcap", tmp_path / "feed.sock"
    feed.write_text("mine")
    with pytest.raises(ConfigError, match="--feed"):
        in_process(setup(log, feed))
    assert not log.exists()
    feed.unlink()
    log.write_text("mine")
    with pytest.raises(ConfigError, match="--log"):
        in_process(setup(log, feed))
    assert not feed.exists() and log.read_text() == "mine"


def test_a_name_that_cannot_be_printed_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        pytest.raises(ConfigError, match="log: .*characters that cannot be printed"),
        observer_started(setup(tmp_path / "a\nb.mcap")),
    ):
        pass
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_a_run_that_does_not_begin_leaves_nothing(tmp_path: Path) -> None:
    log, feed = tmp_path / "one.mcap", tmp_path / "feed.sock"
    with observer_started(setup(log, feed)) as observed:
        assert log.exists() and feed.exists()
        observed.outlet.event("error", "no amplifier")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_it_is_an_ordinary_process_that_signals_do_not_end(tmp_path: Path) -> None:
    """Ctrl-C and a service's stop go to the whole group: the control process stops the hand, then tells."""
    log = tmp_path / "one.mcap"
    with observer_started(setup(log)) as observed:
        pid, outlet = observed.pid, observed.outlet
        assert os.sched_getscheduler(pid) == os.SCHED_OTHER
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
        outlet.begin(time.monotonic())
        for number, what in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)):
            os.kill(pid, what)
            tick(outlet, number)
    messages, cut = told(log)
    assert numbers(messages) == [0, 1, 2] and cut is None


def test_a_control_process_that_is_killed_leaves_a_whole_log(tmp_path: Path) -> None:
    """Its sockets close, and that is all that the observer needs."""
    log = tmp_path / "one.mcap"
    child = os.fork()
    if child == 0:
        with observer_started(setup(log)) as observed:
            observed.outlet.begin(time.monotonic())
            for number in range(20):
                tick(observed.outlet, number)
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL

    def whole() -> bool:
        return log.exists() and log.stat().st_size > 0 and log.read_bytes().endswith(b"MCAP0\r\n")

    wait_for(whole)
    messages, cut = told(log)
    assert cut is None
    assert numbers(messages) == list(range(20))
    last = messages[-1]
    assert isinstance(last, Event) and last.level == "critical" and "killed" in last.text


@pytest.mark.parametrize("limit", [pytest.param(400, marks=pytest.mark.slow), 30_000])
def test_a_full_disk_stops_the_recording_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], limit: int
) -> None:
    log, feed = tmp_path / "one.mcap", tmp_path / "feed.sock"
    with observer_started(setup(log, feed)) as observed:
        client = FeedClient(feed)
        resource.prlimit(observed.pid, resource.RLIMIT_FSIZE, (limit, limit))
        observed.outlet.begin(time.monotonic())
        seen: list = []
        number = 0

        def stopped() -> bool:
            nonlocal number
            tick(observed.outlet, number, n_frames=200)
            number += 1
            seen.extend(client.read())
            return any(isinstance(one, Event) for one in seen)

        wait_for(stopped)
        (event,) = [one for one in seen if isinstance(one, Event)]
        assert event.level == "error"
        assert event.text.startswith("recording stopped (File too large); the run goes on")
        before = len(numbers(seen))
        wait_for(lambda: stopped() and len(numbers(seen)) > before + 10)
        client.close()
    assert observed.result is not None and observed.result["stopped"] == "File too large"
    if limit > 1000:
        assert observed.result["bytes"] == log.stat().st_size <= limit
        messages, cut = told(log)
        assert cut is not None
        got = numbers(messages)
        assert got == list(range(len(got)))
    assert f"{log}: recording stopped (File too large)" in capfd.readouterr().err
    assert not observed.outlet.dropped


def test_a_disk_that_does_not_come_back_costs_memory_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is a pipe that nobody reads; what the feed does is not the disk's business."""
    from neurograsp.edge_runtime.telemetry import log_thread

    monkeypatch.setattr(log_thread, "WAITING_BYTES", 500_000)
    monkeypatch.setattr(log_thread, "FLUSH_S", 0.05)
    monkeypatch.setattr(os, "fsync", lambda file: None)
    monkeypatch.setattr(os, "ftruncate", lambda file, length: None)
    reading, writing = os.pipe()
    failures: list[str] = []
    writer = LogWriter(writing, replace(SESSION, started_at="2026-01-02T03:04:05+00:00"))
    thread = log_thread.LogThread(writer, failures.append)
    raw = json.dumps(
        {"at_s": 0.0, "level": "info", "text": random.Random(0).randbytes(20_000).hex()}
    ).encode()
    longest = 0.0

    def dropped() -> bool:
        nonlocal longest
        begin = time.perf_counter()
        thread.put(log_thread.Topic.EVENT, 0.0, raw)
        longest = max(longest, time.perf_counter() - begin)
        time.sleep(0.001)
        return bool(thread.dropped)

    wait_for(dropped)
    assert longest < 0.5 and thread.stopped is None
    os.close(reading)  # and now it is broken
    thread.close()
    assert failures == ["Broken pipe"] == [thread.stopped]


@pytest.mark.parametrize("how", ["hangs", "hangs and has not read for long"])
def test_an_observer_that_hangs_holds_up_the_end_for_so_long_and_no_longer(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(start, "END_S", 0.4)
    with observer_started(setup(tmp_path / "one.mcap")) as observed:
        observed.outlet.begin(time.monotonic())
        os.kill(observed.pid, signal.SIGSTOP)
        while how != "hangs" and not observed.outlet.dropped:
            tick(observed.outlet, 0)
        observed.outlet.event("info", "the end")
        begin = time.monotonic()
    took_s = time.monotonic() - begin
    os.kill(observed.pid, signal.SIGKILL)
    assert 0.35 < took_s < 0.7
    assert observed.result is None
    assert "the observer has not ended within 0.4 s and is left to itself" in caplog.messages


def test_an_observer_that_chatters_does_not_hold_up_the_end() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ended = threading.Event()

    def chatter() -> None:
        while not ended.wait(0.02):
            theirs.send(b"alive")

    thread = threading.Thread(target=chatter)
    thread.start()
    threading.Timer(2.0, ended.set).start()
    begin = time.monotonic()
    assert Outlet(ours).close(0.2) is None
    took_s = time.monotonic() - begin
    ended.set()
    thread.join()
    theirs.close()
    assert took_s < 0.5


def test_what_a_service_has_left_to_stop_in_is_enough_for_hand_and_amplifier() -> None:
    (stop_s,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit.TEMPLATE, re.MULTILINE)
    assert int(stop_s) - start.END_S >= 5


def in_process(wanted: Setup, *sent: bytes) -> tuple[Observer, socket.socket]:
    """An observer, and the other end, on which this was sent before it closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    for data in sent:
        ours.send(data)
    ours.shutdown(socket.SHUT_WR)
    return Observer(wanted, theirs), ours


BEGIN = b"2026-01-02T03:04:05+00:00"


def record(**told: Any) -> bytes:
    return marshal.dumps(tuple(Record(1.0, **told)))


def test_a_disk_that_is_full_from_the_beginning_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    closed: list[int] = []
    close = os.close
    monkeypatch.setattr(os, "close", lambda file: (closed.append(file), close(file)))
    monkeypatch.setattr(os, "write", full)
    log = tmp_path / "one.mcap"
    told = record(commands=[("arm", "", 0, 0, 0, "")])
    observer, _ours = in_process(setup(log), BEGIN, told, END)
    result = observer.run()
    assert not log.exists()
    assert observer._file in closed
    assert (result["stopped"], result["bytes"]) == ("No space left on device", None)
    assert result["log_dropped"] == {"command": 1, "event": 1}
    said = capfd.readouterr().err
    assert (
        "recording stopped (No space left on device); the run goes on without, nothing was recorded" in said
    )


def full(file: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_record_that_is_too_large_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer_module, "_RECORD_BYTES", 2000)
    log = tmp_path / "one.mcap"
    small = record(events=[(1.0, "info", "small")])
    large = record(events=[(1.0, "info", "large " * 1000)])
    observer, _ours = in_process(setup(log), BEGIN, small, large, small, END)
    assert observer.run()["log_dropped"] == {"tick": 1}
    messages, cut = told(log)
    assert cut is None
    assert [one.text for one in messages if isinstance(one, Event)] == [
        "small",
        "a tick's record of more than 2000 bytes is not kept",
        "small",
    ]


def test_an_error_of_the_observer_leaves_a_whole_log(tmp_path: Path) -> None:
    """And no process that waits for its own thread."""
    log = tmp_path / "one.mcap"
    told_once = record(events=[(1.0, "info", "kept")])
    observer, _ours = in_process(setup(log), BEGIN, told_once, b"no record")
    with pytest.raises((ValueError, EOFError, TypeError)):
        observer.run()
    messages, cut = told(log)
    assert cut is None
    assert [one.text for one in messages if isinstance(one, Event)] == ["kept"]


def test_an_error_of_the_log_is_told_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "one.mcap"
    monkeypatch.setattr(LogWriter, "add", add_or_fail(LogWriter.add))
    spoilt = [record(events=[(1.0, "info", text)]) for text in ("kept", "spoilt", "after")]
    observer, _ours = in_process(setup(log), BEGIN, *spoilt, END)
    result = observer.run()
    assert result["stopped"] == "spoilt"
    assert result["log_dropped"]["event"] >= 2
    messages, _cut = told(log)
    assert [type(one) for one in messages] == [Session]


def add_or_fail(add: Callable[..., None]) -> Callable[..., None]:
    def instead(self: LogWriter, topic: Topic, at_s: float, raw: bytes) -> None:
        if b"spoilt" in raw:
            raise ValueError("spoilt")
        add(self, topic, at_s, raw)

    return instead


def observed_by_a_fork(log: Path) -> tuple[int, socket.socket]:
    """An observer that costs no start of an interpreter."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            theirs.setblocking(False)
            Observer(setup(log), theirs).run()
        finally:
            os._exit(0)
    theirs.close()
    return child, ours


@pytest.mark.parametrize(
    "kills", [pytest.param(10, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.long)]
)
def test_kill_9_at_a_random_moment_costs_less_than_a_second(tmp_path: Path, kills: int) -> None:
    rng = random.Random(7)
    lost_s: list[float] = []
    for round_ in range(kills // 5):
        logs = [tmp_path / f"{round_}_{number}.mcap" for number in range(5)]
        started = [(log, *observed_by_a_fork(log)) for log in logs]
        outlets = [Outlet(ours) for *_, ours in started]
        for outlet in outlets:
            outlet.begin(time.monotonic())
        wait_for(lambda logs=logs: all(log.exists() and log.stat().st_size for log in logs), 60.0)
        begin = time.monotonic()
        runs = [
            (log, child, outlet, begin + rng.uniform(0.0, 1.5), [])
            for (log, child, _), outlet in zip(started, outlets)
        ]
        number = 0
        while runs:
            now = time.monotonic()
            for run in [run for run in runs if run[3] <= now]:
                log, child, outlet, _, sent = run
                os.kill(child, signal.SIGKILL)
                killed = time.monotonic()
                os.waitpid(child, 0)
                runs.remove(run)
                messages, _cut = told(log)
                got = numbers(messages)
                assert got == list(range(len(got)))
                frames = [one.frame_index for one in messages if isinstance(one, Counts)]
                assert len(np.concatenate(frames or [np.empty(0)])) >= 10 * len(got)
                lost_s.append(killed - sent[len(got)] if len(got) < len(sent) else 0.0)
                outlet.close(0.1)
            for *_, outlet, _at, sent in runs:
                tick(outlet, number)
                sent.append(time.monotonic())
            number += 1
            time.sleep(TICK_S)
    print(f"\n  lost: p50 {np.median(lost_s):.2f} s, at most {max(lost_s):.2f} s of {len(lost_s)} kills")
    assert len(lost_s) == kills and max(lost_s) < 1.0
