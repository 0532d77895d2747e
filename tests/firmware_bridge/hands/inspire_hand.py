"""Inspire's RH56DFX, after its manual and written apart from the driver: no code is shared."""

FLASH_END = 1472
WRITABLE = {1486: 12, 1498: 12, 1522: 12}
READABLE = {1546: 12, 1606: 6, 1612: 6, 1618: 6}


class InspireHand:
    """One hand.

    Attributes:
        angles: little, ring, middle, index, thumb bend, thumb rotation; 1000 open.
        memory: values of the registers that were written, six of each.
        writes: every write, in order: address and values.
        error, status: bytes of the joints.
        silent: the cable is off.
        refuses: it answers writes with a no.
    """

    def __init__(self, angles: tuple[float, ...] = (900, 800, 700, 600, 500, 850)) -> None:
        self.id = 1
        self.angles = list(angles)
        self.error = [0] * 6
        self.status = [2] * 6
        self.silent = False
        self.refuses = False
        self.memory: dict[int, list[int]] = {}
        self.writes: list[tuple[int, list[int]]] = []
        self.reads: list[int] = []
        self.travelled = 0.0
        self.bad = 0
        self._buffer = b""
        self.mangle = lambda reply: reply

    @property
    def goals(self) -> list[list[int]]:
        """Every set of angles that was written."""
        return [values for address, values in self.writes if address == 1486]

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        replies = b""
        while len(self._buffer) >= 8:
            if self._buffer[:2] != b"\xeb\x90":
                self._buffer = self._buffer[1:]
                self.bad += 1
                continue
            size = self._buffer[3] + 5
            if len(self._buffer) < size:
                break
            packet, self._buffer = self._buffer[:size], self._buffer[size:]
            if sum(packet[2:-1]) % 256 != packet[-1]:
                self.bad += 1
            elif packet[2] == self.id and not self.silent:
                replies += self._obey(packet[4], packet[5] + 256 * packet[6], packet[7:-1])
        return replies

    def advance(self, seconds: float) -> None:
        """The speed that was set, 1250 counts a second at most."""
        for joint, goal in enumerate(self.memory.get(1486, self.angles)):
            most = self.memory.get(1522, [1000] * 6)[joint] * 1.25 * seconds
            way = goal - self.angles[joint]
            step = max(-most, min(most, way))
            self.angles[joint] += step
            self.travelled += abs(step)

    def _obey(self, command: int, address: int, data: bytes) -> bytes:
        if command == 0x11:
            assert data == bytes((READABLE[address],)), "not a register of the manual"
            self.reads.append(address)
            return self._answer(command, address, self._read(address))
        assert command == 0x12
        assert address > FLASH_END, "the driver wrote to the flash"
        assert len(data) == WRITABLE[address]
        if not self.refuses:
            values = [data[at] + 256 * data[at + 1] for at in range(0, 12, 2)]
            assert all(0 <= value <= 1000 for value in values)
            self.memory[address] = values
            self.writes.append((address, values))
        return self._answer(command, address, bytes((0 if self.refuses else 1,)))

    def _read(self, address: int) -> bytes:
        if address == 1546:
            return b"".join(round(angle).to_bytes(2, "little", signed=True) for angle in self.angles)
        return bytes({1606: self.error, 1612: self.status, 1618: [31, 32, 33, 34, 35, 36]}[address])

    def _answer(self, command: int, address: int, data: bytes) -> bytes:
        body = bytes((self.id, len(data) + 3, command, address % 256, address // 256)) + data
        reply: bytes = self.mangle(b"\x90\xeb" + body + bytes((sum(body) % 256,)))
        return reply
