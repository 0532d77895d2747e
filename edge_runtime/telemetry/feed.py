"""The local feed of a run: a socket in the file system, over which monitors see and ask.

    u32 length of what follows, little-endian | u8 kind | payload

Kinds 1 to 7 are the topics of `messages`, in their order, with `to_bytes` as payload; 16 is a `Question` (of
a monitor, the only thing that it may send), 17 an `Answer`, both JSON. The `Session` comes first, then what
happens from then on. A monitor that reads too slowly loses messages, and an `Event` tells it how many.

STOP and DISARM count from everybody who is connected. ARM counts from the holder of the lease alone: the
first connection that asks for it, where the run was started with `--arm-by monitor`. The lease ends with its
connection, and when `alive` has not come for `arming.SILENT_S`; the hand is disarmed then.
"""

import enum
import json
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from neurograsp.edge_runtime.contract.errors import ConfigError, FeedError, ProtocolError
from neurograsp.edge_runtime.telemetry.messages import (
    MAX_BYTES,
    Message,
    Topic,
    from_bytes,
    to_bytes,
    topic_of,
)
from neurograsp.firmware_bridge.strict import decode, encode, parse_json

MAX_ASKED_BYTES = 256
"""Of a `Question`, kind included."""

_LENGTH = struct.Struct("<I")
_QUESTION, _ANSWER = 16, 17
_TOPICS = dict(enumerate(Topic, start=1))
_KINDS = {topic: number for number, topic in _TOPICS.items()}
_READ = 2**16


class Ask(enum.StrEnum):
    STOP = "stop"
    DISARM = "disarm"
    ARM = "arm"
    LEASE = "lease"
    """For the right to arm."""

    RETURN = "return"
    """Give the lease back; the hand is disarmed."""

    ALIVE = "alive"
    """Of the holder of the lease; not answered."""


@dataclass(frozen=True, slots=True)
class Question:
    ask: Literal["stop", "disarm", "arm", "lease", "return", "alive"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Of the observer, to one `Question`; or unasked, with the ask "lease", when this lease ended.

    Attributes:
        ask: what was asked.
        granted: it was passed on to the control loop, or the lease is held. What became of it is in the
            state of the next ticks.
        text: why not, for people; "" where granted.
    """

    ask: Literal["stop", "disarm", "arm", "lease", "return", "alive"]
    granted: bool
    text: str


def frame(message: "Message | Question | Answer") -> bytes:
    """A message as it goes over the socket."""
    if isinstance(message, Question | Answer):
        kind = _QUESTION if isinstance(message, Question) else _ANSWER
        return _framed(kind, json.dumps(encode(message)).encode())
    return frame_of(topic_of(message), to_bytes(message))


def frame_of(topic: Topic, raw: bytes) -> bytes:
    """A message that is bytes already."""
    return _framed(_KINDS[topic], raw)


def _framed(kind: int, payload: bytes) -> bytes:
    return _LENGTH.pack(1 + len(payload)) + bytes((kind,)) + payload


class Frames:
    """Bytes in any pieces to the messages in them.

    Args:
        most: of bytes in one; what is longer is refused before it is there.
    """

    def __init__(self, most: int = MAX_BYTES + 1) -> None:
        self._most = most
        self._buffer = bytearray()

    def push(self, data: bytes) -> Iterator["Message | Question | Answer"]:
        """Take bytes; yields what is whole now.

        Raises:
            ProtocolError: what came is no such message; nothing more can be read then.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if not 1 <= length <= self._most:
                raise ProtocolError(
                    f"a message of {length} bytes on the feed, 1 to {self._most} are possible"
                )
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            kind, payload = self._buffer[_LENGTH.size], bytes(self._buffer[_LENGTH.size + 1 : end])
            del self._buffer[:end]
            yield _message(kind, payload)


def _message(kind: int, payload: bytes) -> "Message | Question | Answer":
    if kind in _TOPICS:
        return from_bytes(_TOPICS[kind], payload)
    asked = {_QUESTION: Question, _ANSWER: Answer}.get(kind)
    if asked is None:
        raise ProtocolError(f"a message of kind {kind} on the feed, which this version does not know")
    try:
        message: Question | Answer = decode(asked, parse_json(payload), asked.__name__.lower())
    except (ValueError, ConfigError) as error:
        raise ProtocolError(f"what was asked or answered cannot be read ({error!s:.200})") from error
    return message


def default_path() -> Path:
    """Where a run puts its feed and a monitor looks for it, unless told otherwise.

    `/run/neurograsp` where this user may write there (a service's), else a folder in $XDG_RUNTIME_DIR.

    Raises:
        ConfigError: there is neither.
    """
    of_service = Path("/run/neurograsp")
    if os.access(of_service, os.W_OK):
        return of_service / "feed.sock"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if not runtime or not Path(runtime).is_dir():
        raise ConfigError(
            "neither /run/neurograsp nor $XDG_RUNTIME_DIR is there: name a socket with --feed PATH"
        )
    return Path(runtime) / "neurograsp" / "feed.sock"


class FeedClient:
    """One connection to the feed of a run. Nothing waits but the connecting.

    Args:
        path: of the socket.

    Raises:
        FeedError: no run is there, or it may not be seen.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._frames = Frames()
        try:
            self._socket = _connected(path)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise FeedError(
                f"{path}: no run tells of itself there ({why}); start one with `run --feed`"
            ) from error

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> list["Message | Question | Answer"]:
        """What has arrived.

        Raises:
            FeedError: the run has ended, or was killed.
            ProtocolError: what came is no feed of this version.
        """
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return []
        except OSError as error:
            raise FeedError(f"{self.path}: the feed is lost ({error.strerror})") from error
        if not data:
            raise FeedError(f"{self.path}: the feed has ended")
        return list(self._frames.push(data))

    def ask(self, what: Ask) -> None:
        """Raises FeedError when the run has ended, or takes nothing."""
        try:
            self._socket.sendall(frame(Question(what.value)))
        except OSError as error:
            raise FeedError(
                f"{self.path}: the feed is lost ({error.strerror or 'it takes nothing'})"
            ) from error

    def close(self) -> None:
        self._socket.close()


def _connected(path: Path) -> socket.socket:
    """Raises OSError, and ValueError for what is no path."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connected.settimeout(3.0)
        connected.connect(os.fspath(path))
        connected.setblocking(False)
    except (OSError, ValueError):
        connected.close()
        raise
    return connected
