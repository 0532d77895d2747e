"""One side of a capture, said again with the pauses that it had."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.sniff.capture import Heard
from neurograsp.firmware_bridge.sniff.pieces import Side
from neurograsp.firmware_bridge.transports import Transport

LISTEN_S = 0.002
"""Answers are looked for so often."""
LAST_S = 0.1
"""And for so long after the last word."""


class Player:
    """Args:
    heard: of a capture.
    side: whose words are said.
    transport: to whom.
    clock: seconds, monotonic.
    sleep: waits so many seconds.

    Attributes:
        said: bytes.
        latest_s: how late the latest of them went out.
    """

    def __init__(
        self,
        heard: Iterable[Heard],
        side: Side,
        transport: Transport,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._heard = heard
        self._side = side
        self._transport = transport
        self._clock = clock
        self._sleep = sleep
        self.said = 0
        self.latest_s = 0.0

    def play(self) -> Iterator[Heard]:
        """What is said and what is answered, as it happens; the first word goes out at once.

        Raises:
            LinkLost: the port died before all was said.
        """
        begun = self._clock()
        first: float | None = None
        other = Side.DEVICE if self._side is Side.HOST else Side.HOST
        for heard in self._heard:
            if heard.side is not self._side:
                continue
            first = heard.seconds if first is None else first
            due = begun + heard.seconds - first
            yield from self._listen(begun, due, other)
            now = self._clock()
            self.latest_s = max(self.latest_s, now - due)
            self._transport.write(heard.data)
            self.said += len(heard.data)
            yield Heard(now - begun, self._side, heard.data)
        with contextlib.suppress(LinkLost):
            yield from self._listen(begun, self._clock() + LAST_S, other)

    def _listen(self, begun: float, until: float, side: Side) -> Iterator[Heard]:
        while True:
            data = self._transport.read()
            now = self._clock()
            if data:
                yield Heard(now - begun, side, data)
            if now >= until:
                return
            self._sleep(min(LISTEN_S, until - now))
