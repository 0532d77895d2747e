"""`neurograsp run --log --feed` as a person uses it, and with every kind of end."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from neurograsp.edge_runtime.arming import SILENT_S
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import FeedError
from neurograsp.edge_runtime.telemetry.feed import Answer, Ask, FeedClient
from neurograsp.edge_runtime.telemetry.messages import Command, Counts, Decided, Event, Session, Tick
from neurograsp.edge_runtime.telemetry.reader import SessionLog

BUNDLE = Path(__file__).parents[2] / "edge_runtime/samples/bundles/grasp-and-lift"
RUN = ["run", "--bundle", str(BUNDLE), "--source", "synthetic"]


def test_a_log_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--seconds", "2", "--log", str(tmp_path / "logs"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (path,) = (tmp_path / "logs").iterdir()
    telemetry = report["telemetry"]
    assert telemetry == {
        "log": str(path),
        "log_bytes": path.stat().st_size,
        "log_stopped": None,
        "feed": None,
        "dropped": {"outlet": {}, "log": {}, "feed": {}},
    }
    log = SessionLog(path)
    messages = list(log)
    assert log.cut is None
    session = log.session
    assert (session.bundle, session.bundle_sha256) == (str(BUNDLE), report["bundle"]["sha256"])
    assert session.signal["rate_hz"] == 500 and len(session.decision["on"]) == 6
    assert (session.arming, session.arms_again, session.patience_s) == ("at once", False, 0.0)
    assert [joint.unit for joint in session.joints] == ["us"] * 7 and "OPEN" in session.hand_actions
    assert session.on_link_loss == "stops after 250 ms without a heartbeat"
    of = {kind: [one for one in messages if isinstance(one, kind)] for kind in (Tick, Counts, Decided, Event)}
    assert [one.number for one in of[Tick]] == list(range(report["timing"]["ticks"]))
    assert sum(len(one.counts) for one in of[Counts]) == report["stream"]["frames"]
    assert len(of[Decided]) == report["decisions"]
    assert {len(one.channel_faults) for one in of[Decided]} == {32}
    texts = [one.text for one in of[Event]]
    assert "runtime armed" in texts
    assert texts[-1].startswith("ended: 2 s have passed; 100 ticks")
    assert report["timing"]["sections"]["tell"]["count"] == 100


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--arm-by", "monitor"], 2, "--arm-by monitor needs --feed"),
        (["--log", "{tmp}/there.mcap"], 4, "there.mcap: is there already; name a new file, or a folder"),
        (["--log", "{tmp}/there.mcap/more"], 4, "cannot be written"),
        pytest.param(["--feed", "{tmp}/there.mcap"], 4, "is there and is no socket", marks=pytest.mark.slow),
        (["--feed"], 4, "name a socket with --feed PATH"),
    ],
)
def test_what_is_asked_wrongly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    says: str,
) -> None:
    if Path("/run/neurograsp").is_dir() and options == ["--feed"]:
        pytest.skip("a service's place is there")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    (tmp_path / "there.mcap").write_text("mine")
    assert main([*RUN, "--seconds", "1", *(option.format(tmp=tmp_path) for option in options)]) == code
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err
    assert (tmp_path / "there.mcap").read_text() == "mine"


def test_without_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcap", None)
    monkeypatch.setitem(sys.modules, "mcap.writer", None)
    assert main([*RUN, "--log", str(tmp_path)]) == 3
    assert "mcap is not installed: run `pip install '.[recorder]'`" in capsys.readouterr().err


@contextmanager
def running(tmp_path: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """In a process group of its own, as a terminal or a service starts it."""
    with (tmp_path / "out.json").open("wb") as out, (tmp_path / "err.txt").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "neurograsp.edge_runtime.cli", *RUN, "--json", *options],
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def connected(feed: Path) -> FeedClient:
    end = time.monotonic() + 60
    while True:
        try:
            return FeedClient(feed)
        except FeedError:
            assert time.monotonic() < end
            time.sleep(0.05)


def until(client: FeedClient, found: Any, *, alive: bool = False, seconds: float = 30.0) -> list[Any]:
    """What comes until one of them is `found`; meanwhile the monitor says that it is there."""
    got: list[Any] = []
    end = time.monotonic() + seconds
    said = 0.0
    while not any(found(one) for one in got):
        assert time.monotonic() < end, [one for one in got if isinstance(one, Event | Answer)]
        if alive and time.monotonic() - said > 0.2:
            client.ask(Ask.ALIVE)
            said = time.monotonic()
        got += client.read()
        time.sleep(0.002)
    return got


def in_state(state: str) -> Any:
    return lambda one: isinstance(one, Tick) and one.state == state


def test_a_monitor_arms_stops_and_vanishes(tmp_path: Path) -> None:
    feed = tmp_path / "feed.sock"
    with running(tmp_path, "--feed", str(feed), "--arm-by", "monitor") as process:
        first, second = connected(feed), connected(feed)
        got = until(first, in_state("disarmed"))
        assert isinstance(got[0], Session) and got[0].arming == "monitor"
        first.ask(Ask.LEASE)
        first.ask(Ask.ARM)
        until(first, in_state("armed"), alive=True)
        second.ask(Ask.LEASE)
        (answer,) = [
            one for one in until(second, lambda one: isinstance(one, Answer)) if isinstance(one, Answer)
        ]
        assert not answer.granted
        first.ask(Ask.ALIVE)
        second.ask(Ask.STOP)
        begin = time.monotonic()
        got = until(second, in_state("stopped"))
        stop_s = time.monotonic() - begin
        assert any(isinstance(one, Command) and one.kind == "stop" for one in got)
        assert stop_s < 1.0
        first.ask(Ask.ARM)
        until(second, in_state("armed"))
        first.close()  # it vanishes
        until(second, in_state("disarmed"))
        second.close()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 130
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["hand"]["armings"] == 2
    assert [stop["reason"] for stop in report["hand"]["stops"]] == ["a monitor asked for it", "interrupted"]


def in_tick(number: int) -> Any:
    return lambda one: isinstance(one, Tick) and one.number >= number


def test_what_a_monitor_asks_of_a_run_that_hangs_arms_nothing(tmp_path: Path) -> None:
    feed = tmp_path / "feed.sock"
    with running(tmp_path, "--feed", str(feed), "--arm-by", "monitor") as process:
        client = connected(feed)
        until(client, in_state("disarmed"))
        for last in (None, Ask.STOP):
            process.send_signal(signal.SIGSTOP)
            client.ask(Ask.LEASE)
            client.ask(Ask.ARM)
            until(client, lambda one: isinstance(one, Answer) and one.ask == "arm" and one.granted)
            for _ in range(round(SILENT_S / 0.2) + 2):
                client.ask(Ask.ALIVE)
                time.sleep(0.2)
            if last is not None:
                client.ask(last)
                until(client, lambda one: isinstance(one, Answer) and one.ask == "stop")
            process.send_signal(signal.SIGCONT)
            got = until(client, lambda one: isinstance(one, Tick) and one.request is not None, alive=True)
            (tick,) = [one for one in got if isinstance(one, Tick) and one.request is not None]
            assert tick.request == ("disarm" if last is None else "stop")
            later = in_tick(tick.number + 25)
            got += until(client, later, alive=True)
            assert not any(isinstance(one, Command) and one.kind == "arm" for one in got)
        client.ask(Ask.ARM)
        until(client, in_state("armed"), alive=True)
        client.close()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 130


@pytest.mark.slow
def test_the_whole_run_is_killed_5_times(tmp_path: Path) -> None:
    """kill -9 of everything at once, observer and hand with it: all but the last second is there."""
    rng = random.Random(3)
    lost_s = []
    for number in range(5):
        log, feed = tmp_path / f"{number}.mcap", tmp_path / f"{number}.sock"
        with running(tmp_path, "--log", str(log), "--feed", str(feed)) as process:
            client = connected(feed)
            until(client, lambda one: isinstance(one, Tick))
            time.sleep(rng.uniform(0.5, 2.0))
            os.killpg(process.pid, signal.SIGKILL)
            killed = time.time()
            process.wait()
            client.close()
        read = SessionLog(log)
        ticks = [one for one in read if isinstance(one, Tick)]
        assert read.cut is not None
        assert [tick.number for tick in ticks] == list(range(len(ticks)))
        begin = datetime.fromisoformat(read.session.started_at).timestamp()
        lost_s.append(killed - begin - (ticks[-1].at_s if ticks else 0.0))
    print(f"\n  lost: {', '.join(f'{one:.2f}' for one in lost_s)} s")
    assert max(lost_s) < 1.0


@pytest.mark.slow
def test_the_control_process_is_killed_and_its_log_is_whole(tmp_path: Path) -> None:
    log, feed = tmp_path / "one.mcap", tmp_path / "feed.sock"
    with running(tmp_path, "--log", str(log), "--feed", str(feed)) as process:
        client = connected(feed)
        until(client, lambda one: isinstance(one, Tick) and one.number > 20)
        process.kill()
        process.wait()
        got: list[Any] = []
        with pytest.raises(FeedError, match="ended"):
            while True:
                got += client.read()
        client.close()
    assert any(isinstance(one, Event) and one.level == "critical" for one in got)
    end = time.monotonic() + 20
    while not log.read_bytes().endswith(b"MCAP0\r\n"):
        assert time.monotonic() < end
        time.sleep(0.02)
    read = SessionLog(log)
    ticks = [one.number for one in read if isinstance(one, Tick)]
    assert ticks == list(range(len(ticks))) and len(ticks) > 20
    assert read.cut is None
