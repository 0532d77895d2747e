"""Firmata's messages, for people."""

from neurograsp.firmware_bridge.hands.firmata.messages import (
    ANALOG,
    CAPABILITY_QUERY,
    END_SYSEX,
    EXTENDED_ANALOG,
    FIRMWARE,
    PIN_MODE,
    SERVO_CONFIG,
    START_SYSEX,
    STATE_QUERY,
    VERSION,
)
from neurograsp.firmware_bridge.hands.firmata.packets import (
    MAX_SYSEX,
    Capabilities,
    Firmware,
    PinState,
    Text,
    number,
    size_of,
    told,
)
from neurograsp.firmware_bridge.sniff.pieces import MORE, Found, Meaning, Side
from neurograsp.firmware_bridge.sniff.words import hexed

_MODES = {0: "input", 1: "output", 2: "analog", 3: "PWM", 4: "servo", 11: "input with pull-up"}


class FirmataReader:
    """See `Reader`. Nothing has a checksum: only what is cut, or has a byte that cannot be, shows."""

    def find(self, data: bytes, side: Side) -> Found | None:
        """By command; a longer message by its marks."""
        first, longest = data[0], MAX_SYSEX
        size = 3 if first == PIN_MODE else size_of(first)
        if size is not None:
            longest = size
        elif first != START_SYSEX:
            return None
        for at, byte in enumerate(data[1:longest], start=1):
            if byte & 0x80:
                return Found(at + 1, True) if size is None and byte == END_SYSEX and at > 1 else None
        if len(data) < longest:
            return MORE
        return None if size is None else Found(size, True)

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """What is asked, written or told."""
        if packet[0] == START_SYSEX:
            text, by = _sysex(packet[1:-1])
        elif packet[0] & 0xF0 == ANALOG and side is not Side.DEVICE:
            text, by = f"pin {packet[0] & 0x0F}: pulse {number(packet[1:])} us", Side.HOST
        elif packet[0] == PIN_MODE:
            text, by = f"pin {packet[1]}: {_MODES.get(packet[2], f'mode {packet[2]}')}", Side.HOST
        elif packet[0] == VERSION:
            text, by = f"protocol {packet[1]}.{packet[2]}", Side.DEVICE
        else:
            text, by = hexed(packet), Side.EITHER
        return Meaning(text, by if side is Side.EITHER else side)


def _sysex(body: bytes) -> tuple[str, Side]:
    command, values = body[0], body[1:]
    if not values and command in (FIRMWARE, CAPABILITY_QUERY):
        return "which firmware?" if command == FIRMWARE else "which pins can do what?", Side.HOST
    if command == STATE_QUERY and len(values) == 1:
        return f"pin {values[0]}: what was it told?", Side.HOST
    if command == EXTENDED_ANALOG and values:
        return f"pin {values[0]}: pulse {number(values[1:])} us", Side.HOST
    if command == SERVO_CONFIG and len(values) == 5:
        return f"pin {values[0]}: servo, {number(values[1:3])} to {number(values[3:5])} us", Side.HOST
    match told(body):
        case Firmware(name, version):
            return f"{name} {version[0]}.{version[1]}", Side.DEVICE
        case Capabilities(pins):
            return f"servos on pins {', '.join(map(str, sorted(pins)))}", Side.DEVICE
        case PinState(pin, mode, value):
            return f"pin {pin}: {_MODES.get(mode, f'mode {mode}')}, told {value}", Side.DEVICE
        case Text(text):
            return f"says {text!r}", Side.DEVICE
    return f"{command:#04x} {hexed(values)}".rstrip(), Side.EITHER
