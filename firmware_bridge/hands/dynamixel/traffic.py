"""Dynamixel packets of protocol 2.0, for people."""

import struct

from neurograsp.firmware_bridge.hands.dynamixel import registers
from neurograsp.firmware_bridge.hands.dynamixel.packets import (
    BROADCAST,
    HEADER,
    READ,
    STATUS,
    SYNC_WRITE,
    WRITE,
    crc16,
    unstuffed,
)
from neurograsp.firmware_bridge.hands.dynamixel.registers import Register
from neurograsp.firmware_bridge.sniff.pieces import MORE, Found, Meaning, Side
from neurograsp.firmware_bridge.sniff.words import hexed, memory, names_in

_INSTRUCTIONS = {1: "ping", READ: "read", WRITE: "write", 4: "write later", 5: "act", 8: "reboot"}
_ERRORS = {1: "failed", 2: "unknown instruction", 3: "wrong CRC", 4: "out of range", 5: "wrong length"}
_ERRORS |= {6: "beyond a limit", 7: "access refused"}
_HARDWARE = 0x80
_LONGEST = 1024
"""A bus may be told so much at once; what claims to be longer is none of these packets."""
_NAMES = names_in(vars(registers), Register)


class DynamixelReader:
    """See `Reader`."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[int, int]] = {}

    def find(self, data: bytes, side: Side) -> Found | None:
        """By header and length."""
        if not data.startswith(HEADER[: len(data)]):
            return None
        if len(data) < 7:
            return MORE
        size = int.from_bytes(data[5:7], "little") + 7
        if not 10 <= size <= _LONGEST:
            return None
        if len(data) < size:
            return MORE
        return Found(size, crc16(data[: size - 2]) == int.from_bytes(data[size - 2 : size], "little"))

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """What is asked, written or answered."""
        servo, body = packet[4], unstuffed(packet[7:-2])
        code, parameters = body[0], body[1:]
        if code == STATUS:
            return Meaning(f"servo {servo}: {self._answer(servo, parameters)}", Side.DEVICE)
        who = "all" if servo == BROADCAST else f"servo {servo}"
        return Meaning(f"{who}: {self._request(servo, code, parameters)}", Side.HOST)

    def _request(self, servo: int, code: int, parameters: bytes) -> str:
        self._read.pop(servo, None)
        if code == SYNC_WRITE and len(parameters) > 4:
            address, size = struct.unpack_from("<HH", parameters)
            rest = parameters[4:]
            return "write " + "; ".join(
                f"servo {rest[at]} {memory(address, rest[at + 1 : at + 1 + size], _NAMES, 'little')}"
                for at in range(0, len(rest), size + 1)
            )
        if code in (WRITE, 4) and len(parameters) > 2:
            (address,) = struct.unpack_from("<H", parameters)
            return f"{_INSTRUCTIONS[code]} {memory(address, parameters[2:], _NAMES, 'little')}"
        if code == READ and len(parameters) == 4:
            address, size = self._read[servo] = struct.unpack("<HH", parameters)
            name, _ = _NAMES.get(address, (f"@{address}", 0))
            return f"read {size} bytes from {name}"
        return f"{_INSTRUCTIONS.get(code, f'instruction {code:#04x}')} {hexed(parameters)}".rstrip()

    def _answer(self, servo: int, parameters: bytes) -> str:
        error, data = parameters[0] if parameters else 0, parameters[1:]
        said = ""
        if error & ~_HARDWARE:
            said += f", {_ERRORS.get(error & ~_HARDWARE, f'error {error:#04x}')}"
        if error & _HARDWARE:
            said += ", hardware error"
        if not data:
            return f"done{said}" if not error & ~_HARDWARE else f"refuses{said}"
        address, size = self._read.get(servo, (0, 0))
        if size == len(data):
            return memory(address, data, _NAMES, "little") + said
        return f"answers {hexed(data)}{said}"
