"""The monitor on a real run, in a headless Chromium: docs/monitor.md. Wants a machine that does nothing else.

    python benchmarks/monitor.py [--stops 50] [--loads 10] [--seconds 30] [--rounds 3]

The run plays the recording of the package to the simulated hand. STOP is timed from the moment that the
browser gives for the button going down until a witness on the run's feed hears that the control loop has
stopped, and until it hears that the hand's firmware has (which tells 20 times a second). A hand that
something else stopped before, as may be on an overloaded machine, is not counted. The control loop's ticks
are those of runs of `--seconds` (40 at most), by turns with nobody watching, with a monitor without pages,
and with three pages. All of these runs keep a log, from which the ticks are read; those of the first 8 s, in
which pages are opened, count in none of them, and every page has to show the run from then to its end.
"""

import argparse
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.edge_runtime.contract.errors import FeedError
from neurograsp.edge_runtime.telemetry.feed import FeedClient
from neurograsp.edge_runtime.telemetry.messages import HandReport, Tick
from neurograsp.edge_runtime.telemetry.reader import read_log

NEUROGRASP = (sys.executable, "-m", "neurograsp.edge_runtime.cli")
TOKEN = "a token of the benchmark"  # noqa: S105
PATIENCE_S = 60.0
STOPS_A_RUN = 10
"""The recording ends after 45 s."""

OPENING_S = 8.0
LINKS = """() => {
    window.links = [];
    const body = document.body, note = () => window.links.push(body.dataset.link);
    new MutationObserver(note).observe(body, { attributeFilter: ['data-link'] });
}"""
"""What a page says of its link from now on; it says so again and again."""

ARMED = ("ARMED", "MOVING", "HOLD")


@contextmanager
def running(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """A run with a feed in `folder`; from when it is heard."""
    feed = folder / "feed.sock"
    command = [
        *NEUROGRASP,
        "run",
        "--bundle",
        str(PRETRAINED),
        "--source",
        f"playback:{PRETRAINED_RECORDING}",
    ]
    command += ["--hand", "sim", "--feed", str(feed), "--json", *options]
    with (folder / "run.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        until = time.monotonic() + PATIENCE_S
        while not _is_heard(feed):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "run.log").read_text())
            time.sleep(0.1)
        yield process
    finally:
        if process.poll() not in (None, 0):
            print((folder / "run.log").read_text(), file=sys.stderr)
        process.terminate()
        process.wait()


def _is_heard(feed: Path) -> bool:
    try:
        FeedClient(feed).close()
    except FeedError:
        return False
    return True


@contextmanager
def monitoring(folder: Path) -> Iterator[str]:
    """`neurograsp monitor` for the feed in `folder`; the address to open."""
    token = folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    command = [*NEUROGRASP, "monitor", "--feed", str(folder / "feed.sock"), "--port", "0"]
    process = subprocess.Popen([*command, "--token-file", str(token)], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        if not first.startswith("open "):
            raise RuntimeError(first)
        yield f"{first.split()[1]}/#{TOKEN}"
    finally:
        process.terminate()
        process.wait()


class Witness(threading.Thread):
    """Listens to the feed beside the monitor; knows when what it hears became true (epoch seconds)."""

    def __init__(self, feed: Path) -> None:
        super().__init__(daemon=True)
        self._client = FeedClient(feed)
        self._over = threading.Event()
        self._since: dict[str, float] = {}
        self._now = {"loop": "", "hand": ""}

    def run(self) -> None:
        while not self._over.is_set():
            select.select([self._client.fileno()], [], [], 0.2)
            try:
                messages = self._client.read()
            except FeedError:
                return
            for message in messages:
                if isinstance(message, Tick):
                    self._note("loop", message.state)
                elif isinstance(message, HandReport):
                    self._note("hand", "armed" if message.state in ARMED else "stopped")

    def _note(self, who: str, state: str) -> None:
        if self._now[who] != state:
            self._since[who] = time.time()
            self._now[who] = state

    def wait(self, who: str, state: str) -> float:
        """When `who` came into this state."""
        wait_for(lambda: self.is_in(who, state))
        return self._since[who]

    def is_in(self, who: str, state: str) -> bool:
        return self._now[who] == state

    def close(self) -> None:
        self._over.set()
        self.join()
        self._client.close()


def wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > until:
            raise RuntimeError("waited in vain")
        time.sleep(0.002)


def stop_latencies(page: Any, witness: Witness, stops: int) -> list[tuple[float, float]]:
    """Seconds from STOP going down to the loop's stop and to the hand's, as the witness hears of them."""
    page.evaluate(
        """() => document.getElementById('stop').addEventListener('pointerdown',
        (event) => { window.downAt = performance.timeOrigin + event.timeStamp; }, { capture: true })"""
    )
    found: list[tuple[float, float]] = []
    rng = np.random.default_rng(0)
    for _ in range(3 * stops):
        arm(page, witness)
        witness.wait("hand", "armed")
        page.wait_for_selector('body[data-state="armed"]')
        page.wait_for_timeout(300 + 50 * rng.random())
        page.locator("#stop").hover()
        page.mouse.down()
        page.mouse.up()
        loop, hand = witness.wait("loop", "stopped"), witness.wait("hand", "stopped")
        down = page.evaluate("window.downAt") / 1000
        if min(loop, hand) > down:
            found.append((loop - down, hand - down))
        if len(found) == stops:
            return found
        page.wait_for_timeout(300)
    raise RuntimeError(f"only {len(found)} of {3 * stops} times the hand was still armed when STOP went down")


def arm(page: Any, witness: Witness) -> None:
    """As a person does who is not let at once: a page that is drawn too rarely loses the switch."""
    until = time.monotonic() + PATIENCE_S
    while not witness.is_in("loop", "armed"):
        if time.monotonic() > until:
            raise RuntimeError("the hand cannot be armed from the page")
        for button in ("#take:visible", "#arm[aria-checked=false]:visible"):
            with suppress(PlaywrightError):
                page.click(button, timeout=500)
        page.wait_for_timeout(300)


def load_time(browser: Any, url: str) -> float:
    """Seconds from asking for the page to the first picture of now."""
    context = browser.new_context()
    page = context.new_page()
    begin = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector('body[data-link="live"]')
    elapsed = time.perf_counter() - begin
    context.close()
    return elapsed


def ticks_watched(browser: Any, seconds: float, n_pages: int | None) -> list[Tick]:
    """Of a run, without those of its first `OPENING_S`. Args: n_pages: None: no monitor either.

    Raises:
        RuntimeError: a page did not show the run all that time.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        log = Path(name) / "run.mcap"
        process = stack.enter_context(running(Path(name), "--seconds", str(seconds), "--log", str(log)))
        heard_at, pages = time.monotonic(), []
        if n_pages is not None:
            url = stack.enter_context(monitoring(Path(name)))
            for _ in range(n_pages):
                pages.append(stack.enter_context(browser.new_context()).new_page())
                pages[-1].goto(url)
            for page in pages:
                page.wait_for_selector('body[data-link="live"]')
                page.evaluate(LINKS)
        if time.monotonic() - heard_at > OPENING_S:
            raise RuntimeError(f"the pages did not show the run after {OPENING_S:g} s")
        process.communicate()
        for page in pages:
            page.wait_for_selector('body[data-link="ended"]')
            links = set(page.evaluate("window.links")) - {"live", "ended"}
            if links:
                raise RuntimeError(f"a page did not show the run to its end: {', '.join(links)} meanwhile")
        ticks = [one for one in read_log(log) if isinstance(one, Tick) and one.at_s >= OPENING_S]
        if not ticks:
            raise RuntimeError(f"--seconds: more than {OPENING_S:g} are wanted")
        return ticks


@contextmanager
def watched(browser: Any) -> Iterator[tuple[Any, Witness, str]]:
    """A run to be armed by a page, that page, a witness, and the page's address."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        stack.enter_context(running(Path(name), "--arm-by", "monitor"))
        url = stack.enter_context(monitoring(Path(name)))
        page = stack.enter_context(browser.new_context()).new_page()
        page.goto(url)
        page.wait_for_selector('body[data-link="live"]')
        witness = Witness(Path(name) / "feed.sock")
        witness.start()
        stack.callback(witness.close)
        yield page, witness, url


def measure_stop(browser: Any, loads: int, stops: int) -> None:
    found: list[tuple[float, float]] = []
    while len(found) < stops:
        with watched(browser) as (page, witness, _):
            found += stop_latencies(page, witness, min(STOPS_A_RUN, stops - len(found)))
    print(f"STOP to the loop's stop: {_row([loop for loop, _ in found])}")
    print(f"STOP to the hand's stop: {_row([hand for _, hand in found])}", flush=True)
    with watched(browser) as (_, _, url):
        seconds = [load_time(browser, url) for _ in range(loads)]
    print(f"page load to the first picture: {_row(seconds)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stops", type=int, default=50)
    parser.add_argument("--loads", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        measure_stop(browser, arguments.loads, arguments.stops)
        print("\n| watched by | ticks | missed | p50 ms | p99 ms | p99.9 ms |")
        print("| --- | --- | --- | --- | --- | --- |")
        for _ in range(arguments.rounds):
            for words, pages in (("nobody", None), ("a monitor", 0), ("three pages", 3)):
                ticks = ticks_watched(browser, arguments.seconds, pages)
                missed = sum(one.missed for one in ticks)
                us = np.percentile([one.tick_us for one in ticks], [50, 99, 99.9])
                ms = " | ".join(f"{one / 1000:.2f}" for one in us)
                print(f"| {words} | {len(ticks)} | {missed} | {ms} |", flush=True)
        browser.close()


def _row(seconds: list[float]) -> str:
    ms = np.array(seconds) * 1000
    p50, p99 = np.percentile(ms, [50, 99])
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {ms.max():.0f} ms of {len(ms)}"


if __name__ == "__main__":
    main()
