"""The monitor's end of a run's feed: what came last and when, and a run that ends and begins anew."""

import asyncio
import logging
import select
import time
from collections.abc import Callable
from pathlib import Path

from neurograsp.edge_runtime.contract.errors import FeedError, ProtocolError
from neurograsp.edge_runtime.monitor.switch import Switch
from neurograsp.edge_runtime.monitor.view import View
from neurograsp.edge_runtime.telemetry.feed import Answer, Ask, FeedClient, Question
from neurograsp.edge_runtime.telemetry.messages import VERSION, Message, Session

log = logging.getLogger(__name__)

AGAIN_S = 1.0


class Listener:
    """Args:
    path: of the feed's socket.
    clock: seconds, monotonic.

    Attributes:
        view: of the newest run, the one that has ended included; None before the first.
        runs: how many there have been.
        why: there is no run now, in words; "" while there is one.
        watch: is shown every message.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.view: View | None = None
        self.runs = 0
        self.why = "no run yet"
        self.watch: Callable[[Message], None] = lambda message: None
        self.switch = Switch(self.ask)
        self._path = path
        self._clock = clock
        self._heard_at = clock()
        self._client: FeedClient | None = None
        self._ended = asyncio.Event()

    def open(self, patience_s: float = 3.0) -> None:
        """Connect, and wait until the run has said what it is.

        Raises:
            FeedError: no run is there, or it says nothing.
            ProtocolError: it speaks another version of the feed.
        """
        self._client = client = FeedClient(self._path)
        until = self._clock() + patience_s
        while self.view is None:
            if not select.select([client.fileno()], [], [], max(0.0, until - self._clock()))[0]:
                raise FeedError(f"{self._path}: whoever is there does not tell of a run")
            self._take_all(client)
        self.why = ""

    @property
    def silent_s(self) -> float:
        """Since the last message of a run; an answer is of its observer, which may outlive the loop."""
        return self._clock() - self._heard_at

    def ask(self, what: Ask) -> None:
        """Put a question to the run; without one nothing happens, and `why` says so."""
        if self._client is None:
            return
        try:
            self._client.ask(what)
        except FeedError as error:
            self._lose(str(error))

    async def listen(self) -> None:
        """Read for ever, from one run after the other."""
        loop = asyncio.get_running_loop()
        while True:
            if self._client is None:
                await asyncio.sleep(AGAIN_S)
                try:
                    self._client = FeedClient(self._path)
                except FeedError:
                    continue
            client, self._ended = self._client, asyncio.Event()
            loop.add_reader(client.fileno(), self._read)
            try:
                await self._ended.wait()
            finally:
                loop.remove_reader(client.fileno())
                client.close()

    def _read(self) -> None:
        if self._client is None:
            return
        try:
            self._take_all(self._client)
        except FeedError as error:
            log.warning("%s", error)
            self._lose("the run has ended, or no longer tells of itself")
        except ProtocolError as error:
            log.warning("%s", error)
            self._lose(str(error))

    def _take_all(self, client: FeedClient) -> None:
        for message in client.read():
            self._take(message)

    def _take(self, message: "Message | Question | Answer") -> None:
        if isinstance(message, Answer):
            self.switch.answered(message)
            return
        self._heard_at = self._clock()
        if isinstance(message, Question):
            raise ProtocolError("a question came from the run")
        if isinstance(message, Session):
            if message.version != VERSION:
                raise ProtocolError(
                    f"the run speaks version {message.version} of the feed, this monitor {VERSION}: "
                    "install the same neurograsp for both"
                )
            self.view = View(message)
            self.runs += 1
            self.why = ""
        elif self.view is None:
            raise ProtocolError("the feed does not begin with its session")
        else:
            self.view.take(message)
        self.watch(message)

    def _lose(self, why: str) -> None:
        """The reader is taken away by `listen`, which alone may close the socket that it watches."""
        self._client = None
        self.why = why
        self.switch.run_lost()
        self._ended.set()
