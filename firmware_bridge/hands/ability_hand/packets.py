"""PSYONIC's frames on UART or RS-485: between flags, stuffed as PPP does it, with a checksum. I/O-free.

Source: PSYONIC, "Ability Hand ICD" (github.com/psyonicinc/ability-hand-api), extended API. To the hand:
address, header, six times 16 bits; from it: header and values, without an address.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FLAG, ESCAPE, MASK = 0x7E, 0x7D, 0x20
ADDRESS = 0x50
"""As PSYONIC delivers them."""
JOINTS = 6
FULL_SCALE = 32_767
FULL_SCALE_COUNTS = 15_000
"""A full scale is 150 degrees; a count of ours a hundredth of a degree."""

POSITION, CURRENT, READ_ONLY = 0x10, 0x30, 0xA0
_VARIANT_3 = 2
"""Answers hold position, current and speed of every joint."""
_REPLY = struct.Struct("<B12h6hBB")
_HEADERS = {header + _VARIANT_3 for header in (POSITION, CURRENT, READ_ONLY)}
_LONGEST = 2 * _REPLY.size
"""Every byte stuffed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Attributes:
    positions: of the joints in the hand's order, counts.
    status: a bit for each joint; "hot/cold status" in the ICD, a collision to PSYONIC's Python package.
    """

    positions: tuple[int, ...]
    status: int


def checksum(body: bytes) -> int:
    """Of all that comes before it: the sum with it is zero."""
    return -sum(body) & 0xFF


def stuff(body: bytes) -> bytes:
    """A frame of what has its checksum already."""
    escaped = body.replace(bytes((ESCAPE,)), bytes((ESCAPE, ESCAPE ^ MASK)))
    escaped = escaped.replace(bytes((FLAG,)), bytes((ESCAPE, FLAG ^ MASK)))
    return bytes((FLAG,)) + escaped + bytes((FLAG,))


def positions(address: int, counts: Sequence[int]) -> bytes:
    """Goals of all joints, at most a full scale each."""
    return _command(address, POSITION, [int(count * FULL_SCALE / FULL_SCALE_COUNTS) for count in counts])


def no_torque(address: int) -> bytes:
    """No current through any motor."""
    return _command(address, CURRENT, [0] * JOINTS)


def read_only(address: int) -> bytes:
    """Ask how it stands; neither begins nor ends its API mode."""
    return _frame(bytes((address, READ_ONLY + _VARIANT_3)))


def _command(address: int, header: int, values: Sequence[int]) -> bytes:
    return _frame(struct.pack(f"<BB{JOINTS}h", address, header + _VARIANT_3, *values))


def _frame(body: bytes) -> bytes:
    return stuff(body + bytes((checksum(body),)))


class ReplyParser:
    """Bytes to replies.

    Attributes:
        broken: frames of another size, kind or checksum, and bytes that were in none.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._flagged = False
        self.broken = 0

    @property
    def begun(self) -> bool:
        """Part of a frame has come, and not all of it."""
        return self._flagged and bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Reply]:
        """The replies that `data` completes."""
        self._buffer += data
        while (end := self._buffer.find(FLAG)) >= 0:
            inside = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._flagged = True
            reply = _reply(inside)
            if reply is not None:
                yield reply
            elif inside.strip(b"\0"):  # some RS-485 adapters put zeros between frames
                self.broken += 1
        if len(self._buffer) > _LONGEST:
            self.broken += 1
            self.forget()

    def forget(self) -> None:
        """Drop half a frame that will never be completed."""
        self._buffer.clear()
        self._flagged = False


def _reply(stuffed: bytes) -> Reply | None:
    body = unstuffed(stuffed)
    if len(body) != _REPLY.size or body[0] not in _HEADERS or sum(body) & 0xFF:
        return None
    _, *values, status, _ = _REPLY.unpack(body)
    raw = values[: 2 * JOINTS : 2]
    return Reply(tuple(round(value * FULL_SCALE_COUNTS / FULL_SCALE) for value in raw), status)


def unstuffed(stuffed: bytes) -> bytes:
    """What was in a frame, between its flags."""
    body = bytearray()
    masked = False
    for byte in stuffed:
        if byte == ESCAPE:
            masked = True
        else:
            body.append(byte ^ MASK if masked else byte)
            masked = False
    return bytes(body)
