"""Reads a session log, which is untrusted, or was cut off anywhere by a kill or a power cut.

The end of the file is not needed: chunks are read one after the other, each checked, up to the last whole
one. Of MCAP, what `log_writer` writes is taken and nothing else.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from neurograsp.edge_runtime.contract.errors import MissingExtra, ProtocolError, RecordingError
from neurograsp.edge_runtime.telemetry.messages import Message, Session, Topic, from_bytes

MAGIC = b"\x89MCAP0\r\n"
LIBRARY = "neurograsp"
"""How the header's library begins; the version follows."""

MAX_RECORD = 2**24
"""Of a record in the file, and of a chunk's content; the writer makes 1 MiB and one message of it."""

MAX_TAIL = MAX_RECORD
"""A power cut may spoil what was not on the disk yet, no more. Damage before that is no such cut."""

_HEADER, _FOOTER, _CHANNEL, _MESSAGE, _CHUNK = 0x01, 0x02, 0x04, 0x05, 0x06
_RECORD = struct.Struct("<BQ")
_CHUNK_HEAD = struct.Struct("<QQQI")
_MESSAGE_HEAD = struct.Struct("<HIQQ")
_LENGTH, _LONG, _SHORTS = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<HH")


def read_log(path: Path) -> Iterator[Message]:
    """See `SessionLog`."""
    return iter(SessionLog(path))


class SessionLog:
    """The messages of a session log, in the order in which they came; the `Session` is the first.

    Args:
        path: of the file.

    Attributes:
        session: of the run.
        cut: after the last message, why the file ends early, for people; None where it is whole, and before.

    Raises:
        RecordingError: there is no such file, it is none of these, or of a newer version; while reading, it
            is damaged before its end, or holds what no run writes.
        MissingExtra: zstandard is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut: str | None = None
        first = next(self._messages(), None)
        if first is None:
            raise RecordingError(f"{path}: cut off before its first message ({self.cut})")
        if not isinstance(first, Session):
            raise RecordingError(f"{path}: does not begin with a session: no log of `run --log`")
        self.session = first

    def __iter__(self) -> Iterator[Message]:
        return self._messages()

    def _messages(self) -> Iterator[Message]:
        self.cut = None
        topics: dict[int, Topic] = {}
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                finished = file.seek(max(0, size - len(MAGIC))) and file.read() == MAGIC
                file.seek(0)
                try:
                    for at, chunk in self._chunks(file):
                        yield from self._unpacked(at, chunk, topics)
                except _Damaged as damage:
                    if finished or size - damage.at > MAX_TAIL:
                        raise RecordingError(
                            f"{self.path}: damaged at byte {damage.at} ({damage})"
                        ) from damage
                    self.cut = f"damaged at byte {damage.at} ({damage}), the last {size - damage.at}"
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be read ({error.strerror})") from error

    def _chunks(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Place and content of each up to the footer, or the end of the file: then with `cut`."""
        magic = file.read(len(MAGIC))
        if not MAGIC.startswith(magic):
            raise RecordingError(f"{self.path}: no MCAP file")
        if magic != MAGIC:
            self.cut = f"cut off at byte {len(magic)}"
            return
        first, kind = True, 0
        while kind != _FOOTER:
            at = file.tell()
            head = file.read(_RECORD.size)
            kind, length = _RECORD.unpack(head) if len(head) == _RECORD.size else (_FOOTER, 0)
            if kind == 0 or length > MAX_RECORD:
                raise _Damaged(at, f"a record of kind {kind}, {length} bytes")
            content = file.read(length)
            if len(head) < _RECORD.size or len(content) < length:
                self.cut = f"cut off at byte {at + len(head) + len(content)}"
                return
            if first and (kind != _HEADER or not _library(content).startswith(LIBRARY)):
                raise RecordingError(f"{self.path}: an MCAP file, but no log of `run --log`")
            first = False
            if kind == _CHUNK:
                yield at, content

    def _unpacked(self, at: int, chunk: bytes, topics: dict[int, Topic]) -> Iterator[Message]:
        try:
            records = _unpack(chunk)
        except (ValueError, struct.error) as error:
            raise _Damaged(at, f"a chunk {error}") from error
        try:
            yield from _messages_in(records, topics)
        except (ProtocolError, struct.error) as error:
            raise RecordingError(f"{self.path}: in the chunk at byte {at}: {error}") from error


class _Damaged(Exception):
    """What is in the file from byte `at` on is not what was written."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at


def _library(content: bytes) -> str:
    """Of a header record; "" of one that is none."""
    try:
        _profile, at = _text(content, 0)
        return _text(content, at)[0]
    except struct.error:
        return ""


def _text(content: bytes, at: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(content, at)
    begin, end = at + _LENGTH.size, at + _LENGTH.size + length
    if end > len(content):
        raise struct.error("a text that does not end")
    return content[begin:end].decode(errors="replace"), end


def _unpack(chunk: bytes) -> bytes:
    """The records in a chunk. Raises ValueError or struct.error when it is not whole."""
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtra("zstandard", "recorder") from error

    _begin, _end, size, crc = _CHUNK_HEAD.unpack_from(chunk)
    compression, at = _text(chunk, _CHUNK_HEAD.size)
    (length,) = _LONG.unpack_from(chunk, at)
    packed = chunk[at + _LONG.size :]
    if compression != "zstd" or length != len(packed) or size > MAX_RECORD:
        raise ValueError(f"with {length} bytes of {compression[:20]!r} for {size}")
    try:
        if zstandard.get_frame_parameters(packed).content_size != size:
            raise ValueError("of another size than it says")
        unpacked = zstandard.decompress(packed, size)
    except zstandard.ZstdError as error:
        raise ValueError(f"that cannot be unpacked: {error}") from error
    if zlib.crc32(unpacked) != crc:
        raise ValueError("whose check does not fit")
    return unpacked


def _messages_in(records: bytes, topics: dict[int, Topic]) -> Iterator[Message]:
    """Takes in channels, and yields messages."""
    at = 0
    while at < len(records):
        kind, length = _RECORD.unpack_from(records, at)
        begin = at + _RECORD.size
        at = begin + length
        if at > len(records):
            raise ProtocolError("a record that does not end with its chunk")
        content = records[begin:at]
        if kind == _CHANNEL:
            number, _schema = _SHORTS.unpack_from(content)
            name, _ = _text(content, _SHORTS.size)
            if name not in list(Topic):
                raise ProtocolError(f"a topic {name[:40]!r}, which no run has")
            topics[number] = Topic(name)
        elif kind == _MESSAGE:
            number, *_ = _MESSAGE_HEAD.unpack_from(content)
            if number not in topics:
                raise ProtocolError(f"a message on channel {number}, which was not described")
            yield from_bytes(topics[number], content[_MESSAGE_HEAD.size :])
