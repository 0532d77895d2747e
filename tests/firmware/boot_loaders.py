"""Boot loaders of Arduino boards, after Atmel's application notes AVR061 (STK500) and AVR068 (STK500v2).

Each holds a flash, and says to `started` that its program begins. They are what avrdude speaks to.
"""

from collections.abc import Callable

PAGE = 128


class Optiboot:
    """The Uno's: STK500 of one page at a time.

    Attributes:
        flash: from address 0.
        left: the programmer has said that it is done.
    """

    signature = bytes.fromhex("1e950f")

    def __init__(self) -> None:
        self.flash = bytearray(b"\xff" * 32_768)
        self.left = False
        self.spoil: Callable[[bytes], bytes] = lambda page: page
        self._buffer = b""
        self._address = 0

    def advance(self, seconds: float) -> None:
        """Time means nothing to it."""

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        answers = b""
        while self._buffer:
            size = self._size()
            if size > len(self._buffer):
                break
            command, self._buffer = self._buffer[:size], self._buffer[size:]
            if command[-1:] != b" ":
                continue  # not in step
            answers += b"\x14" + self._obey(command[0], command[1:-1]) + b"\x10"
        return answers

    def _size(self) -> int:
        """Of the command that the buffer begins with, its end mark included."""
        more = {0x41: 1, 0x42: 20, 0x45: 5, 0x55: 2, 0x56: 4, 0x74: 3}
        if self._buffer[0] == 0x64:
            return 5 + int.from_bytes(self._buffer[1:3], "big") if len(self._buffer) > 2 else 5
        return 2 + more.get(self._buffer[0], 0)

    def _obey(self, command: int, data: bytes) -> bytes:
        if command == 0x41:
            return b"\x03"
        if command == 0x55:
            self._address = 2 * int.from_bytes(data, "little")
        elif command == 0x56:
            return b"\0"
        elif command == 0x64:
            page = self.spoil(data[3:])
            self.flash[self._address : self._address + len(page)] = page
        elif command == 0x74:
            return bytes(self.flash[self._address : self._address + int.from_bytes(data[:2], "big")])
        elif command == 0x75:
            return self.signature
        elif command == 0x51:
            self.left = True
        return b""


class Wiring:
    """The Mega's: STK500v2, in packets.

    Attributes:
        flash, left: as of `Optiboot`.
    """

    signature = bytes.fromhex("1e9801")

    def __init__(self) -> None:
        self.flash = bytearray(b"\xff" * 262_144)
        self.left = False
        self._buffer = b""
        self._address = 0

    def advance(self, seconds: float) -> None:
        """Time means nothing to it."""

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        answers = b""
        while (start := self._buffer.find(b"\x1b")) >= 0:
            self._buffer = self._buffer[start:]
            size = int.from_bytes(self._buffer[2:4], "big") + 6
            if len(self._buffer) < 6 or len(self._buffer) < size:
                break
            packet, self._buffer = self._buffer[:size], self._buffer[size:]
            body = self._obey(packet[5], packet[6:-1])
            answer = b"\x1b" + packet[1:2] + len(body).to_bytes(2, "big") + b"\x0e" + body
            check = 0
            for byte in answer:
                check ^= byte
            answers += answer + bytes((check,))
        return answers

    def _obey(self, command: int, data: bytes) -> bytes:
        done = bytes((command, 0))
        if command == 0x01:
            return done + b"\x08AVRISP_2"
        if command == 0x03:
            return done + b"\x02"
        if command == 0x06:
            self._address = 2 * (int.from_bytes(data, "big") & 0x7FFFFFFF)
        elif command == 0x13:
            page = data[9:]
            self.flash[self._address : self._address + len(page)] = page
            self._address += len(page)
        elif command == 0x14:
            size = int.from_bytes(data[:2], "big")
            read = bytes(self.flash[self._address : self._address + size])
            self._address += size
            return done + read + b"\0"
        elif command == 0x1B:
            return done + self.signature[data[3] : data[3] + 1] + b"\0"
        elif command == 0x1D:  # a command of SPI, of which only the signature is asked
            return done + b"\0\0\0" + self.signature[data[5] : data[5] + 1] + b"\0"
        elif command == 0x11:
            self.left = True
        return done
