"""Packets of Hiwonder's LX servos, for people."""

from neurograsp.firmware_bridge.hands.lx16a import commands
from neurograsp.firmware_bridge.hands.lx16a.commands import WRITES, Command
from neurograsp.firmware_bridge.hands.lx16a.packets import HEADER
from neurograsp.firmware_bridge.hands.packets import inverted_sum
from neurograsp.firmware_bridge.sniff.pieces import MORE, Found, Meaning, Side
from neurograsp.firmware_bridge.sniff.words import hexed

_ALL = 254
_LENGTHS = range(3, 11)
_COMMANDS = {
    value.number: (name, value) for name, value in vars(commands).items() if isinstance(value, Command)
}
_WRITTEN = {command.number for command in WRITES}


class Lx16aReader:
    """See `Reader`. A question has no parameters, and its answer the same command with some."""

    def find(self, data: bytes, side: Side) -> Found | None:
        """By header and length."""
        if not data.startswith(HEADER[: len(data)]):
            return None
        if len(data) < 4:
            return MORE
        if data[2] > _ALL or data[3] not in _LENGTHS:
            return None
        size = data[3] + 3
        if len(data) < size:
            return MORE
        return Found(size, inverted_sum(data[2 : size - 1]) == data[size - 1])

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """What is asked, written or answered."""
        servo, number, parameters = packet[2], packet[4], packet[5:-1]
        name, command = _COMMANDS.get(number, (f"command {number}", None))
        who = "all" if servo == _ALL else f"servo {servo}"
        numbers = _numbers(command, parameters)
        said = f"{who}: {name.lower()} {numbers}".rstrip()
        if side is not Side.EITHER:
            return Meaning(said, side)
        if not parameters or number in _WRITTEN:
            return Meaning(said, Side.HOST)
        return Meaning(said, Side.EITHER if command is None else Side.DEVICE)


def _numbers(command: Command | None, parameters: bytes) -> str:
    if command is None or len(parameters) != command.size:
        return hexed(parameters)
    if command is commands.MODE_READ:
        return f"{parameters[0]}, speed {int.from_bytes(parameters[2:], 'little', signed=True)}"
    width = 1 if command.size == 1 else 2
    signed = command is commands.POSITION_READ
    return " ".join(
        str(int.from_bytes(parameters[at : at + width], "little", signed=signed))
        for at in range(0, len(parameters), width)
    )
