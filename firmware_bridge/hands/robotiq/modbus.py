"""The two requests of Modbus RTU that a gripper needs, and their replies. I/O-free.

Not pymodbus's codec, although that works without its client: its RTU framer drops a good reply that follows a
broken one, waits for as many bytes as the other side likes to announce, and its names change between minor
versions. The tests compare every byte with it.

Source: Modbus application protocol V1.1b3 and Modbus over serial line V1.02.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

READ, READ_WRITE = 0x04, 0x17
_ERROR = 0x80
_ERROR_SIZE = 5
_OVERHEAD = 5
"""Of a reply: slave, function, number of bytes, CRC."""


def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first as on the line."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class Request:
    """Attributes:
    slave: its id.
    function: READ or READ_WRITE.
    body: what follows them.
    registers: how many it asks for.
    """

    slave: int
    function: int
    body: bytes
    registers: int

    def encode(self) -> bytes:
        """Bytes for the line."""
        frame = bytes((self.slave, self.function)) + self.body
        return frame + crc16(frame)


@dataclass(frozen=True, slots=True)
class Reply:
    """Attributes:
    data: of the registers, high byte first.
    error: the slave's exception code; 0 for none.
    """

    data: bytes
    error: int = 0


def read(slave: int, first: int, registers: int) -> Request:
    """Read input registers (function 4)."""
    return Request(slave, READ, _words((first, registers)), registers)


def read_write(slave: int, first: int, registers: int, to: int, values: Sequence[int]) -> Request:
    """Write `values` from register `to` on, then read (function 23)."""
    size = bytes((2 * len(values),))
    body = _words((first, registers, to, len(values))) + size + _words(values)
    return Request(slave, READ_WRITE, body, registers)


def _words(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


class ReplyParser:
    """Bytes to replies to the newest request; keeps less than one reply.

    Attributes:
        broken: how often there was something else.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._heads: dict[bytes, int] = {}
        self._in_noise = False
        self.broken = 0

    @property
    def begun(self) -> bool:
        """Part of a reply has come, and not all of it."""
        return bool(self._buffer)

    def expect(self, request: Request) -> None:
        """What comes now answers this."""
        size = 2 * request.registers
        self._heads = {
            bytes((request.slave, request.function, size)): _OVERHEAD + size,
            bytes((request.slave, request.function | _ERROR)): _ERROR_SIZE,
        }

    def feed(self, data: bytes) -> Iterator[Reply]:
        """The replies that `data` completes."""
        self._buffer += data
        while self._buffer:
            size = self._size()
            if size > len(self._buffer):
                return
            frame = bytes(self._buffer[:size])
            if size and crc16(frame[:-2]) == frame[-2:]:
                self._in_noise = False
                del self._buffer[:size]
                yield Reply(b"", frame[2]) if frame[1] & _ERROR else Reply(frame[3:-2])
            else:
                self.broken += not self._in_noise
                self._in_noise = True
                del self._buffer[0]

    def forget(self) -> None:
        """Drop half a reply that will never be completed."""
        self._buffer.clear()

    def _size(self) -> int:
        """Of the reply that the buffer begins with; 0: of none."""
        for head, size in self._heads.items():
            if head.startswith(self._buffer[: len(head)]):
                return size
        return 0
