"""Packets in a stream of bytes: a header, a size that its first bytes tell, a check over it all. I/O-free."""

from collections.abc import Iterator
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


def inverted_sum(body: bytes) -> int:
    """The check of Feetech's and Hiwonder's packets: over all between header and check."""
    return ~sum(body) & 0xFF


class PacketParser(Generic[Answer]):
    """Bytes to answers; memory is bounded by the largest size that `_size` allows.

    Attributes:
        broken: packets with a wrong check or size, and bytes between packets.
    """

    HEADER: bytes
    HEAD: int
    """Bytes that tell the size, the header among them."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.broken = 0

    def _size(self, head: bytes) -> int | None:
        """Of the whole packet; None where it cannot be one."""
        raise NotImplementedError

    def _answer(self, packet: bytes) -> Answer | None:
        """What a whole packet says; None where its check is wrong."""
        raise NotImplementedError

    @property
    def begun(self) -> bool:
        """Part of a packet has come, and not all of it."""
        return self._buffer.startswith(self.HEADER)

    def feed(self, data: bytes) -> Iterator[Answer]:
        """The answers that `data` completes."""
        self._buffer += data
        while (start := self._buffer.find(self.HEADER)) >= 0:
            self._drop(start)
            if len(self._buffer) < self.HEAD:
                return
            size = self._size(bytes(self._buffer[: self.HEAD]))
            if size is not None and len(self._buffer) < size:
                return
            answer = None if size is None else self._answer(bytes(self._buffer[:size]))
            if size is None or answer is None:
                self._drop(1)
                continue
            del self._buffer[:size]
            yield answer
        kept = next(size for size in range(len(self.HEADER) - 1, -1, -1) if self._ends_with(size))
        self._drop(len(self._buffer) - kept)

    def forget(self) -> None:
        """Drop half a packet that will never be completed."""
        self._buffer.clear()

    def _ends_with(self, size: int) -> bool:
        """The last bytes may be the beginning of a header."""
        return self._buffer.endswith(self.HEADER[:size])

    def _drop(self, count: int) -> None:
        if count > 0:
            self.broken += 1
            del self._buffer[:count]
