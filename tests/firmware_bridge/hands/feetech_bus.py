"""Feetech servos on a bus, after the manual and written apart from the driver: no code is shared."""

MEMORY = 87
MODELS = {"STS3215": b"\x09\x03", "STS3032": b"\x09\x06", "SCS0009": b"\x05\x04", "SCS15": b"\x05\x0f"}
"""Version and revision, one byte each as the servos send them."""


class Servo:
    """One servo.

    Attributes:
        memory: its 87 bytes.
        position, goal: counts.
        silent: the cable is off.
        error: the error byte of its answers.
        torques: every value written to Torque_Enable.
    """

    def __init__(self, model: str, position: int) -> None:
        self.big = model.startswith("SCS")
        self.memory = bytearray(MEMORY)
        self.memory[3:5] = MODELS[model]
        self.memory[9:13] = b"\x00\x00\x03\xff" if self.big else b"\x00\x00\xff\x0f"
        self.memory[62:64] = bytes((74, 31))
        self.position = float(position)
        self.silent = False
        self.error = 0
        self.torques: list[int] = []
        self.goals: list[int] = []
        self.travelled = 0.0

    @property
    def order(self) -> str:
        return "big" if self.big else "little"

    def write(self, address: int, data: bytes) -> None:
        assert address >= 40, "the driver wrote to the EEPROM"
        self.memory[address : address + len(data)] = data
        if address == 40:
            self.torques.append(data[0])
        if address <= 42 < address + len(data):
            self.goals.append(int.from_bytes(self.memory[42:44], self.order))  # type: ignore[arg-type]

    def read(self, address: int, size: int) -> bytes:
        where = round(self.position)
        raw = where if where >= 0 else -where | 0x8000
        self.memory[56:58] = raw.to_bytes(2, self.order)  # type: ignore[arg-type]
        self.memory[65] = self.error
        return bytes(self.memory[address : address + size])

    def advance(self, seconds: float) -> None:
        """3000 counts a second towards the goal while torque is on."""
        if self.memory[40] and self.goals:
            way = self.goals[-1] - self.position
            step = max(-3000 * seconds, min(3000 * seconds, way))
            self.position += step
            self.travelled += abs(step)


class FeetechBus:
    """Servos by id."""

    def __init__(self, servos: dict[int, Servo]) -> None:
        self.servos = servos
        self._buffer = b""
        self.bad = 0
        self.mangle = lambda reply: reply

    def advance(self, seconds: float) -> None:
        for servo in self.servos.values():
            servo.advance(seconds)

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        replies = b""
        while len(self._buffer) >= 6:
            if self._buffer[:2] != b"\xff\xff":
                self._buffer = self._buffer[1:]
                self.bad += 1
                continue
            size = self._buffer[3] + 4
            if len(self._buffer) < size:
                break
            packet, self._buffer = self._buffer[:size], self._buffer[size:]
            if (sum(packet[2:]) & 0xFF) != 0xFF:
                self.bad += 1
                continue
            replies += self._obey(packet[2], packet[4], packet[5:-1])
        return replies

    def _obey(self, number: int, instruction: int, parameters: bytes) -> bytes:
        if instruction == 0x83:
            address, size = parameters[0], parameters[1]
            for at in range(2, len(parameters), size + 1):
                servo = self.servos.get(parameters[at])
                if servo is not None and not servo.silent:
                    servo.write(address, parameters[at + 1 : at + 1 + size])
            return b""
        servo = self.servos.get(number)
        if servo is None or servo.silent:
            return b""
        answer = servo.read(*parameters) if instruction == 2 else b""
        if instruction == 3:
            servo.write(parameters[0], parameters[1:])
        body = bytes((number, len(answer) + 2, servo.error)) + answer
        reply: bytes = self.mangle(b"\xff\xff" + body + bytes((~sum(body) & 0xFF,)))
        return reply
