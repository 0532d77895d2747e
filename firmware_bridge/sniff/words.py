"""What readers share: framing between marks, and memory as names and numbers."""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from neurograsp.firmware_bridge.sniff.pieces import MORE, Found

Names = Mapping[int, tuple[str, int]]
"""By address: a register's name and its size in bytes."""


def hexed(data: bytes) -> str:
    """As people write it: `7e 50 a2`."""
    return data.hex(" ")


class Register(Protocol):
    """What all tables of registers have."""

    @property
    def address(self) -> int:
        """Of its first byte."""

    @property
    def size(self) -> int:
        """In bytes."""


def names_in(table: Mapping[str, object], kind: type[Register]) -> dict[int, tuple[str, int]]:
    """The registers of a table, a module's `vars`, which are its constants of class `kind`: by address."""
    return {
        value.address: (name.lower(), value.size) for name, value in table.items() if isinstance(value, kind)
    }


def memory(address: int, data: bytes, names: Names, order: Literal["little", "big"]) -> str:
    """A stretch of memory: known registers as numbers, all else as bytes by address."""
    said = []
    unnamed_from = at = 0
    while at < len(data):
        name, size = names.get(address + at, ("", 0))
        if not name or at + size > len(data):
            at += 1
            continue
        said += _unnamed(address, data, unnamed_from, at)
        said.append(f"{name} {int.from_bytes(data[at : at + size], order)}")
        at += size
        unnamed_from = at
    return ", ".join(said + _unnamed(address, data, unnamed_from, len(data)))


def _unnamed(address: int, data: bytes, start: int, end: int) -> list[str]:
    return [f"@{address + start}: {hexed(data[start:end])}"] if end > start else []


def delimited(data: bytes, mark: int, longest: int, sound: Callable[[bytes], bool]) -> Found | None:
    """A packet between two marks, or after one that ended the packet before it.

    Args:
        data: to begin with.
        mark: the byte.
        longest: what lies between them.
        sound: whether that is a packet with a right checksum.
    """
    start = int(data[0] == mark)
    end = data.find(mark, start, start + longest + 1)
    if end < 0:
        return MORE if len(data) <= start + longest else None
    if end == start:
        return None
    if sound(data[start:end]):
        return Found(end + 1, True)
    return Found(end + 1, False) if start else None
