"""One of Robotiq's grippers behind Modbus RTU, after the manual and written apart from the driver."""

from collections.abc import Callable


def with_crc(frame: bytes) -> bytes:
    """CRC-16/MODBUS by table-free long division, the low byte first."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            carry = crc & 1
            crc >>= 1
            if carry:
                crc ^= 0xA001
    return frame + bytes((crc & 0xFF, crc >> 8))


class Gripper:
    """The device.

    Attributes:
        position: 0 to 255.
        state: gSTA.
        fault, controller_fault: gFLT, kFLT.
        activating_s: what is left of an activation.
        writes: what the three registers were after each write, as six bytes.
        quiet: the cable is off.
        exception: of every reply; 0 for none.
        blocked: activation fails.
    """

    slave = 9
    activation_s = 3.0

    def __init__(self, position: float = 100, activated: bool = True) -> None:
        self.position = position
        self.state = 3 if activated else 0
        self.fault = 0
        self.controller_fault = 0
        self.activating_s = 0.0
        self.registers = bytes((9, 0, 0, round(position), 0, 0) if activated else 6)
        self.writes: list[bytes] = []
        self.requests = 0
        self.quiet = False
        self.exception = 0
        self.blocked = False
        self.silent_s = 0.0
        self.travelled = 0.0
        self.bad = 0
        self.mangle: Callable[[bytes], bytes] = lambda reply: reply

    @property
    def goals(self) -> list[int]:
        """rPR of the writes with rGTO."""
        return [write[3] for write in self.writes if write[0] & 8]

    def lose_power(self) -> None:
        """For a moment."""
        self.registers, self.state, self.fault = bytes(6), 0, 0

    def advance(self, seconds: float) -> None:
        """rSP 0 is 60 counts a second, 255 is 450."""
        self.silent_s += seconds
        if self.state == 1:
            self.activating_s -= seconds
            if self.blocked:
                self.fault = 0x0D
            elif self.activating_s <= 0:
                self.state, self.position = 3, 13.0
                self.travelled += 500
            return
        if self.state == 3 and self.registers[0] & 8:
            rate = 60 + 390 * self.registers[4] / 255
            way = self.registers[3] - self.position
            step = max(-rate * seconds, min(rate * seconds, way))
            self.position += step
            self.travelled += abs(step)

    def feed(self, data: bytes) -> bytes:
        """One whole request a call, as the pauses of Modbus RTU ask for."""
        if with_crc(data[:-2]) != data:
            self.bad += 1
            return b""
        if data[0] != self.slave or self.quiet:
            return b""
        self.requests += 1
        function = data[1]
        if self.exception or function not in (0x04, 0x17):
            return self.mangle(with_crc(bytes((9, function | 0x80, self.exception or 1))))
        assert data[2:6] == b"\x07\xd0\x00\x03", "reads three registers from 0x07D0"
        silent, self.silent_s = self.silent_s, 0.0
        if function == 0x17:
            first, count, size = data[6:8], data[9], data[10]
            assert (first, data[8]) in ((b"\x03\xe8", 0), (b"\x03\xe9", 0)), "registers of the action request"
            assert (count, size) == ((3, 6) if first == b"\x03\xe8" else (2, 4)), "all of them to the last"
            self._obey(self.registers[: 6 - size] + data[11 : 11 + size])
        fault = 9 if silent > 1 and not self.fault else self.fault
        status = bytes(
            (
                self.registers[0] & 0x09 | self.state << 4,
                0,
                self.controller_fault << 4 | fault,
                self.registers[3],
                round(self.position),
                0,
            )
        )
        return self.mangle(with_crc(bytes((9, function, 6)) + status))

    def _obey(self, registers: bytes) -> None:
        was, self.registers = self.registers, registers
        self.writes.append(registers)
        if not registers[0] & 1:
            self.state, self.fault = 0, 0
        elif not was[0] & 1:
            self.state, self.activating_s = 1, self.activation_s
        if registers[0] & 8 and self.state != 3:
            self.fault = 7
