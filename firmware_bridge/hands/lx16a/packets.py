"""Packets of Hiwonder's LX servos: 55 55, id, length, command, parameters, checksum. I/O-free.

Source: LewanSoul/Hiwonder, "LX-16A Bus Servo Communication Protocol".
"""

from neurograsp.firmware_bridge.hands.lx16a.commands import WRITES, Command
from neurograsp.firmware_bridge.hands.packets import PacketParser, inverted_sum
from neurograsp.firmware_bridge.hands.servo_bus import Question, ServoAnswer

HEADER = b"\x55\x55"
LAST_ID = 253
_LENGTHS = range(3, 8)
"""Of command, parameters, checksum and the length itself."""


def encode(servo: int, command: Command, parameters: bytes = b"") -> bytes:
    """One packet to a servo."""
    body = bytes((servo, len(parameters) + 3, command.number)) + parameters
    return HEADER + body + bytes((inverted_sum(body),))


def write(servo: int, command: Command, *values: int) -> bytes:
    """Values to a servo, each of the same size; nobody answers.

    Raises:
        ValueError: not a command whose effect ends with the power.
    """
    if command not in WRITES:
        raise ValueError(f"command {command.number} is not one to write")
    size = command.size // len(values)
    return encode(servo, command, b"".join(value.to_bytes(size, "little") for value in values))


def question(servo: int, command: Command) -> Question:
    """Ask a servo; its answer begins with the command's number."""
    return Question(encode(servo, command), command.size + 1, bytes((command.number,)))


class AnswerParser(PacketParser[ServoAnswer]):
    """Bytes to answers, whose parameters begin with the command that was asked; there is no error byte."""

    HEADER = HEADER
    HEAD = 4

    def _size(self, head: bytes) -> int | None:
        servo, length = head[2], head[3]
        return length + 3 if servo <= LAST_ID and length in _LENGTHS else None

    def _answer(self, packet: bytes) -> ServoAnswer | None:
        if inverted_sum(packet[2:-1]) != packet[-1]:
            return None
        return ServoAnswer(packet[2], 0, packet[4:-1])
