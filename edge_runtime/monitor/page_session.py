"""One page in a browser: it shows its token, then gets pictures and asks."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from neurograsp.edge_runtime.contract.errors import ConfigError, ProtocolError
from neurograsp.edge_runtime.monitor.listener import Listener
from neurograsp.edge_runtime.telemetry.feed import Answer, Ask
from neurograsp.firmware_bridge.strict import decode, parse_json

T = TypeVar("T")

FRAME_S = 0.05
MAX_ASKED_BYTES = 512
ASKED_A_SECOND, ASKED_AT_ONCE = 20.0, 60.0
"""A page asks four times a second that it is there, and a person a few times more."""


class Socket(Protocol):
    """What a page needs of its WebSocket."""

    async def send(self, message: str) -> None:
        """Waits while the browser is behind."""


@dataclass(frozen=True, slots=True)
class Token:
    token: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Attributes:
    ask: see `feed.Ask`; "show" asks the monitor alone.
    filtered: of "show": the signal as the network gets it, or as it came.
    """

    ask: Literal["stop", "disarm", "arm", "lease", "return", "alive", "show"]
    filtered: bool = False


def read_token(raw: str | bytes) -> str:
    """Raises ProtocolError when it is none."""
    return _read(Token, raw).token


def read_asked(raw: str | bytes) -> Asked:
    """Raises ProtocolError when a page of ours would not ask so."""
    return _read(Asked, raw)


def _read(cls: type[T], raw: str | bytes) -> T:
    if isinstance(raw, bytes) or len(raw) > MAX_ASKED_BYTES:
        raise ProtocolError("a page asks in short texts")
    try:
        return decode(cls, parse_json(raw.encode(errors="replace")), "page")
    except (ValueError, ConfigError) as error:
        raise ProtocolError(f"a page asked what cannot be read ({error!s:.100})") from error


class Page:
    """Args:
    socket: of the browser.
    listener: what is seen, and who is asked.
    clock: seconds, monotonic.
    """

    def __init__(self, socket: Socket, listener: Listener, clock: Callable[[], float]) -> None:
        self._socket = socket
        self._listener = listener
        self._clock = clock
        self._filtered = True
        self._run = self._column = self._line = 0
        self._answers: deque[Answer] = deque(maxlen=16)
        self._allowance, self._counted_at = ASKED_AT_ONCE, clock()

    def told(self, answer: Answer) -> None:
        """It goes out with the next picture."""
        self._answers.append(answer)

    def take(self, raw: str | bytes) -> None:
        """The page asks something.

        Raises:
            ProtocolError: it asks what no page of ours does, or too often.
        """
        now = self._clock()
        earned = (now - self._counted_at) * ASKED_A_SECOND
        self._allowance, self._counted_at = min(ASKED_AT_ONCE, self._allowance + earned) - 1, now
        if self._allowance < 0:
            raise ProtocolError("a page asks too often")
        asked = read_asked(raw)
        if asked.ask == "show":
            self._filtered, self._column = asked.filtered, 0
        else:
            self._listener.switch.asked(self, Ask(asked.ask))

    async def show(self, wait: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Send pictures for ever, 20 a second; to a browser that is behind fewer, and no queue grows."""
        while True:
            await self._socket.send(self.picture())
            await wait(FRAME_S)

    def picture(self) -> str:
        """All that changed since the last one."""
        listener, view = self._listener, self._listener.view
        told: dict[str, Any] = {
            "silent_s": round(listener.silent_s, 2),
            "why": listener.why,
            "switch": {
                "mine": listener.switch.holder is self and listener.switch.granted,
                "taken": listener.switch.holder not in (None, self),
            },
        }
        if self._answers:
            told["answers"] = [[one.ask, one.granted, one.text] for one in self._answers]
            self._answers.clear()
        if view is not None:
            if self._run != listener.runs:
                self._run, self._column, self._line = listener.runs, 0, 0
                told["run"] = view.opening()
            told |= view.now()
            told["traces"] = view.columns(self._filtered, self._column)
            self._column = told["traces"]["first"] + len(told["traces"]["columns"])
            told["lines"] = view.lines_since(self._line)
            if told["lines"]:
                self._line = told["lines"][-1][0] + 1
        return json.dumps(told, separators=(",", ":"), allow_nan=False)
