"""An Arduino with StandardFirmata and servos on its pins.

After the sketch (firmata/arduino) and Arduino's Servo library, and written apart from the driver: no code is
shared.
"""

from collections.abc import Callable

SERVO = 4
SPEED_US = 2500
"""A usual servo: 60 degrees in 0.25 s."""


class Servo:
    """One servo.

    Attributes:
        position: where its horn is, in microseconds of the pulse that leads there.
        pulses: that it got, one in 20 ms.
        travelled: microseconds of way, in all.
    """

    def __init__(self, position: float) -> None:
        self.position = position
        self.pulses: list[int] = []
        self.travelled = 0.0

    def frame(self, pulse: int) -> None:
        self.pulses.append(pulse)
        step = max(-SPEED_US * 0.02, min(SPEED_US * 0.02, pulse - self.position))
        self.position += step
        self.travelled += abs(step)


class FirmataBoard:
    """A board; UNO by default.

    Attributes:
        servos: by pin.
        modes, states: of the pins, as PIN_STATE tells them.
        configs: every SERVO_CONFIG that came: pin, lowest, highest pulse.
        writes: every value that was written to a pin with a servo.
        silent: the cable is off.
        booting_s: so long it still says nothing.
        bad: bytes that it could not understand.
    """

    def __init__(
        self, servos: dict[int, Servo], pins: int = 20, analog: range = range(14, 20), boot_s: float = 0.0
    ) -> None:
        self.servos = servos
        self.pins = pins
        self.analog = analog
        self.name = "StandardFirmata.ino"
        self.digital_from = 2
        self.silent = False
        self.bad = 0
        self.configs: list[tuple[int, int, int]] = []
        self.writes: dict[int, list[int]] = {pin: [] for pin in servos}
        self.mangle: Callable[[bytes], bytes] = lambda reply: reply
        self.booting_s = boot_s
        self._frame_s = 0.0
        self._to_say = b""
        self.restart()

    def restart(self) -> None:
        """As after its reset button."""
        self.modes = [2 if pin in self.analog else 1 for pin in range(self.pins)]
        self.states = [0] * self.pins
        self._limits: dict[int, tuple[int, int]] = {}
        self._ticks = dict.fromkeys(range(self.pins), 1500)
        self._message = b""

    def advance(self, seconds: float) -> None:
        """Pulses every 20 ms to what is attached."""
        if self.booting_s > 0:
            self.booting_s -= seconds
            if self.booting_s <= 0:
                self._to_say += bytes((0xF9, 2, 5)) + self._firmware()
            return
        self._frame_s += seconds
        while self._frame_s >= 0.02 - 1e-9:
            self._frame_s -= 0.02
            for pin, servo in self.servos.items():
                if pin in self._limits:
                    servo.frame(self._ticks[pin])

    def feed(self, data: bytes) -> bytes:
        said, self._to_say = self._to_say, b""
        if self.silent or self.booting_s > 0:
            return b""
        for byte in data:
            said += self._take(byte)
        return said

    def _take(self, byte: int) -> bytes:
        if self._message[:1] == b"\xf0":
            if byte != 0xF7:
                self._message += bytes((byte,))
                return b""
            body, self._message = self._message[1:], b""
            return self._sysex(body[0], body[1:]) if body else b""
        if byte >= 0x80:
            self._message = bytes((byte,))
        elif self._message:
            self._message += bytes((byte,))
        else:
            self.bad += 1
        if len(self._message) == 3:
            first, low, high = self._message
            self._message = b""
            if first & 0xF0 == 0xE0:
                self._write(first & 0x0F, low | high << 7)
            elif first == 0xF4:
                self._set_mode(low, high)
            else:
                self.bad += 1
        return b""

    def _sysex(self, command: int, arguments: bytes) -> bytes:
        if command == 0x79:
            return self.mangle(self._firmware())
        if command == 0x6B:
            return self.mangle(b"\xf0\x6c" + b"".join(map(self._abilities, range(self.pins))) + b"\xf7")
        if command == 0x6D:
            pin = arguments[0]
            value = self.states[pin]
            reply = bytes((0xF0, 0x6E, pin, self.modes[pin], value & 0x7F))
            if value & 0xFF80:
                reply += bytes((value >> 7 & 0x7F,))
            return self.mangle(reply + b"\xf7")
        if command == 0x70:
            pin, a, b, c, d = arguments
            self.configs.append((pin, a | b << 7, c | d << 7))
            self._attach(pin, a | b << 7, c | d << 7)
        elif command == 0x6F:
            self._write(arguments[0], sum(seven << 7 * place for place, seven in enumerate(arguments[1:])))
        else:
            self.bad += 1
        return b""

    def _firmware(self) -> bytes:
        name = b"".join(bytes((ord(letter) & 0x7F, ord(letter) >> 7)) for letter in self.name)
        return b"\xf0\x79\x02\x05" + name + b"\xf7"

    def _abilities(self, pin: int) -> bytes:
        modes = b""
        if pin >= self.digital_from:
            modes += bytes((0, 1, 11, 1, 1, 1))
        if pin in self.analog:
            modes += bytes((2, 10))
        if pin in (3, 5, 6, 9, 10, 11):
            modes += bytes((3, 8))
        if pin >= self.digital_from:
            modes += bytes((SERVO, 14))
        return modes + b"\x7f"

    def _attach(self, pin: int, low: int, high: int) -> None:
        def kept(distance: int) -> int:
            quarter = int(distance / 4)
            return (quarter + 128) % 256 - 128  # a byte with a sign

        self._limits[pin] = (544 - 4 * kept(544 - low), 2400 - 4 * kept(2400 - high))
        self.modes[pin], self.states[pin] = SERVO, 0

    def _set_mode(self, pin: int, mode: int) -> None:
        if mode != SERVO:
            self._limits.pop(pin, None)
        elif pin not in self._limits:
            self._attach(pin, 544, 2400)
        self.modes[pin], self.states[pin] = mode, 0

    def _write(self, pin: int, value: int) -> None:
        if self.modes[pin] != SERVO:
            return
        self.states[pin] = value
        self.writes.setdefault(pin, []).append(value)
        low, high = self._limits[pin]
        if value < 544:
            value = low + (high - low) * min(value, 180) // 180
        self._ticks[pin] = max(low, min(high, value))
