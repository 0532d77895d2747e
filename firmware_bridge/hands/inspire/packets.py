"""Inspire's packets on RS-232 or RS-485: header, id, length, command, address, data, checksum. I/O-free.

Source: Inspire Robots, RH56DFX user manual (V1.09). An answer's header is the other way round.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from neurograsp.firmware_bridge.hands.inspire.registers import FIRST_RUNTIME, Register
from neurograsp.firmware_bridge.hands.packets import PacketParser

REQUEST, ANSWER = b"\xeb\x90", b"\x90\xeb"
READ, WRITE = 0x11, 0x12
DONE = 1
MAX_DATA = 64
"""Of an answer; 12 bytes are read in one go."""
_BEFORE_DATA = 3
"""Command and address, which the length counts."""


@dataclass(frozen=True, slots=True)
class HandAnswer:
    """Attributes:
    id: of the hand.
    command: READ or WRITE.
    address: of the register.
    data: what was read; of a write one byte, `DONE` where it was done.
    """

    id: int
    command: int
    address: int
    data: bytes


def checksum(body: bytes) -> int:
    """Of all between header and checksum."""
    return sum(body) & 0xFF


def read(hand: int, register: Register) -> bytes:
    """Ask for the values of all joints."""
    return _packet(hand, READ, register, bytes((register.length,)))


def write(hand: int, register: Register, values: Sequence[int]) -> bytes:
    """Set the values of all joints.

    Raises:
        ValueError: the register is in flash.
    """
    if register.address < FIRST_RUNTIME:
        raise ValueError(f"address {register.address} is in flash")
    data = b"".join(value.to_bytes(register.size, "little") for value in values)
    return _packet(hand, WRITE, register, data)


def values(register: Register, data: bytes) -> list[int]:
    """Of all joints; signed where they have two bytes."""
    return [
        int.from_bytes(data[at : at + register.size], "little", signed=register.size == 2)
        for at in range(0, register.length, register.size)
    ]


def _packet(hand: int, command: int, register: Register, data: bytes) -> bytes:
    body = bytes((hand, len(data) + _BEFORE_DATA, command)) + register.address.to_bytes(2, "little") + data
    return REQUEST + body + bytes((checksum(body),))


class AnswerParser(PacketParser[HandAnswer]):
    """Bytes to answers."""

    HEADER = ANSWER
    HEAD = 5

    def _size(self, head: bytes) -> int | None:
        length, command = head[3], head[4]
        fits = _BEFORE_DATA < length <= MAX_DATA + _BEFORE_DATA and command in (READ, WRITE)
        return length + 5 if fits else None

    def _answer(self, packet: bytes) -> HandAnswer | None:
        if checksum(packet[2:-1]) != packet[-1]:
            return None
        return HandAnswer(packet[2], packet[4], int.from_bytes(packet[5:7], "little"), packet[7:-1])
