"""Dynamixel X servos on a bus, after the e-Manual and written apart from the driver: no code is shared."""

import struct
from collections.abc import Callable


def crc(data: bytes) -> int:
    """Bit by bit, as the e-Manual has it in words."""
    register = 0
    for byte in data:
        for bit in range(7, -1, -1):
            carry = (register >> 15) ^ (byte >> bit & 1)
            register = register << 1 & 0xFFFF
            if carry:
                register ^= 0x8005
    return register


class Servo:
    """One servo.

    Attributes:
        memory: its control table.
        goals: every goal that was taken.
        refused: goals that the bus watchdog refused.
        silent: the cable is off.
        travelled: counts.
    """

    def __init__(self, position: int, model: int = 1190, mode: int = 5) -> None:
        self.memory = bytearray(230)
        struct.pack_into("<H", self.memory, 0, model)
        self.memory[11] = mode
        self.memory[146] = 33
        self.position = float(position)
        self.goals: list[int] = []
        self.torques: list[int] = []
        self.refused = 0
        self.silent = False
        self.travelled = 0.0
        self._unheard_s = 0.0

    def hear(self) -> None:
        self._unheard_s = 0.0

    def write(self, address: int, data: bytes) -> None:
        assert address >= 64, "the driver wrote to the EEPROM"
        if address == 116 and self.memory[98] == 0xFF:
            self.refused += 1
            return
        self.memory[address : address + len(data)] = data
        if address == 116:
            self.goals.append(struct.unpack("<i", data)[0])
        if address == 64:
            self.torques.append(data[0])

    def read(self, address: int, size: int) -> bytes:
        struct.pack_into("<i", self.memory, 132, round(self.position))
        return bytes(self.memory[address : address + size])

    def advance(self, seconds: float) -> None:
        self._unheard_s += seconds
        if self.memory[64] and 1 <= self.memory[98] <= 127 and self._unheard_s > self.memory[98] * 0.02:
            self.memory[98] = 0xFF
        if self.memory[64] and self.goals and self.memory[98] != 0xFF:
            step = max(-3000 * seconds, min(3000 * seconds, self.goals[-1] - self.position))
            self.position += step
            self.travelled += abs(step)


class DynamixelBus:
    """Servos by id."""

    def __init__(self, servos: dict[int, Servo]) -> None:
        self.servos = servos
        self.mangle: Callable[[bytes], bytes] = lambda reply: reply
        self.bad = 0
        self._buffer = b""

    def advance(self, seconds: float) -> None:
        for servo in self.servos.values():
            servo.advance(seconds)

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        replies = b""
        while len(self._buffer) >= 10:
            if self._buffer[:4] != b"\xff\xff\xfd\0":
                self._buffer = self._buffer[1:]
                self.bad += 1
                continue
            size = 7 + int.from_bytes(self._buffer[5:7], "little")
            if len(self._buffer) < size:
                break
            packet, self._buffer = self._buffer[:size], self._buffer[size:]
            if crc(packet[:-2]) != int.from_bytes(packet[-2:], "little"):
                self.bad += 1
                continue
            body = packet[7:-2].replace(b"\xff\xff\xfd\xfd", b"\xff\xff\xfd")
            replies += self._obey(packet[4], body[0], body[1:])
        return replies

    def _obey(self, number: int, instruction: int, parameters: bytes) -> bytes:
        if instruction == 0x83:
            address, size = struct.unpack_from("<HH", parameters)
            for at in range(4, len(parameters), size + 1):
                servo = self.servos.get(parameters[at])
                if servo is not None and not servo.silent:
                    servo.hear()
                    servo.write(address, parameters[at + 1 : at + 1 + size])
            return b""
        servo = self.servos.get(number)
        if servo is None or servo.silent:
            return b""
        servo.hear()
        assert instruction == 2
        answer = servo.read(*struct.unpack("<HH", parameters))
        error = 0x80 if servo.memory[70] else 0
        body = (bytes((0x55, error)) + answer).replace(b"\xff\xff\xfd", b"\xff\xff\xfd\xfd")
        reply = b"\xff\xff\xfd\0" + bytes((number,)) + struct.pack("<H", len(body) + 2) + body
        return self.mangle(reply + struct.pack("<H", crc(reply)))
