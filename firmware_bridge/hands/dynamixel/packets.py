"""Dynamixel protocol 2.0: FF FF FD 00, id, length, instruction, parameters with stuffing, CRC-16. I/O-free.

Source: ROBOTIS e-Manual, "DYNAMIXEL Protocol 2.0".
"""

import struct
from collections.abc import Mapping

from neurograsp.firmware_bridge.hands.dynamixel.registers import Register
from neurograsp.firmware_bridge.hands.packets import PacketParser
from neurograsp.firmware_bridge.hands.servo_bus import ServoAnswer

HEADER = b"\xff\xff\xfd\x00"
BROADCAST = 0xFE
READ, WRITE, STATUS, SYNC_WRITE = 2, 3, 0x55, 0x83
MAX_LENGTH = 128
"""Of an answer; what is read in one go has 83 bytes, stuffed a third longer at most."""

_STUFFED = b"\xff\xff\xfd"


def _entry(crc: int) -> int:
    for _ in range(8):
        crc = crc << 1 ^ (0x8005 if crc & 0x8000 else 0)
    return crc & 0xFFFF


_TABLE = [_entry(byte << 8) for byte in range(256)]


def crc16(data: bytes) -> int:
    """CRC-16 with polynomial 0x8005, start 0, not reflected (CRC-16/UMTS)."""
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _TABLE[crc >> 8 ^ byte]
    return crc


def encode(servo: int, instruction: int, parameters: bytes = b"") -> bytes:
    """One packet to a servo, or to all (`BROADCAST`)."""
    body = (bytes((instruction,)) + parameters).replace(_STUFFED, _STUFFED + b"\xfd")
    packet = HEADER + struct.pack("<BH", servo, len(body) + 2) + body
    return packet + struct.pack("<H", crc16(packet))


def unstuffed(body: bytes) -> bytes:
    """Instruction and parameters, without what keeps headers out of them."""
    return body.replace(_STUFFED + b"\xfd", _STUFFED)


def read(servo: int, first: Register, size: int) -> bytes:
    """Ask for `size` bytes from `first` on."""
    return encode(servo, READ, struct.pack("<HH", first.address, size))


def sync_write(first: Register, values: Mapping[int, bytes]) -> bytes:
    """Write to several servos at once, the same number of bytes each; nobody answers."""
    (size,) = {len(value) for value in values.values()}
    rest = b"".join(bytes((servo,)) + value for servo, value in values.items())
    return encode(BROADCAST, SYNC_WRITE, struct.pack("<HH", first.address, size) + rest)


class StatusParser(PacketParser[ServoAnswer]):
    """Bytes to answers: their error is that of the packet, with bit 7 for a hardware error."""

    HEADER = HEADER
    HEAD = 7

    def _size(self, head: bytes) -> int | None:
        length = int.from_bytes(head[5:7], "little")
        return length + 7 if 4 <= length <= MAX_LENGTH else None

    def _answer(self, packet: bytes) -> ServoAnswer | None:
        body = unstuffed(packet[7:-2])
        if int.from_bytes(packet[-2:], "little") != crc16(packet[:-2]) or body[0] != STATUS:
            return None
        return ServoAnswer(packet[4], body[1], body[2:])
