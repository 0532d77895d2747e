"""Hiwonder LX servos on a bus, after the manual and written apart from the driver: no code is shared."""

import struct
from collections.abc import Callable


class Servo:
    """One servo.

    Attributes:
        position: counts, may be below 0.
        loaded: its motor has torque.
        silent: the cable is off.
        goals, loads: every goal and every load switch that came.
        times: of the goals, ms.
        strict: takes no goal while it is not loaded, and goes to its old one when it is.
    """

    def __init__(self, position: float) -> None:
        self.position = position
        self.goal = position
        self.loaded = False
        self.silent = False
        self.strict = False
        self.mode = 0
        self.temperature = 31
        self.millivolts = 7400
        self.goals: list[int] = []
        self.times: list[int] = []
        self.loads: list[int] = []
        self.travelled = 0.0

    def advance(self, seconds: float) -> None:
        """1500 counts a second towards the goal while it is loaded."""
        if self.loaded and self.goals:
            way = self.goal - self.position
            step = max(-1500 * seconds, min(1500 * seconds, way))
            self.position += step
            self.travelled += abs(step)

    def obey(self, command: int, data: bytes) -> bytes:
        """Parameters of the answer."""
        if command == 1:
            goal, time = struct.unpack("<HH", data)
            assert goal <= 1000
            assert time <= 30_000
            self.goals.append(goal)
            self.times.append(time)
            if self.loaded or not self.strict:
                self.goal = goal
            return b""
        if command == 31:
            self.loads.append(data[0])
            self.loaded = bool(data[0])
            return b""
        answers = {
            2: struct.pack("<hH", round(self.goal), self.times[-1] if self.times else 0),
            23: struct.pack("<HH", 6500, 12000),
            25: bytes((85,)),
            26: bytes((self.temperature,)),
            27: struct.pack("<H", self.millivolts),
            28: struct.pack("<h", round(self.position)),
            30: struct.pack("<BBh", self.mode, 0, 0),
            32: bytes((self.loaded,)),
        }
        assert command in answers, f"the driver sent command {command}, which may be kept without power"
        return answers[command]


class Lx16aBus:
    """Servos by id."""

    def __init__(self, servos: dict[int, Servo]) -> None:
        self.servos = servos
        self._buffer = b""
        self.bad = 0
        self.mangle: Callable[[bytes], bytes] = lambda reply: reply

    def advance(self, seconds: float) -> None:
        for servo in self.servos.values():
            servo.advance(seconds)

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        replies = b""
        while len(self._buffer) >= 6:
            size = self._buffer[3] + 3
            if self._buffer[:2] != b"\x55\x55":
                self._buffer = self._buffer[1:]
                self.bad += 1
                continue
            if len(self._buffer) < size:
                break
            packet, self._buffer = self._buffer[:size], self._buffer[size:]
            if sum(packet[2:]) & 0xFF != 0xFF:
                self.bad += 1
                continue
            replies += self._answer(packet[2], packet[4], packet[5:-1])
        return replies

    def _answer(self, number: int, command: int, data: bytes) -> bytes:
        servo = self.servos.get(number)
        if servo is None or servo.silent:
            return b""
        answer = bytes((number,)) if command == 14 else servo.obey(command, data)
        if not answer:
            return b""
        return self.mangle(packet_of(number, command, answer))


def packet_of(number: int, command: int, parameters: bytes) -> bytes:
    """What a servo sends."""
    body = bytes((number, len(parameters) + 3, command)) + parameters
    return b"\x55\x55" + body + bytes((255 - sum(body) % 256,))
