"""The feed's bytes in any pieces, what is refused, and a client at a real socket."""

import itertools
import os
import random
import resource
import struct
import time
from pathlib import Path

import pytest
from feed_publisher import Publisher, made_up_run, made_up_session

from neurograsp.edge_runtime.contract.errors import ConfigError, FeedError, ProtocolError
from neurograsp.edge_runtime.telemetry.feed import (
    MAX_ASKED_BYTES,
    Answer,
    Ask,
    FeedClient,
    Frames,
    Question,
    default_path,
    frame,
)
from neurograsp.edge_runtime.telemetry.messages import MAX_BYTES, Session, Tick, to_bytes


def some() -> list[object]:
    return [
        made_up_session(),
        *itertools.islice(made_up_run(3), 50),
        Question("stop"),
        Answer("arm", False, "another monitor holds the arm switch"),
    ]


def comparable(messages: list[object]) -> list[object]:
    return [to_bytes(m) if not isinstance(m, Question | Answer) else m for m in messages]


@pytest.mark.parametrize("seed", range(5))
def test_any_pieces_give_the_same_messages(seed: int) -> None:
    rng = random.Random(seed)
    data = b"".join(frame(message) for message in some())
    frames, got = Frames(), []
    while data:
        n = rng.choice([1, 2, 5, 100, 5000])
        got += frames.push(data[:n])
        data = data[n:]
    assert comparable(got) == comparable(some())


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (struct.pack("<IB", 0, 1), "0 bytes"),
        (struct.pack("<IB", MAX_BYTES + 2, 1), "bytes on the feed"),
        (struct.pack("<IB", 1, 8), "kind 8"),
        (struct.pack("<IB", 1, 0), "kind 0"),
        (struct.pack("<IB", 3, 7) + b"{}", "a event"),
        (struct.pack("<IB", 3, 16) + b"{}", "what was asked"),
        (struct.pack("<IB", 14, 16) + b'{"ask":"ru"}\n', "what was asked"),
    ],
)
def test_what_is_no_message_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        list(Frames().push(raw))


def test_what_a_monitor_may_send_is_short() -> None:
    with pytest.raises(ProtocolError, match="1 to 256"):
        list(Frames(MAX_ASKED_BYTES).push(frame(made_up_session())[:4]))


def test_a_client_sees_the_session_then_ticks_and_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "feed.sock"
    with Publisher(path, made_up_session(), made_up_run(3), speed=10) as publisher:
        first, second = FeedClient(path), FeedClient(path)
        got = until(first, lambda got: sum(isinstance(m, Tick) for m in got) >= 5)
        assert isinstance(got[0], Session)
        first.ask(Ask.LEASE)
        assert Answer("lease", True, "") in until(first, lambda got: any(isinstance(m, Answer) for m in got))
        second.ask(Ask.LEASE)
        second.ask(Ask.STOP)
        answers = until(second, lambda got: sum(isinstance(m, Answer) for m in got) == 2)
        assert [m.granted for m in answers if isinstance(m, Answer)] == [False, True]
        assert publisher.asked == [(1, Ask.LEASE), (2, Ask.LEASE), (2, Ask.STOP)]
    with pytest.raises(FeedError, match="has ended|lost"):
        until(first, lambda _: False)
    first.close()
    second.close()


def until(client: FeedClient, enough) -> list:
    got: list = []
    end = time.monotonic() + 10
    while not enough(got):
        assert time.monotonic() < end
        got += client.read()
        time.sleep(0.005)
    return got


def test_no_run_there(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"no run tells.*run --feed"):
        FeedClient(tmp_path / "feed.sock")
    with pytest.raises(FeedError, match="no run tells"):
        FeedClient(tmp_path / ("long" * 50))


def test_no_file_descriptor_left(tmp_path: Path) -> None:
    free = os.dup(0)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(FeedError, match="Too many open files"):
            FeedClient(tmp_path / "feed.sock")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if not Path("/run/neurograsp").is_dir():
        assert default_path() == tmp_path / "neurograsp" / "feed.sock"
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        with pytest.raises(ConfigError, match="--feed PATH"):
            default_path()
