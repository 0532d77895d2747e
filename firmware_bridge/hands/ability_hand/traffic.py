"""Frames of PSYONIC's hand, for people."""

import struct

from neurograsp.firmware_bridge.hands.ability_hand.packets import (
    CURRENT,
    FLAG,
    FULL_SCALE,
    FULL_SCALE_COUNTS,
    JOINTS,
    POSITION,
    READ_ONLY,
    unstuffed,
)
from neurograsp.firmware_bridge.sniff.pieces import Found, Meaning, Side
from neurograsp.firmware_bridge.sniff.words import delimited, hexed

_LONGEST = 2 * 72
"""The longest answer that the ICD has, every byte stuffed."""
_KINDS = {POSITION: "positions", 0x20: "speeds", CURRENT: "currents", 0x40: "duties", READ_ONLY: "read only"}
_GRIP = 0x1D
_COMMAND = 2 + 2 * JOINTS + 1
_ANSWER = struct.Struct(f"<B{2 * JOINTS}h{JOINTS}hBB")
_SHORT_ANSWER = 39
_SHORTEST = 3


class AbilityHandReader:
    """See `Reader`."""

    def find(self, data: bytes, side: Side) -> Found | None:
        """Between flags."""
        return delimited(data, FLAG, _LONGEST, _sound)

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """What is told or answered; positions in degrees."""
        body = unstuffed(packet.strip(bytes((FLAG,))))
        if len(body) in (_ANSWER.size, _SHORT_ANSWER):
            return Meaning(_answer(body), Side.DEVICE)
        if side is Side.DEVICE:
            return Meaning(f"answers {hexed(body[:-1])}", side)
        return Meaning(f"hand {body[0]:#04x}: {_command(body)}", Side.HOST)


def _sound(stuffed: bytes) -> bool:
    body = unstuffed(stuffed)
    return len(body) >= _SHORTEST and sum(body) & 0xFF == 0


def _command(body: bytes) -> str:
    header, data = body[1], body[2:-1]
    kind = header & 0xF0
    if header == _GRIP and len(data) == 2:
        return f"grip {data[0]}, speed {data[1]}"
    if kind not in _KINDS:
        return f"command {header:#04x} {hexed(data)}".rstrip()
    said = f"{_KINDS[kind]} (answer {(header & 0x0F) + 1})"
    if len(body) != _COMMAND:
        return f"{said} {hexed(data)}".rstrip()
    values = struct.unpack(f"<{JOINTS}h", data)
    return f"{said} {_degrees(values) if kind == POSITION else ' '.join(map(str, values))}"


def _answer(body: bytes) -> str:
    if len(body) != _ANSWER.size:
        return f"answer {body[0]:#04x} {hexed(body[1:-1])}"
    _, *values, status, _ = _ANSWER.unpack(body)
    positions, currents, speeds = values[: 2 * JOINTS : 2], values[1 : 2 * JOINTS : 2], values[2 * JOINTS :]
    return (
        f"positions {_degrees(positions)}, currents {' '.join(map(str, currents))}, "
        f"speeds {' '.join(map(str, speeds))}, status {status:#04x}"
    )


def _degrees(values: "tuple[int, ...] | list[int]") -> str:
    return " ".join(f"{value * FULL_SCALE_COUNTS / FULL_SCALE / 100:.1f}" for value in values)
