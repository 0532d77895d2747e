"""A line's bytes cut into packets and what is none. I/O-free; nothing that comes is left out.

A protocol is a `Reader`, one function of which finds packets and another says what they mean; `readers.py`
lists them all.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

QUIET_S = 0.1
"""Half a packet whose rest has not come by then is over; USB adapters keep bytes for up to 16 ms."""


class Side(enum.Enum):
    """Who speaks."""

    HOST = "host"
    DEVICE = "device"
    EITHER = "either"
    """Both do, on one wire."""


class Kind(enum.Enum):
    """What a piece is."""

    PACKET = "packet"
    BROKEN = "broken"
    """A packet with a wrong checksum."""
    UNFINISHED = "unfinished"
    """The beginning of a packet, and silence."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """A packet at the beginning of some bytes.

    Attributes:
        size: in bytes.
        sound: its checksum is right.
    """

    size: int
    sound: bool


MORE: Final = Found(0, False)
"""They begin like a packet, and its end has not come."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Attributes:
    text: for people.
    side: who said it; EITHER where a packet does not show it.
    """

    text: str
    side: Side


class Reader(Protocol):
    """One protocol. It may remember what was asked, to tell what an answer is about."""

    def find(self, data: bytes, side: Side) -> Found | None:
        """The packet that `data` begins with; None where that cannot be one. Bounded: never MORE for good."""

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """What a sound packet says."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Attributes:
    seconds: when its last byte came.
    side: who said it.
    kind: what it is.
    data: all of its bytes.
    text: what it says; empty unless it is a packet.
    """

    seconds: float
    side: Side
    kind: Kind
    data: bytes
    text: str = ""


class _Stream:
    """Bytes of one side."""

    def __init__(self, reader: Reader, side: Side) -> None:
        self._reader = reader
        self._side = side
        self._buffer = bytearray()
        self.heard_s = 0.0

    def feed(self, seconds: float, data: bytes) -> Iterator[Piece]:
        self.heard_s = seconds
        self._buffer += data
        yield from self._pieces(ending=False)

    def flush(self) -> Iterator[Piece]:
        yield from self._pieces(ending=True)

    def _pieces(self, ending: bool) -> Iterator[Piece]:
        stray = 0
        while stray < len(self._buffer):
            rest = bytes(self._buffer[stray:])
            found = self._reader.find(rest, self._side)
            if found is MORE and not ending:
                break
            if found is None:
                stray += 1
                continue
            if stray:
                yield self._take(stray, Kind.UNKNOWN)
                stray = 0
            if found is MORE:
                yield self._take(self._end_of_broken(rest, len(rest)), Kind.UNFINISHED)
            elif found.sound:
                meaning = self._reader.tell(rest[: found.size], self._side)
                yield Piece(self.heard_s, meaning.side, Kind.PACKET, self._cut(found.size), meaning.text)
            else:
                yield self._take(self._end_of_broken(rest, found.size), Kind.BROKEN)
        if stray:
            yield self._take(stray, Kind.UNKNOWN)

    def _end_of_broken(self, data: bytes, size: int) -> int:
        """Where a sound packet begins within a broken one, whose size may be what is wrong with it."""
        for at in range(1, size):
            found = self._reader.find(data[at:], self._side)
            if found is not None and found.sound:
                return at
        return size

    def _take(self, size: int, kind: Kind) -> Piece:
        return Piece(self.heard_s, self._side, kind, self._cut(size))

    def _cut(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


class Conversation:
    """What goes over a line, in pieces.

    Args:
        reader: of its protocol; a new one, since it remembers.
    """

    def __init__(self, reader: Reader) -> None:
        self._streams = {side: _Stream(reader, side) for side in Side}

    def feed(self, seconds: float, side: Side, data: bytes) -> Iterator[Piece]:
        """The pieces that are complete with `data`, which came at `seconds`."""
        yield from self.quiet(seconds)
        yield from self._streams[side].feed(seconds, data)

    def quiet(self, now: float) -> Iterator[Piece]:
        """What began too long ago to be completed."""
        for stream in self._streams.values():
            if now - stream.heard_s > QUIET_S:
                yield from stream.flush()

    def end(self) -> Iterator[Piece]:
        """All that is left."""
        for stream in self._streams.values():
            yield from stream.flush()
