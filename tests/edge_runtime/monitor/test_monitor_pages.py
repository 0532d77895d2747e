"""One page's share: what it is sent, and a browser that takes it slowly."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from feed_publisher import TICK_S, Publisher, made_up_run, made_up_session

from neurograsp.edge_runtime.contract.errors import ProtocolError
from neurograsp.edge_runtime.monitor.listener import Listener
from neurograsp.edge_runtime.monitor.page_session import ASKED_AT_ONCE, FRAME_S, Page
from neurograsp.edge_runtime.monitor.traces import KEPT_S
from neurograsp.edge_runtime.telemetry.feed import Answer, Ask


class Browser:
    """Takes a picture when it is let; keeps the lengths of all and the newest."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.sizes: list[int] = []
        self.newest: dict[str, Any] = {}

    async def send(self, message: str) -> None:
        await self.free.wait()
        self.sizes.append(len(message))
        self.newest = json.loads(message)


@pytest.fixture
def listener(tmp_path: Path) -> Listener:
    """Connected once to a run that has ended; messages are put in by hand."""
    with Publisher(tmp_path / "feed.sock", made_up_session(), iter(())):
        one = Listener(tmp_path / "feed.sock")
        one.open()
    return one


def tick(listener: Listener, run: Any) -> None:
    assert listener.view is not None
    for message in run:
        listener.view.take(message)
        if type(message).__name__ == "Tick":
            return


def test_a_slow_browser_gets_fewer_pictures_and_no_queue(listener: Listener) -> None:
    """While it takes nothing, half a minute of a run is one picture that waits, of the size of the screen."""
    run = made_up_run(2)

    async def watch() -> Browser:
        browser = Browser()
        page = Page(browser, listener, lambda: 0.0)
        showing = asyncio.create_task(page.show(lambda seconds: asyncio.sleep(0)))
        for _ in range(round(30 / TICK_S)):
            tick(listener, run)
            await asyncio.sleep(0)
        browser.free.set()
        for _ in range(20):
            await asyncio.sleep(0)
        showing.cancel()
        return browser

    browser = asyncio.run(watch())
    assert browser.newest["tick"]["at_s"] > 29
    columns = KEPT_S / 0.01
    assert max(browser.sizes) < 40 * columns


def test_every_picture_of_a_long_run_is_small(listener: Listener) -> None:
    run, sizes = made_up_run(2), []
    page = Page(Browser(), listener, lambda: 0.0)
    page.picture()
    for _ in range(round(20 / FRAME_S)):
        for _ in range(round(FRAME_S / TICK_S)):
            tick(listener, run)
        sizes.append(len(page.picture()))
    assert max(sizes[len(sizes) // 2 :]) < 1.2 * max(sizes[: len(sizes) // 2])
    assert max(sizes) < 4000


def test_answers_of_the_observer_are_no_sign_of_life_of_the_run(tmp_path: Path) -> None:
    now = 0.0
    answers: list[Answer] = []

    class Someone:
        def told(self, answer: Answer) -> None:
            answers.append(answer)

    async def ask(listener: Listener) -> None:
        listening = asyncio.create_task(listener.listen())
        listener.switch.asked(Someone(), Ask.LEASE)
        while not answers:
            await asyncio.sleep(0.001)
        listening.cancel()

    with Publisher(tmp_path / "feed.sock", made_up_session(), iter(())):
        listener = Listener(tmp_path / "feed.sock", lambda: now)
        listener.open()
        now = 3.0
        asyncio.run(asyncio.wait_for(ask(listener), 20))
    assert answers[0].granted
    assert listener.silent_s == 3.0


def test_a_page_may_not_ask_without_end(listener: Listener) -> None:
    now = itertools.count(0.0, 0.1)
    patient = Page(Browser(), listener, lambda: next(now))
    for _ in range(1000):
        patient.take('{"ask": "disarm"}')
    hasty = Page(Browser(), listener, lambda: 0.0)
    for _ in range(round(ASKED_AT_ONCE)):
        hasty.take('{"ask": "disarm"}')
    with pytest.raises(ProtocolError, match="too often"):
        hasty.take('{"ask": "disarm"}')
