"""PSYONIC's Ability Hand, after its ICD and written apart from the driver: no code is shared."""

import struct

API_S = 0.3
"""After the last command it leaves its API mode."""


class AbilityHand:
    """One hand.

    Attributes:
        degrees: where its joints are: index, middle, ring, little, thumb flexor, thumb rotator.
        api: its API mode is on, by the last command.
        left: how often its API mode has ended for want of commands.
        headers: of every frame it took.
        goals: of every position command, degrees.
        stuffed: byte stuffing is on.
        silent: the cable is off.
    """

    def __init__(self, degrees: tuple[float, ...] = (20.0, 25.0, 30.0, 35.0, 15.0, -20.0)) -> None:
        self.address = 0x50
        self.degrees = list(degrees)
        self.status = 0
        self.stuffed = True
        self.silent = False
        self.api: int | None = None
        self.left = 0
        self.travelled = 0.0
        self.headers: list[int] = []
        self.goals: list[tuple[float, ...]] = []
        self.bad = 0
        self._idle_s = 0.0
        self._buffer = b""
        self.mangle = lambda reply: reply

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        replies = b""
        while b"\x7e" in self._buffer:
            frame, _, self._buffer = self._buffer.partition(b"\x7e")
            if frame and not self.silent:
                replies += self._obey(frame.replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d"))
        return replies

    def advance(self, seconds: float) -> None:
        """300 degrees a second towards the goal; left alone it opens, as a prosthesis would."""
        if self.api is None:
            return
        self._idle_s += seconds
        if self._idle_s > API_S:
            self.left += 1
            self.api = None
            self.degrees = [0.0] * 6
        elif self.api == 0x10:
            for joint, goal in enumerate(self.goals[-1]):
                way = goal - self.degrees[joint]
                step = max(-300 * seconds, min(300 * seconds, way))
                self.degrees[joint] += step
                self.travelled += abs(step)

    def _obey(self, frame: bytes) -> bytes:
        if frame[0] != self.address:
            return b""
        if len(frame) not in (3, 15) or sum(frame) % 256:
            self.bad += 1
            return b""
        header = frame[1]
        self.headers.append(header)
        kind, variant = header & 0xF0, header & 0x0F
        if kind in (0x10, 0x30):
            values = struct.unpack("<6h", frame[2:14])
            self.api, self._idle_s = kind, 0.0
            if kind == 0x10:
                self.goals.append(tuple(value * 150 / 32767 for value in values))
        elif kind != 0xA0:
            self.bad += 1
            return b""
        assert variant == 2
        return self._reply(header)

    def _reply(self, header: int) -> bytes:
        body = bytes((header,))
        for degrees in self.degrees:
            body += struct.pack("<hh", round(degrees * 32767 / 150), 62)
        body += struct.pack("<6hB", *range(6), self.status)
        body += bytes((256 - sum(body) % 256 & 0xFF,))
        if not self.stuffed:
            return body
        body = body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
        reply: bytes = self.mangle(b"\x7e" + body + b"\x7e")
        return reply
