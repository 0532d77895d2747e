"""The server over real sockets: who gets in, who is refused, and what a vanished page leaves."""

import http.client
import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from feed_publisher import Publisher, made_up_run, made_up_session
from monitor_rig import TOKEN, Monitor, ask, monitor, picture, wait_for
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from neurograsp.edge_runtime.monitor import server
from neurograsp.edge_runtime.monitor.guard import FREE_GUESSES
from neurograsp.edge_runtime.monitor.server import BUSY, MOST_OF_ONE, MOST_PAGES, UNKNOWN, WAIT, Server

PAGE = Path(__file__).parents[3] / "edge_runtime/monitor/page"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Monitor]:
    with monitor(tmp_path) as opened:
        yield opened


def get(one: Monitor, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    name, _, port = one.host.partition(":")
    connection = http.client.HTTPConnection(name, int(port), timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()


def closed(connection: ClientConnection) -> tuple[int | None, str]:
    """Why the server closed, once nothing more comes."""
    with pytest.raises(ConnectionClosed) as error:
        while True:
            connection.recv(timeout=10)
    assert error.value.rcvd is not None
    return error.value.rcvd.code, error.value.rcvd.reason


def test_files_with_strict_headers(one: Monitor) -> None:
    for path in ("/", "/main.js", "/style.css", "/icon.svg"):
        status, headers, body = get(one, path)
        assert status == 200
        assert body == (PAGE / (path[1:] or "index.html")).read_bytes()
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    for path in ("/nothing", "/../server.py", "//", "/%2e%2e/server.py", "/__init__.py"):
        assert get(one, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_get(method: str, one: Monitor) -> None:
    assert get(one, "/", method)[0] == 405


def test_the_page_asks_no_other_server_and_has_nothing_inline() -> None:
    for path in PAGE.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn|\binnerHTML\b|\beval\(", text), path
    assert not re.search(r"<style|<script>|\son\w+=|style=", (PAGE / "index.html").read_text())


def test_another_name_of_this_server_is_refused(one: Monitor) -> None:
    for host in ("evil.example", f"evil.example:{one.host.partition(':')[2]}", "", "localhost.evil.example"):
        assert get(one, "/", Host=host)[0] == 403
    assert get(one, "/", Host="localhost:5555")[0] == 200  # a tunnel


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://{}", "http://{}0"])
def test_pages_of_others_open_nothing(origin: str | None, one: Monitor) -> None:
    with pytest.raises(InvalidStatus) as error:
        one.open(origin and origin.format(one.host))
    assert error.value.response.status_code == 403


@pytest.mark.parametrize(
    "shown",
    ["wrong", "", TOKEN[:-1], TOKEN + " ", "\ud800"],
    ids=["wrong", "empty", "short", "long", "strange"],
)
def test_a_wrong_token_sees_nothing(shown: str, one: Monitor) -> None:
    stranger = one.open()
    stranger.send(json.dumps({"token": shown}))
    with pytest.raises(ConnectionClosed) as error:
        stranger.recv(timeout=10)  # not one picture
    assert error.value.rcvd is not None
    assert error.value.rcvd.code == UNKNOWN


@pytest.mark.parametrize("first", ['{"ask": "stop"}', "[]", "nonsense", '{"token": 1}', b"\x00", "x" * 400])
def test_whoever_does_not_begin_with_a_token_asks_nothing(first: str | bytes, one: Monitor) -> None:
    stranger = one.open()
    stranger.send(first)
    assert closed(stranger)[0] == UNKNOWN
    assert one.asks() == []


def test_guesses_are_slowed_down_and_the_right_token_does_not_tell(tmp_path: Path) -> None:
    with monitor(tmp_path, clock=lambda: 5.0) as one:
        page = one.page()
        picture(page)
        for _ in range(FREE_GUESSES + 1):
            stranger = one.open()
            stranger.send('{"token": "guess"}')
            assert closed(stranger)[0] == UNKNOWN
        assert closed(one.page()) == (WAIT, "1")
        assert get(one, "/metrics", Authorization=f"Bearer {one.server.metrics_token}")[0] == 200
        ask(page, "stop")  # who is in stays in
        wait_for(lambda: one.asks() == ["stop"])


def test_a_silent_stranger_is_sent_away(one: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Server._talk.__globals__, "TOKEN_S", 0.2)
    assert closed(one.open())[0] == UNKNOWN


def test_one_address_cannot_keep_everybody_else_waiting_at_the_door(one: Monitor) -> None:
    for _ in range(MOST_OF_ONE):
        one.open()
    assert closed(one.open())[0] == BUSY
    other = one.open(source_address=("127.0.0.2", 0))
    other.send(json.dumps({"token": TOKEN}))
    picture(other)


def test_there_is_a_most_of_strangers_of_all_addresses(one: Monitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_STRANGERS", 3)
    strangers = [one.open(source_address=(f"127.0.0.{k}", 0)) for k in range(2, 5)]
    assert closed(one.open())[0] == BUSY
    strangers[0].close()
    wait_for(lambda: one.server._strangers.total() < 3)
    picture(one.page())


def test_more_pages_than_there_may_be(one: Monitor) -> None:
    pages = [one.page() for _ in range(MOST_PAGES)]
    for page in pages:
        picture(page)
    assert closed(one.page())[0] == BUSY
    pages[0].close()
    wait_for(lambda: one.server._pages < MOST_PAGES)
    picture(one.page())


def test_pictures_go_on_and_say_what_changed(one: Monitor) -> None:
    page = one.page()
    first = picture(page, lambda told: "run" in told)
    assert first["run"]["actions"] == ["rest", "fist"]
    told = [picture(page) for _ in range(20)]
    assert not any("run" in one for one in told)
    ends = [one["traces"]["first"] + len(one["traces"]["columns"]) for one in told]
    starts = [one["traces"]["first"] for one in told]
    assert starts[1:] == ends[:-1]
    assert ends[-1] > starts[0]


def test_a_page_sees_the_signal_as_it_came_when_it_asks(one: Monitor) -> None:
    page = one.page()
    assert picture(page, lambda told: "traces" in told)["traces"]["mode"] == "filtered"
    ask(page, "show", filtered=False)
    assert picture(page, lambda told: told["traces"]["mode"] == "raw")["traces"]["first"] == 0


@pytest.mark.parametrize(
    "asked",
    ['{"ask": "explode"}', "{}", '{"ask": "arm", "more": 1}', b"stop", '{"ask": "show", "filtered": 1}'],
)
def test_what_no_page_of_ours_asks_ends_the_connection(asked: str | bytes, one: Monitor) -> None:
    page = one.page()
    page.send(asked)
    assert closed(page)[0] == 1008
    assert one.asks() == []


def test_a_page_that_floods_is_cut_off(one: Monitor) -> None:
    page = one.page()
    with suppress(ConnectionClosed):
        for _ in range(1000):
            ask(page, "alive")
    assert closed(page)[0] == 1008


def test_too_long_a_message_is_refused(one: Monitor) -> None:
    page = one.page()
    page.send("x" * 100_000)
    assert closed(page)[0] == 1009


def test_only_one_page_has_the_switch_and_when_it_vanishes_the_hand_is_disarmed(one: Monitor) -> None:
    first, second = one.page(), one.page()
    ask(first, "lease")
    assert picture(first, lambda told: told["switch"]["mine"])["answers"] == [["lease", True, ""]]
    assert picture(second, lambda told: told["switch"]["taken"])["switch"]["mine"] is False
    for what in ("lease", "arm"):
        ask(second, what)
        answers = picture(second, lambda told: "answers" in told)["answers"]
        assert answers == [[what, False, "another page has the switch"]]
    ask(first, "arm")
    wait_for(lambda: one.asks() == ["lease", "arm"])
    first.socket.close()  # without a word
    wait_for(lambda: one.asks() == ["lease", "arm", "return"])
    ask(second, "lease")
    picture(second, lambda told: told["switch"]["mine"])


def test_a_page_that_stays_silent_keeps_nobody_armed(one: Monitor) -> None:
    """Signs of life are those of the page: the monitor makes none of its own."""
    page = one.page()
    ask(page, "lease")
    picture(page, lambda told: told["switch"]["mine"])
    ask(page, "alive")
    wait_for(lambda: [ask.value for _, ask in one.publisher.asked] == ["lease", "alive"])
    time.sleep(0.6)
    assert len(one.publisher.asked) == 2


def test_a_run_that_nobody_may_arm_from_here(tmp_path: Path) -> None:
    with monitor(tmp_path, made_up_session(arming="key")) as one:
        page = one.page()
        ask(page, "lease")
        (answer,) = picture(page, lambda told: "answers" in told)["answers"]
        assert answer[:2] == ["lease", False]
        ask(page, "stop")
        wait_for(lambda: one.asks() == ["lease", "stop"])


def test_the_run_ends_and_another_begins(tmp_path: Path) -> None:
    with monitor(tmp_path) as one:
        page = one.page()
        ask(page, "lease")
        picture(page, lambda told: told["switch"]["mine"])
        one.publisher.__exit__()
        told = picture(page, lambda told: told["why"] != "")
        assert "ended" in told["why"]
        assert told["answers"] == [["lease", False, "the run is not there any more"]]
        assert told["switch"] == {"mine": False, "taken": False}
        (tmp_path / "feed.sock").unlink()
        session = replace(made_up_session(), bundle="second.bundle")
        with Publisher(tmp_path / "feed.sock", session, made_up_run(2)):
            told = picture(page, lambda told: "run" in told)
            assert told["run"]["bundle"] == "second.bundle"
            assert told["why"] == ""
            assert told["traces"]["first"] == 0


def test_prometheus_reads_with_a_token_of_its_own_that_opens_nothing_else(one: Monitor) -> None:
    status, headers, _ = get(one, "/metrics")
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert get(one, "/metrics", Authorization=f"Bearer {TOKEN}")[0] == 401
    status, headers, body = get(one, "/metrics", Authorization=f"Bearer {one.server.metrics_token}")
    assert (status, headers["content-type"][:10]) == (200, "text/plain")
    assert b"neurograsp_runs_total 1.0" in body
    stranger = one.open()
    stranger.send(json.dumps({"token": one.server.metrics_token}))
    assert closed(stranger)[0] == UNKNOWN


def test_prometheus_that_guesses_keeps_no_page_out(tmp_path: Path) -> None:
    with monitor(tmp_path, clock=lambda: 5.0) as one:
        for _ in range(40):
            assert get(one, "/metrics")[0] == 401  # shows nothing: no guess
        for _ in range(FREE_GUESSES + 1):
            assert get(one, "/metrics", Authorization="Bearer old")[0] == 401
        assert get(one, "/metrics", Authorization=f"Bearer {one.server.metrics_token}")[0] == 429
        picture(one.page())
