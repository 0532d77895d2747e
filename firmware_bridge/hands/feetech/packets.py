"""Feetech's packets: FF FF, id, length, instruction or error, parameters, checksum. I/O-free.

Source: Feetech, "Communication protocol user manual"; as Dynamixel protocol 1.0.
"""

from collections.abc import Mapping

from neurograsp.firmware_bridge.hands.feetech.registers import Register
from neurograsp.firmware_bridge.hands.packets import PacketParser, inverted_sum
from neurograsp.firmware_bridge.hands.servo_bus import ServoAnswer

HEADER = b"\xff\xff"
BROADCAST = 0xFE
PING, READ, WRITE, SYNC_WRITE = 1, 2, 3, 0x83
MAX_PARAMETERS = 64
"""Of an answer; a servo has 87 bytes of memory, and 31 of them are read in one go."""


def encode(servo: int, instruction: int, parameters: bytes = b"") -> bytes:
    """One packet to a servo, or to all (`BROADCAST`)."""
    body = bytes((servo, len(parameters) + 2, instruction)) + parameters
    return HEADER + body + bytes((inverted_sum(body),))


def read(servo: int, first: Register, size: int) -> bytes:
    """Ask for `size` bytes from `first` on."""
    return encode(servo, READ, bytes((first.address, size)))


def sync_write(first: Register, values: Mapping[int, bytes]) -> bytes:
    """Write to several servos at once, the same number of bytes each; nobody answers."""
    (size,) = {len(value) for value in values.values()}
    rest = b"".join(bytes((servo,)) + value for servo, value in values.items())
    return encode(BROADCAST, SYNC_WRITE, bytes((first.address, size)) + rest)


class StatusParser(PacketParser[ServoAnswer]):
    """Bytes to answers, whose errors are bits of `registers.STATUS_BITS`."""

    HEADER = HEADER
    HEAD = 4

    def _size(self, head: bytes) -> int | None:
        servo, length = head[2], head[3]
        return length + 4 if servo < BROADCAST and 2 <= length <= MAX_PARAMETERS + 2 else None

    def _answer(self, packet: bytes) -> ServoAnswer | None:
        if inverted_sum(packet[2:-1]) != packet[-1]:
            return None
        return ServoAnswer(packet[2], packet[4], packet[5:-1])
