"""Packets of Inspire's hands, for people."""

from neurograsp.firmware_bridge.hands.inspire import registers
from neurograsp.firmware_bridge.hands.inspire.packets import ANSWER, DONE, READ, REQUEST, WRITE, checksum
from neurograsp.firmware_bridge.hands.inspire.packets import values as values_of
from neurograsp.firmware_bridge.hands.inspire.registers import Register
from neurograsp.firmware_bridge.sniff.pieces import MORE, Found, Meaning, Side
from neurograsp.firmware_bridge.sniff.words import hexed

_REGISTERS = {
    value.address: (name.lower(), value)
    for name, value in vars(registers).items()
    if isinstance(value, Register)
}
_SHORTEST = 3
"""Command and address."""


class InspireReader:
    """See `Reader`."""

    def find(self, data: bytes, side: Side) -> Found | None:
        """By header and length."""
        if not any(data.startswith(header[: len(data)]) for header in (REQUEST, ANSWER)):
            return None
        if len(data) < 4:
            return MORE
        if data[3] < _SHORTEST:
            return None
        size = data[3] + 5
        if len(data) < size:
            return MORE
        return Found(size, checksum(data[2 : size - 1]) == data[size - 1])

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """What is asked, written or answered."""
        said_by = Side.HOST if packet.startswith(REQUEST) else Side.DEVICE
        command, address, data = packet[4], int.from_bytes(packet[5:7], "little"), packet[7:-1]
        name, register = _REGISTERS.get(address, (f"@{address}", None))
        if command == READ and said_by is Side.HOST:
            said = f"read {data[0] if data else 0} bytes of {name}"
        elif command == WRITE and said_by is Side.DEVICE:
            said = f"{name} {'written' if data[:1] == bytes((DONE,)) else f'refused ({hexed(data)})'}"
        elif command in (READ, WRITE):
            said = f"{'write ' if command == WRITE else ''}{name} {_numbers(register, data)}"
        else:
            said = f"command {command:#04x} at {name} {hexed(data)}".rstrip()
        return Meaning(f"hand {packet[2]}: {said}", said_by)


def _numbers(register: Register | None, data: bytes) -> str:
    if register is None or len(data) != register.length:
        return hexed(data)
    return " ".join(map(str, values_of(register, data)))
