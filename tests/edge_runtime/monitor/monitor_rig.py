"""A monitor's server in a thread, on a made-up run or a real one."""

import asyncio
import json
import select
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from feed_publisher import Publisher, made_up_run, made_up_session
from websockets.sync.client import ClientConnection, connect

from neurograsp.edge_runtime.monitor.listener import Listener
from neurograsp.edge_runtime.monitor.metrics import Metrics
from neurograsp.edge_runtime.monitor.server import Server
from neurograsp.edge_runtime.sources.relay_server import listen
from neurograsp.edge_runtime.telemetry.feed import Ask
from neurograsp.edge_runtime.telemetry.messages import Message, Session

TOKEN = "a token of the tests"
PATIENCE_S = 20.0


class Monitor:
    """Attributes:
    host: and port, as in a `Host` header.
    server, listener: of this process; they belong to the thread.
    publisher: of the made-up run.
    """

    def __init__(self, host: str, server: Server, publisher: Publisher) -> None:
        self.host, self.server, self.listener = host, server, server.listener
        self.publisher = publisher
        self.opened = ExitStack()

    @property
    def url(self) -> str:
        return f"http://{self.host}/#{TOKEN}"

    def asks(self) -> list[str]:
        """What the run was asked, but for signs of life."""
        return [ask.value for _, ask in self.publisher.asked if ask is not Ask.ALIVE]

    def open(self, origin: str | None = "", **options: Any) -> ClientConnection:
        """A WebSocket that has not shown a token; of our own origin unless told otherwise."""
        given = f"http://{self.host}" if origin == "" else origin
        opening = connect(f"ws://{self.host}/live", origin=given, proxy=None, **options)  # type: ignore[arg-type]
        return self.opened.enter_context(opening)

    def page(self) -> ClientConnection:
        """A WebSocket that is let in."""
        opened = self.open()
        opened.send(json.dumps({"token": TOKEN}))
        return opened


class Tunnel(socketserver.ThreadingTCPServer):
    """A way to a server that can be cut, and that can swallow what goes over it without a word.

    Attributes:
        host: and port of its own.
        tries: connections that were opened.
        closed: new ones are ended at once.
    """

    daemon_threads = True

    def __init__(self, to: str) -> None:
        super().__init__(("127.0.0.1", 0), _Carry)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.to = to
        self.tries = self.cut_at = self.swallowed_at = 0
        self.closed = False

    def __enter__(self) -> "Tunnel":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self.shutdown()
        self.server_close()

    def cut(self) -> None:
        """End all connections that are there."""
        self.cut_at = self.tries

    def swallow(self) -> None:
        """From now on nothing comes through those that are there, and they stay open."""
        self.swallowed_at = self.tries


class _Carry(socketserver.BaseRequestHandler):
    server: Tunnel

    def handle(self) -> None:
        self.server.tries += 1
        number = self.server.tries
        if self.server.closed:
            return
        name, _, port = self.server.to.partition(":")
        with socket.create_connection((name, int(port))) as far:
            other = {self.request: far, far: self.request}
            while number > self.server.cut_at:
                for one in select.select(list(other), [], [], 0.02)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    if number > self.server.swallowed_at:
                        other[one].sendall(data)


def picture(
    page: ClientConnection, like: Callable[[dict[str, Any]], bool] = lambda told: True
) -> dict[str, Any]:
    """The first picture that is `like` that."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        told: dict[str, Any] = json.loads(page.recv(timeout=PATIENCE_S))
        if like(told):
            return told
    raise AssertionError("no such picture")


def ask(page: ClientConnection, what: str, **more: Any) -> None:
    page.send(json.dumps({"ask": what, **more}))


def wait_for(true: Callable[[], Any]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


@contextmanager
def monitor(
    folder: Path,
    session: Session | None = None,
    messages: Iterator[Message] | None = None,
    speed: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Monitor]:
    """On a run of two channels, unless told otherwise."""
    path = folder / "feed.sock"
    publisher = Publisher(path, session or made_up_session(), messages or made_up_run(2), speed)
    with publisher, serving(path, clock) as (host, server):
        one = Monitor(host, server, publisher)
        with one.opened:
            yield one


@contextmanager
def serving(path: Path, clock: Callable[[], float] = time.monotonic) -> Iterator[tuple[str, Server]]:
    """A server for the feed at `path`: its host, and itself."""
    listening = listen("127.0.0.1", 0)
    listener = Listener(path)
    metrics = Metrics(lambda: listener.silent_s)
    listener.watch = metrics.take
    listener.open()
    server = Server(listener, TOKEN, frozenset({"localhost"}), metrics, clock)
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            loop.run_until_complete(server.serve(listening, stop))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}", server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
        listening.close()
    assert not failed, failed
