"""The real feed server with real monitors, on a clock that the test owns."""

import itertools
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from feed_publisher import made_up_run, made_up_session

from neurograsp.edge_runtime.arming import SILENT_S
from neurograsp.edge_runtime.contract.errors import ConfigError, FeedError
from neurograsp.edge_runtime.telemetry import feed_server
from neurograsp.edge_runtime.telemetry.feed import Answer, Ask, FeedClient, frame
from neurograsp.edge_runtime.telemetry.feed_server import MAX_CLIENTS, FeedServer
from neurograsp.edge_runtime.telemetry.messages import Event, Session, Tick, Topic, to_bytes, topic_of

SESSION = to_bytes(made_up_session())


class Place:
    def __init__(self, path: Path, arms: bool = True) -> None:
        self.path = path
        self.now = 0.0
        self.control: list[str] = []
        self.server = FeedServer(path, arms, "key", self.control.append, lambda: self.now)
        self.clients: list[FeedClient] = []
        self.messages = made_up_run(2)

    def client(self) -> FeedClient:
        self.clients.append(FeedClient(self.path))
        self.serve()
        return self.clients[-1]

    def serve(self, times: int = 3) -> None:
        for _ in range(times):
            self.server.serve()

    def publish(self, n: int) -> None:
        for message in itertools.islice(self.messages, n):
            self.server.publish(topic_of(message), message.at_s, to_bytes(message))
        self.serve()

    def answers(self, client: FeedClient, *asks: Ask) -> list[Answer]:
        for ask in asks:
            client.ask(ask)
        self.serve()
        return [one for one in self.read(client) if isinstance(one, Answer)]

    def read(self, client: FeedClient) -> list:
        got: list = []
        while True:
            self.serve()
            more = client.read()
            if not more:
                return got
            got += more


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    one = Place(tmp_path / "run" / "feed.sock")
    one.server.begin(SESSION)
    yield one
    one.server.close(0.0)
    for client in one.clients:
        client.close()


def test_the_socket_is_for_this_user_alone(place: Place) -> None:
    mode = place.path.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700


def test_everybody_sees_the_session_first_and_then_what_happens(place: Place) -> None:
    first = place.client()
    place.publish(20)
    second = place.client()
    place.publish(20)
    seen, seen_later = place.read(first), place.read(second)
    assert isinstance(seen[0], Session) and isinstance(seen_later[0], Session)
    assert (len(seen), len(seen_later)) == (41, 21)
    assert [to_bytes(one) for one in seen[21:]] == [to_bytes(one) for one in seen_later[1:]]


def test_who_comes_before_the_run_begins_is_told_when_it_does(tmp_path: Path) -> None:
    place = Place(tmp_path / "feed.sock")
    early = place.client()
    assert place.read(early) == []
    place.server.begin(SESSION)
    assert isinstance(place.read(early)[0], Session)
    place.server.close(0.0)


def test_anybody_stops_and_disarms(place: Place) -> None:
    one, other = place.client(), place.client()
    assert place.answers(one, Ask.STOP) == [Answer("stop", True, "")]
    assert place.answers(other, Ask.DISARM, Ask.STOP) == [
        Answer("disarm", True, ""),
        Answer("stop", True, ""),
    ]
    assert place.control == ["stop", "disarm", "stop"]


def test_one_arms_and_no_other(place: Place) -> None:
    one, other = place.client(), place.client()
    (refused,) = place.answers(one, Ask.ARM)
    assert (refused.granted, refused.text) == (False, "this monitor does not hold the arm switch")
    assert place.answers(one, Ask.LEASE, Ask.ARM) == [Answer("lease", True, ""), Answer("arm", True, "")]
    for refused in place.answers(other, Ask.LEASE, Ask.ARM):
        assert (refused.granted, refused.text) == (False, "another monitor holds the arm switch")
    other.ask(Ask.ALIVE)
    other.ask(Ask.RETURN)
    place.serve()
    assert place.control == ["arm"]


@pytest.mark.parametrize("how", ["goes", "gives it back", "is silent"])
def test_the_lease_ends_and_the_hand_is_disarmed(place: Place, how: str) -> None:
    one, other = place.client(), place.client()
    place.answers(one, Ask.LEASE, Ask.ARM)
    place.now += SILENT_S / 2
    one.ask(Ask.ALIVE)
    place.serve()
    assert place.control == ["arm", "alive"]
    if how == "goes":
        one.close()
    elif how == "gives it back":
        assert place.answers(one, Ask.RETURN) == [Answer("return", True, "")]
    else:
        place.now += SILENT_S * 0.9
        place.serve()
        assert place.control == ["arm", "alive"]
        place.now += SILENT_S * 0.1
        (told,) = [message for message in place.read(one) if isinstance(message, Answer)]
        assert (told.ask, told.granted) == ("lease", False) and "silent" in told.text
    place.serve()
    assert place.control == ["arm", "alive", "disarm"]
    if how != "goes":
        assert [answer.granted for answer in place.answers(one, Ask.ARM)] == [False]
    assert [answer.granted for answer in place.answers(other, Ask.LEASE)] == [True]


def test_an_observer_that_hung_does_not_act_on_what_was_asked_before(place: Place) -> None:
    one = place.client()
    place.answers(one, Ask.LEASE)
    one.ask(Ask.ALIVE)
    one.ask(Ask.ARM)
    place.now += 20.0
    lease, arm = place.answers(one)
    assert (lease.ask, lease.granted, arm.ask, arm.granted) == ("lease", False, "arm", False)
    assert place.control == ["disarm"]
    one.ask(Ask.STOP)
    place.now += 20.0
    place.serve()
    assert place.control == ["disarm", "stop"]


@pytest.mark.parametrize("connects", ["before", "meanwhile"])
@pytest.mark.parametrize("n_alive", [0, 250])
def test_who_asks_while_the_observer_hangs_gets_no_switch(place: Place, connects: str, n_alive: int) -> None:
    """However much it says, and whoever else has come; what it asks afterwards counts."""
    others = [place.client() for _ in range(3)] if connects == "before" else []
    others += [FeedClient(place.path) for _ in range(3 - len(others))]
    one = others[-1]
    for _ in range(n_alive):
        one.ask(Ask.ALIVE)
    for ask in (Ask.LEASE, Ask.ALIVE, Ask.ARM, Ask.STOP):
        one.ask(ask)
    place.clients = others
    place.now += SILENT_S
    assert [(answer.ask, answer.granted) for answer in place.answers(one)] == [
        ("lease", False),
        ("arm", False),
        ("stop", True),
    ]
    assert place.control == ["stop"]
    assert [answer.granted for answer in place.answers(one, Ask.LEASE, Ask.ARM)] == [True, True]


def test_what_its_holder_asks_while_the_observer_hangs_in_the_midst_of_a_turn(place: Place) -> None:
    one, other = place.client(), place.client()
    place.answers(one, Ask.LEASE)
    hear = place.server._hear

    def hang(*arguments: Any) -> None:
        hear(*arguments)
        place.now += 20.0 * (place.now == 0.0)

    place.server._hear = hang  # type: ignore[method-assign]
    for asking in (other, one):
        asking.ask(Ask.DISARM)
    one.ask(Ask.ALIVE)
    one.ask(Ask.ARM)
    place.serve()
    assert "arm" not in place.control and "alive" not in place.control


def test_who_asks_without_end_is_let_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_server, "_READ", 64)
    monkeypatch.setattr(feed_server, "_READS", 3)
    one = place.client()
    place.answers(one, Ask.LEASE)
    for _ in range(50):
        one.ask(Ask.ALIVE)
    place.now += SILENT_S
    place.serve()
    assert place.control == ["disarm"]
    with pytest.raises(FeedError, match="ended|lost"):
        while True:
            one.read()


def test_a_run_that_is_armed_otherwise(tmp_path: Path) -> None:
    place = Place(tmp_path / "feed.sock", arms=False)
    one = place.client()
    for refused in place.answers(one, Ask.LEASE, Ask.ARM):
        assert (refused.granted, refused.text) == (
            False,
            "this run is armed by key; --arm-by monitor lets a monitor",
        )
    assert place.answers(one, Ask.STOP) == [Answer("stop", True, "")]
    assert place.control == ["stop"]
    place.server.close(0.0)


def test_a_slow_monitor_loses_messages_and_no_other_does(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_server, "BUFFER_BYTES", 2**17)
    slow, quick = place.client(), place.client()
    seen: list = []
    big = to_bytes(Event(0.0, "info", "x" * 400, {}))
    for _ in range(3 * 2**18 // len(big)):
        place.server.publish(Topic.EVENT, 0.0, big)
        seen += place.read(quick)
    assert sum(isinstance(one, Event) for one in seen) == 3 * 2**18 // len(big)
    dropped = place.server.dropped["event"]
    assert dropped > 0
    late = place.read(slow)
    assert len(late) + dropped == len(seen)
    place.publish(1)
    told, _counts = place.read(slow)
    assert isinstance(told, Event) and told.dropped == {"event": dropped}
    assert place.answers(slow, Ask.STOP)[-1].granted


@pytest.mark.parametrize(
    "said",
    [
        b"\xff\xff\xff\x7f\x10",
        b"\x03\x00\x00\x00\x10{}",
        b"GET / HTTP/1.1\r\n\r\n",
        frame(made_up_session())[:6],
    ],
)
def test_who_says_something_else_is_let_go_and_nobody_else(place: Place, said: bytes) -> None:
    good = place.client()
    bad = socket.socket(socket.AF_UNIX)
    bad.connect(str(place.path))
    place.serve()
    bad.send(said)
    place.serve()
    bad.settimeout(5)
    while bad.recv(65536):
        pass
    bad.close()
    assert place.answers(good, Ask.STOP) == [Answer("stop", True, "")]


def test_a_holder_that_says_something_else_disarms(place: Place) -> None:
    one = place.client()
    place.answers(one, Ask.LEASE, Ask.ARM)
    os.write(one.fileno(), b"\x00" * 8)
    place.serve()
    assert place.control == ["arm", "disarm"]


def test_asking_without_reading_ends(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_server, "MOST_BYTES", 2**14)
    one = place.client()
    with pytest.raises(FeedError):
        for _ in range(2_000_000):
            one.ask(Ask.DISARM)
            place.server.serve()
    assert place.server.dropped == {}


def test_so_many_and_no_more(place: Place) -> None:
    clients = [place.client() for _ in range(MAX_CLIENTS)]
    last = place.client()
    with pytest.raises(FeedError, match="ended"):
        last.read()
    clients[0].close()
    place.serve()
    assert isinstance(place.read(place.client())[0], Session)


def test_a_socket_that_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "feed.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    Place(path).server.close(0.0)
    assert not path.exists()


def test_places_that_are_taken(place: Place, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--feed .*another run tells of itself there"):
        Place(place.path)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ConfigError, match="is no socket"):
        Place(file)
    assert file.read_text() == "mine"
    with pytest.raises(ConfigError, match="cannot be made"):
        Place(tmp_path / ("long" * 50))
    with pytest.raises(ConfigError, match="cannot be made"):
        Place(file / "feed.sock")


def test_the_end_is_sent_to_who_reads(place: Place) -> None:
    one = place.client()
    place.publish(50)
    place.server.close(0.5)
    got: list = []
    with pytest.raises(FeedError, match="ended"):
        while True:
            got += one.read()
    assert any(isinstance(message, Tick) for message in got)
    assert not place.path.exists()
