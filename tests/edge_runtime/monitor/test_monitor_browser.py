"""The page in a real browser: what a person sees and does."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESK, PHONE, browser, program
from feed_publisher import RATE_HZ, TICK_S, Publisher, made_up_run, made_up_session
from monitor_rig import TOKEN, Monitor, Tunnel, monitor, serving, wait_for
from toys import toy_signal
from websockets.exceptions import ConnectionClosed

from neurograsp.edge_runtime.monitor import page_session
from neurograsp.edge_runtime.monitor.guard import FREE_GUESSES
from neurograsp.edge_runtime.monitor.page_session import FRAME_S
from neurograsp.edge_runtime.telemetry.counts import Counts
from neurograsp.edge_runtime.telemetry.messages import Command, Decided, HandReport, Message, Session, Tick
from neurograsp.firmware_bridge.strict import encode

TRACES_COLOURS = """(() => { const one = document.getElementById('traces');
    const data = one.getContext('2d').getImageData(80, 0, one.width - 80, one.height).data;
    return new Set(new Uint32Array(data.buffer)).size; })()"""
TEN_TWENTY = ("Fp1", "Fp2", "C3", "Cz", "C4", "O1", "O2", "EMG")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    pytest.importorskip("playwright")
    found = program()
    if found is None:
        pytest.skip("no Chromium here (Debian: apt install chromium)")
    with browser(found) as opened:
        yield opened


def head_session() -> Session:
    signal = replace(toy_signal(n_channels=len(TEN_TWENTY)), channels=TEN_TWENTY)
    return replace(made_up_session(), signal=encode(signal))


def was_cut(message: Any) -> bool:
    """A connection that is cut is an error to the browser, and not to us: the WebSocket's, and the icon's,
    which Chromium fetches when it has time, maybe not before a test has cut the way to the monitor."""
    icon = message.location["url"].endswith("/icon.svg") and "net::ERR_" in message.text
    return icon or "WebSocket" in message.text


@contextmanager
def opened(
    chromium: Any,
    url: str,
    size: tuple[int, int] = DESK,
    prepare: Callable[[Any], object] = lambda page: None,
    **options: Any,
) -> Iterator[Any]:
    """A page, and that nothing went wrong in it; `prepare` is shown it before it goes anywhere."""
    faults: list[str] = []
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    page = context.new_page()
    page.on(
        "console",
        lambda one: one.type in ("error", "warning") and not was_cut(one) and faults.append(one.text),
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    prepare(page)
    page.goto(url)
    try:
        yield page
        assert faults == []
    finally:
        context.close()


def live(page: Any) -> None:
    page.wait_for_selector('body[data-link="live"][data-state="armed"]')


def until(page: Any, true: str) -> None:
    """Asks again and again, each time anew: the page's policy lets nobody evaluate texts in between."""
    for _ in range(200):
        if page.evaluate(true):
            return
        page.wait_for_timeout(100)
    raise AssertionError(true)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Monitor]:
    with monitor(tmp_path, head_session(), made_up_run(len(TEN_TWENTY))) as running:
        yield running


@pytest.mark.parametrize("size", [PHONE, pytest.param(DESK, marks=pytest.mark.slow)], ids=["phone", "desk"])
def test_everything_is_there_and_nothing_is_cut_off(
    size: tuple[int, int], chromium: Any, one: Monitor
) -> None:
    with opened(chromium, one.url, size) as page:
        live(page)
        until(page, "document.querySelector('#quality').textContent.includes('Fp1 railed')")
        until(page, "document.querySelector('#hand-state').textContent.includes('arm:')")
        assert page.locator("#scores .row").count() == 2
        assert page.locator("#joints .row").count() == 2
        assert page.locator("#state").inner_text() == "● ARMED"
        assert (
            page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        )
        assert page.evaluate("location.hash") == ""  # the token is in no history
        stop = page.locator("#stop").bounding_box()
        assert stop["height"] >= 60
        assert 0 <= stop["y"] <= size[1] - stop["height"]  # in sight without scrolling
        page.wait_for_timeout(1500)
        for canvas in ("traces", "scalp", "latency"):
            drawn = page.evaluate(
                f"""() => {{ const one = document.getElementById('{canvas}');
                const data = one.getContext('2d').getImageData(0, 0, one.width, one.height).data;
                return new Set(new Uint32Array(data.buffer)).size; }}"""
            )
            assert drawn > 5, canvas


@pytest.mark.slow
def test_no_map_of_what_is_no_head(chromium: Any, tmp_path: Path) -> None:
    with monitor(tmp_path) as emg, opened(chromium, emg.url) as page:
        live(page)
        assert page.locator("#scalp-part").is_hidden()


OTHERS = [pytest.param(how, marks=pytest.mark.slow) for how in ("Space", "Escape", "touch", "Enter")]


@pytest.mark.parametrize("how", ["click", *OTHERS])
def test_stop(how: str, chromium: Any, one: Monitor) -> None:
    with opened(chromium, one.url, PHONE, has_touch=True) as page:
        live(page)
        if how == "click":
            page.locator("#filtered").focus()
            page.click("#stop")
        elif how == "touch":
            page.tap("#stop")
        elif how == "Enter":
            page.locator("#stop").press("Enter")
        else:
            page.locator("#raw").focus()  # not the button that has the focus
            page.keyboard.press(how)
        wait_for(lambda: one.asks() == ["stop"])
        page.wait_for_timeout(200)
        assert one.asks() == ["stop"]


@pytest.mark.slow
def test_stop_goes_out_when_the_finger_comes_down(chromium: Any, one: Monitor) -> None:
    with opened(chromium, one.url) as page:
        live(page)
        page.locator("#stop").hover()
        page.mouse.down()
        wait_for(lambda: one.asks() == ["stop"])


@pytest.mark.slow
def test_the_switch_goes_from_page_to_page(chromium: Any, one: Monitor) -> None:
    with opened(chromium, one.url, PHONE) as first, opened(chromium, one.url) as second:
        live(first)
        live(second)
        first.click("#take")
        first.wait_for_selector("#arm:visible")
        until(second, "document.querySelector('#switch-says').textContent.includes('Another page')")
        assert second.locator("#take").is_disabled()
        assert second.locator("#arm").is_hidden()
        boxes = [first.locator(name).bounding_box() for name in ("#state", "#switch", "#stop")]
        assert boxes[0]["height"] < 50
        assert all(above["y"] + above["height"] <= below["y"] for above, below in itertools.pairwise(boxes))
        # The made-up run says that it is armed already: the switch is on, and turns it off.
        assert first.locator("#arm").get_attribute("aria-checked") == "true"
        first.click("#arm")
        wait_for(lambda: one.asks() == ["lease", "disarm"])
        wait_for(lambda: len(one.publisher.asked) > 4)  # signs of life
        first.close()  # vanishes
        wait_for(lambda: one.asks() == ["lease", "disarm", "return"])
        until(second, "!document.querySelector('#take').disabled")
        second.click("#take")
        second.wait_for_selector("#arm:visible")
        second.click("#return")
        wait_for(lambda: one.asks()[-2:] == ["lease", "return"])


class Told:
    """A run whose ticks tell the state that a test sets."""

    def __init__(self) -> None:
        self.state = "disarmed"

    def messages(self) -> Iterator[Message]:
        for message in made_up_run(2):
            yield replace(message, state=self.state) if isinstance(message, Tick) else message  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_switch_arms_only_what_has_been_at_rest_for_a_second(chromium: Any, tmp_path: Path) -> None:
    run = Told()

    def state(page: Any, name: str) -> None:
        run.state = name
        page.wait_for_selector(f'body[data-link="live"][data-state="{name}"]')

    with monitor(tmp_path, messages=run.messages()) as one, opened(chromium, one.url) as page:
        state(page, "disarmed")
        page.click("#take")
        page.wait_for_selector("#arm:visible")
        page.wait_for_timeout(1200)
        page.click("#arm")
        wait_for(lambda: one.asks() == ["lease", "arm"])
        state(page, "armed")
        page.locator("#arm").hover()
        page.mouse.down()
        state(page, "stopped")  # under the finger of a person who wanted to disarm
        page.wait_for_timeout(1200)
        page.mouse.up()
        wait_for(lambda: one.asks()[2:] == ["disarm"])
        state(page, "armed")
        state(page, "stopped")  # just before that finger comes down
        page.click("#arm")
        wait_for(lambda: one.asks()[3:] == ["disarm"])
        assert page.locator("#switch-says").inner_text().startswith("Not armed:")
        page.locator("#arm").press("Enter")
        wait_for(lambda: one.asks()[4:] == ["disarm"])
        page.wait_for_timeout(1200)
        page.locator("#arm").press("Enter")
        wait_for(lambda: one.asks()[5:] == ["arm"])


@pytest.mark.slow
def test_who_does_not_look_gives_the_switch_back(chromium: Any, one: Monitor) -> None:
    with opened(chromium, one.url) as page:
        live(page)
        page.click("#take")
        page.wait_for_selector("#arm:visible")
        page.evaluate(
            """() => { Object.defineProperty(document, 'hidden', { value: true });
            document.dispatchEvent(new Event('visibilitychange')); }"""
        )
        wait_for(lambda: one.asks() == ["lease", "return"])


@pytest.mark.slow
def test_a_wrong_token_and_the_right_one(chromium: Any, one: Monitor) -> None:
    with opened(chromium, f"http://{one.host}/#guess") as page:
        page.wait_for_selector("#entrance:visible")
        assert page.locator("#entrance-why").inner_text().startswith("That is not the token.")
        assert page.locator("main").is_hidden()
        page.fill("#token", TOKEN)
        page.locator("#token").press("Space")  # a letter here, and no STOP
        page.keyboard.press("Enter")
        live(page)
        page.reload()
        live(page)  # remembered for this tab
        assert one.asks() == []


@pytest.mark.slow
def test_a_guesser_at_the_same_address_delays_a_page_and_does_not_make_it_forget(
    chromium: Any, tmp_path: Path
) -> None:
    now = [5.0]
    with monitor(tmp_path, clock=lambda: now[0]) as one, opened(chromium, one.url) as page:
        live(page)
        for _ in range(FREE_GUESSES + 1):
            stranger = one.open()
            stranger.send('{"token": "guess"}')
            with pytest.raises(ConnectionClosed):
                stranger.recv(timeout=10)
        page.reload()
        until(
            page, "document.querySelector('#banner').textContent.startsWith('Not let in now: wrong tokens')"
        )
        assert "wait 1 s" in page.locator("#banner").inner_text()
        assert page.locator("#stop").is_visible()
        assert page.locator("#entrance").is_hidden()
        now[0] += 1.0
        live(page)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "swallow"])
def test_a_page_comes_back_with_what_it_showed_before(how: str, chromium: Any, one: Monitor) -> None:
    with Tunnel(one.host) as tunnel, opened(chromium, f"http://{tunnel.host}/#{TOKEN}") as page:
        live(page)
        page.click("#raw")
        page.wait_for_timeout(500)
        tries = tunnel.tries
        getattr(tunnel, how)()
        wait_for(lambda: tunnel.tries == tries + 1)
        live(page)
        page.wait_for_timeout(1500)
        assert page.evaluate(TRACES_COLOURS) > 5
        assert tunnel.tries == tries + 1
        assert page.locator("#raw").get_attribute("aria-pressed") == "true"


@pytest.mark.slow
def test_a_page_shows_its_token_to_nobody_for_ever(chromium: Any, one: Monitor) -> None:
    with (
        Tunnel(one.host) as tunnel,
        opened(chromium, f"http://{tunnel.host}/#{TOKEN}", prepare=lambda page: page.clock.install()) as page,
    ):
        live(page)
        tunnel.closed = True
        tunnel.cut()
        page.wait_for_selector('body[data-link="lost"]')
        assert page.locator("#again").is_hidden()
        page.clock.fast_forward(65_000)
        page.wait_for_selector("#again:visible")
        assert "no more attempts" in page.locator("#banner").inner_text()
        tries = tunnel.tries
        page.clock.fast_forward(60_000)
        page.wait_for_timeout(500)
        assert tunnel.tries == tries
        tunnel.closed = False
        page.locator("#again").press("Enter")
        live(page)
        assert page.locator("#again").is_hidden()


@pytest.mark.slow
def test_electrodes_that_nobody_has_looked_at_are_not_said_to_be_well(chromium: Any, tmp_path: Path) -> None:
    undecided = (one for one in made_up_run(2) if not isinstance(one, Decided))
    with monitor(tmp_path, messages=undecided) as one, opened(chromium, one.url) as page:
        live(page)
        assert page.locator("#quality").inner_text() == "not looked at yet"


def test_an_old_picture_looks_old(chromium: Any, tmp_path: Path) -> None:
    with monitor(tmp_path) as one, opened(chromium, one.url) as page:
        live(page)
        one.publisher.__exit__()
        page.wait_for_selector('body[data-link="ended"]')
        assert page.locator("#banner").inner_text().startswith("NO RUN:")
        assert "STOP does not work from here" in page.locator("#banner").inner_text()
        assert page.locator("#stop").is_disabled()
        assert float(page.evaluate("getComputedStyle(document.querySelector('#signals')).opacity")) < 0.5


@pytest.mark.slow
def test_a_monitor_that_ends_looks_old(chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "feed.sock"
    with Publisher(path, made_up_session(), made_up_run(2)):
        with serving(path) as (host, _):
            context = chromium.new_context()
            page = context.new_page()
            page.goto(f"http://{host}/#{TOKEN}")
            live(page)
        page.wait_for_selector('body[data-link="lost"]')
        until(page, "document.querySelector('#banner').textContent.startsWith('NO CONNECTION')")
        assert page.locator("#stop").is_disabled()
        context.close()


def in_long_ticks(n_channels: int, tick_s: float) -> Iterator[Message]:
    """A run that is told in few messages: of each tick, what many would have brought."""
    rng, n_frames = np.random.default_rng(1), round(RATE_HZ * tick_s)
    hand = HandReport(0.0, "MOVING", "NONE", "", True, (1500, 1500), (30, None), {"sent": 1})
    for number in itertools.count():
        at_s, index = number * tick_s, np.arange(number * n_frames, (number + 1) * n_frames)
        counts = rng.normal(0, 300, (n_frames, n_channels)).astype(np.int32)
        name, p = ("fist", 0.9) if number % 2 else ("rest", 0.1)
        faults = (number // 10 % 6,) + (0,) * (n_channels - 1)
        yield Counts(at_s, index, counts)
        yield Decided(
            at_s, at_s, 0, (0.0, p), (1 - p, p), name, True, "FIST", 9, 9, f"{name} {number}", faults
        )
        yield Command(at_s, "act", name, 100, 100, 1000, "")
        yield replace(hand, at_s=at_s, positions=(600 + number % 1800, None), link={"sent": number})
        yield Tick(
            number, at_s, 50.0, 40.0, 90.0, 400.0, 60.0, 50.0, float(rng.uniform(300, 3000)), False, 0.01,
            False, False, "armed", "", None, None,
        )  # fmt: skip


COUNTING = """window.pictures = 0;
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', () => { window.pictures += 1; });
  }
};"""
HOUR_S, FASTER = 3600.0, 30


@pytest.mark.long
def test_a_page_left_open_for_an_hour_does_not_grow(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run 30 times as fast, and pictures as fast as the page takes them: the heap after collecting garbage,
    and the page's nodes. What they grow by is for the part of an hour's 72 000 pictures, or of its 3600 s of
    a run, that the page has seen."""
    monkeypatch.setattr(page_session, "FRAME_S", 0.0)
    tick_s = 0.5
    run = in_long_ticks(len(TEN_TWENTY), tick_s)
    with (
        monitor(tmp_path, head_session(), run, FASTER * TICK_S / tick_s) as one,
        opened(chromium, one.url, PHONE, lambda page: page.add_init_script(COUNTING)) as page,
    ):
        live(page)
        session = page.context.new_cdp_session(page)

        def size() -> tuple[float, int, float, int]:
            """Seconds of the run, pictures, and the least of some heaps and nodes: between collecting and
            measuring the page goes on."""
            heaps, nodes = [], []
            for _ in range(5):
                session.send("HeapProfiler.collectGarbage")
                heaps.append(session.send("Runtime.getHeapUsage")["usedSize"])
                nodes.append(session.send("Memory.getDOMCounters")["nodes"])
            view = one.listener.view
            assert view is not None
            assert view.tick is not None
            return view.tick.at_s, page.evaluate("window.pictures"), min(heaps), min(nodes)

        def wait_for_pictures(most: int) -> None:
            until = time.monotonic() + 200
            while page.evaluate("window.pictures") < most:
                assert time.monotonic() < until
                page.wait_for_timeout(100)

        wait_for_pictures(400)
        second, picture, heap, nodes = before = size()
        wait_for_pictures(picture + 2000)
        second_later, picture_later, heap_later, nodes_later = after = size()
    hours = min((second_later - second) / HOUR_S, (picture_later - picture) * FRAME_S / HOUR_S)
    assert hours > 0.02, (before, after)
    assert heap_later - heap < 5_000_000 * hours, (before, after)
    assert nodes_later - nodes < 5000 * hours, (before, after)
