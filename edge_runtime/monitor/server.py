"""The page's web server: static files, one WebSocket a page, and figures for Prometheus.

It lets in who knows the token: a WebSocket shows it in its first message, Prometheus in a header. Nothing
waits for a browser but what is sent to it.
"""

import asyncio
import logging
import math
import socket
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from neurograsp.edge_runtime.contract.errors import ProtocolError
from neurograsp.edge_runtime.monitor.files import page_files, refusal, response
from neurograsp.edge_runtime.monitor.guard import (
    Guesses,
    is_our_host,
    is_our_origin,
    metrics_token,
    network,
    same,
)
from neurograsp.edge_runtime.monitor.listener import Listener
from neurograsp.edge_runtime.monitor.page_session import MAX_ASKED_BYTES, Page, read_token

if TYPE_CHECKING:
    from neurograsp.edge_runtime.monitor.metrics import Metrics

log = logging.getLogger(__name__)

MOST_PAGES = 8
MOST_STRANGERS, MOST_OF_ONE = 32, 8
"""WebSockets that have not shown a token yet: of everybody, and of one address or network of IPv6."""

TOKEN_S = 5.0
LIVE = "/live"
METRICS = "/metrics"
BUSY, UNKNOWN, WAIT = 4503, 4401, 4429
"""Why a WebSocket is closed, for the page: too many pages, a wrong token, too many wrong tokens."""


class Server:
    """Args:
    listener: what is shown, and who is asked.
    token: of those who may look and ask.
    names: this machine's, beside its addresses.
    metrics: for Prometheus; None: not there.
    clock: seconds, monotonic.
    """

    def __init__(
        self,
        listener: Listener,
        token: str,
        names: frozenset[str],
        metrics: "Metrics | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.listener = listener
        self.metrics_token = metrics_token(token)
        self._token = token
        self._names = names
        self._metrics = metrics
        self._clock = clock
        self._guesses = Guesses()
        self._scrapers = Guesses()
        """Apart from the pages': a Prometheus with an old token must keep nobody from STOP."""
        self._pages = 0
        self._strangers: Counter[str] = Counter()
        """By address, see `guard.network`."""

    async def serve(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        async with serve(
            self._talk,
            sock=listening,
            process_request=self._answer,
            compression=None,
            max_size=MAX_ASKED_BYTES,
            max_queue=4,
            open_timeout=TOKEN_S,
            ping_interval=5,
            ping_timeout=10,
            close_timeout=1,
            server_header=None,
            logger=logging.getLogger(f"{__name__}.websockets"),
        ) as server:
            try:
                await _either(self.listener.listen(), stop.wait())
            finally:
                server.close(close_connections=True)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before a WebSocket opens: a file instead, or a refusal; None: let it open."""
        try:
            host = request.headers.get("Host", "")
            origin = request.headers.get("Origin")
        except LookupError:  # two of them
            return refusal(HTTPStatus.BAD_REQUEST, "one Host and one Origin, please")
        if request.method != "GET":
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "only GET")
        path = request.path.partition("?")[0]
        if not is_our_host(host, self._names):
            return refusal(HTTPStatus.FORBIDDEN, "this server has another name; `--name` adds one")
        if path == LIVE:
            if origin is None or not is_our_origin(origin, host):
                return refusal(HTTPStatus.FORBIDDEN, "not from a page of this server")
            return None
        if path == METRICS and self._metrics is not None:
            return self._scraped(connection, request)
        found = page_files().get(path)
        if found is None:
            return refusal(HTTPStatus.NOT_FOUND, "no such page")
        kind, body = found
        return response(HTTPStatus.OK, body, kind)

    def _scraped(self, connection: ServerConnection, request: Request) -> Response:
        assert self._metrics is not None
        shown = request.headers.get_all("Authorization")
        given = shown[0].removeprefix("Bearer ") if len(shown) == 1 else None
        code = given is None or self._let_in(connection, given, self.metrics_token, self._scrapers)
        if code == WAIT:
            return refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong tokens; wait")
        if code:
            refused = refusal(HTTPStatus.UNAUTHORIZED, "a token is wanted: see docs/monitor.md")
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        body, kind = self._metrics.exposition()
        return response(HTTPStatus.OK, body, kind)

    def _let_in(self, connection: ServerConnection, given: str, wanted: str, guesses: Guesses) -> int:
        """0, or why not. Without a pause inside, so that no two guesses pass one look at the limit."""
        address, now = str(connection.remote_address[0]), self._clock()
        if guesses.wait_s(address, now) > 0:
            return WAIT
        if same(given, wanted):
            guesses.right(address)
            return 0
        guesses.wrong(address, now)
        log.warning("a wrong token from %s", address)
        return UNKNOWN

    async def _talk(self, connection: ServerConnection) -> None:
        address = network(str(connection.remote_address[0]))
        if self._strangers.total() >= MOST_STRANGERS or self._strangers[address] >= MOST_OF_ONE:
            await connection.close(BUSY, "too many at once")
            return
        self._strangers[address] += 1
        try:
            async with asyncio.timeout(TOKEN_S):
                given = read_token(await connection.recv())
        except (ConnectionClosed, TimeoutError, ProtocolError):
            await connection.close(UNKNOWN, "a token is wanted")
            return
        finally:
            self._strangers -= Counter((address,))
        code = self._let_in(connection, given, self._token, self._guesses)
        if code == WAIT:
            wait_s = self._guesses.wait_s(str(connection.remote_address[0]), self._clock())
            await connection.close(WAIT, f"{math.ceil(wait_s)}")
        elif code:
            await connection.close(code, "the token is wrong")
        elif self._pages >= MOST_PAGES:
            await connection.close(BUSY, f"{MOST_PAGES} pages look already")
        else:
            await self._show(connection)

    async def _show(self, connection: ServerConnection) -> None:
        page = Page(connection, self.listener, self._clock)
        self._pages += 1
        try:
            await _either(page.show(), _hear(connection, page))
        except ProtocolError as error:
            log.warning("%s", error)
            await connection.close(1008, "not asked as a page of this server asks")
        except ConnectionClosed:
            pass
        finally:
            self._pages -= 1
            self.listener.switch.gone(page)


async def _hear(connection: ServerConnection, page: Page) -> None:
    async for raw in connection:
        page.take(raw)


async def _either(*works: Coroutine[Any, Any, Any]) -> None:
    """Until one of them ends; the others are given up. What failed is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
