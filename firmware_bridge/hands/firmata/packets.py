"""Firmata's messages: a command of eight bits, values of seven; longer ones from F0 to F7. I/O-free."""

from collections.abc import Iterator
from dataclasses import dataclass

from neurograsp.firmware_bridge.hands.firmata.messages import (
    ANALOG,
    CAPABILITIES,
    CAPABILITY_QUERY,
    DIGITAL,
    END_OF_PIN,
    END_SYSEX,
    EXTENDED_ANALOG,
    FIRMWARE,
    LAST_SHORT_PIN,
    MODE_OUTPUT,
    MODE_SERVO,
    PIN_MODE,
    REPORT_ANALOG,
    REPORT_DIGITAL,
    SERVO_CONFIG,
    START_SYSEX,
    STATE,
    STATE_QUERY,
    STRING,
    VERSION,
)

MAX_SYSEX = 2048
"""The longest is CAPABILITIES: up to 128 pins of 15 bytes."""
_SIZES = {ANALOG: 3, DIGITAL: 3, REPORT_ANALOG: 2, REPORT_DIGITAL: 2}
"""Of commands with a pin or port in the low half."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """Attributes:
    name: of the sketch, `StandardFirmata.ino`.
    version: major and minor, of the protocol.
    """

    name: str
    version: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Attributes:
    servo_pins: those that can drive a servo.
    """

    servo_pins: frozenset[int]


@dataclass(frozen=True, slots=True)
class PinState:
    """Attributes:
    pin: its number.
    mode: what it is used for.
    value: what was written to it last.
    """

    pin: int
    mode: int
    value: int


@dataclass(frozen=True, slots=True)
class Text:
    """What the board says in words, mostly an error."""

    text: str


Message = Firmware | Capabilities | PinState | Text


def _sysex(command: int, *values: int) -> bytes:
    return bytes((START_SYSEX, command, *values, END_SYSEX))


def _two(value: int) -> tuple[int, int]:
    return value & 0x7F, value >> 7


FIRMWARE_QUESTION = _sysex(FIRMWARE)
CAPABILITY_QUESTION = _sysex(CAPABILITY_QUERY)


def size_of(command: int) -> int | None:
    """Bytes of a message that is no longer one, as a board says it; None of what is no command."""
    return 3 if command == VERSION else _SIZES.get(command & 0xF0)


def state_question(pin: int) -> bytes:
    """Ask what a pin is used for, and what was written to it last."""
    return _sysex(STATE_QUERY, pin)


def attach(pin: int, low_us: int, high_us: int) -> bytes:
    """Let a pin drive a servo, from now on: with 1500 us until something is written."""
    return _sysex(SERVO_CONFIG, pin, *_two(low_us), *_two(high_us))


def write(pin: int, pulse_us: int) -> bytes:
    """A pulse for a pin that drives a servo; without effect on another."""
    if pin <= LAST_SHORT_PIN:
        return bytes((ANALOG | pin, *_two(pulse_us)))
    return _sysex(EXTENDED_ANALOG, pin, *_two(pulse_us))


def detach(pin: int) -> bytes:
    """No more pulses; the pin is kept low, since an open one may pick some up."""
    return bytes((PIN_MODE, pin, MODE_OUTPUT))


class MessageParser:
    """Bytes to messages; memory is bounded by `MAX_SYSEX`.

    Attributes:
        broken: bytes outside of messages, and messages that are cut or make no sense.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.broken = 0

    @property
    def begun(self) -> bool:
        """Part of a message has come, and not all of it."""
        return bool(self._buffer)

    def forget(self) -> None:
        """Drop half a message that will never be completed."""
        self._buffer.clear()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes; those that nobody asks for here are read over."""
        for byte in data:
            if byte & 0x80 and byte != END_SYSEX:
                self.broken += bool(self._buffer)
                self._buffer.clear()
            elif not self._buffer:
                self.broken += 1
                continue
            self._buffer.append(byte)
            if self._buffer[0] == START_SYSEX:
                if byte == END_SYSEX:
                    message = told(bytes(self._buffer[1:-1]))
                    self._buffer.clear()
                    self.broken += message is None
                    if message is not None:
                        yield message
                elif len(self._buffer) > MAX_SYSEX:
                    self._break()
            elif (size := size_of(self._buffer[0])) is None or byte == END_SYSEX:
                self._break()
            elif len(self._buffer) == size:
                self._buffer.clear()

    def _break(self) -> None:
        self.broken += 1
        self._buffer.clear()


def told(body: bytes) -> Message | None:
    """What the bytes between the marks of a longer message say; None of one that a board does not say."""
    command, values = (body[0], body[1:]) if body else (None, b"")
    if command == FIRMWARE and len(values) >= 2:
        return Firmware(_text(values[2:]), (values[0], values[1]))
    if command == CAPABILITIES:
        return Capabilities(_servo_pins(values))
    if command == STATE and len(values) >= 3:
        return PinState(values[0], values[1], number(values[2:5]))
    if command == STRING:
        return Text(_text(values))
    return None


def number(values: bytes) -> int:
    """Of seven bits a value, the low ones first."""
    return sum(seven << 7 * place for place, seven in enumerate(values))


def _text(pairs: bytes) -> str:
    """Characters of two values each."""
    codes = [low | high << 7 for low, high in zip(pairs[::2], pairs[1::2], strict=False)]
    return "".join(chr(code) if 0x20 <= code < 0x7F else "?" for code in codes[:80])


def _servo_pins(values: bytes) -> frozenset[int]:
    """Of each pin pairs of mode and resolution, and `END_OF_PIN`."""
    found, pin, at = set(), 0, 0
    while at < len(values):
        if values[at] == END_OF_PIN:
            pin, at = pin + 1, at + 1
            continue
        if values[at] == MODE_SERVO:
            found.add(pin)
        at += 2
    return frozenset(found)
