"""A line that spoils, loses, repeats, swaps and delays frames: seeded, and time is the caller's."""

import random
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a line.

    Attributes:
        flip: probability that a bit is turned over.
        drop, duplicate: probability that a frame is lost, or comes twice.
        swap: probability that a frame comes after the next one.
        delay_ms: each frame is late by up to this much; their order stays.
        stall_ms: each frame is late by this much.
    """

    flip: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    swap: float = 0.0
    delay_ms: float = 0.0
    stall_ms: float = 0.0


PERFECT = Faults()
CUT = Faults(drop=1.0)


class FaultyLine:
    """One direction of a line.

    Attributes:
        faults: of the frames that are put in from now on.
        spoilt, lost, repeated, swapped, late: how many frames had each fault.
    """

    def __init__(self, rng: random.Random, faults: Faults = PERFECT) -> None:
        self._rng = rng
        self._partial = bytearray()
        self._held = b""
        self._coming: deque[tuple[float, bytes]] = deque()
        self.faults = faults
        self.spoilt = self.lost = self.repeated = self.swapped = self.late = 0

    def put(self, data: bytes, now_ms: float) -> None:
        """Bytes go in; a frame counts from its closing delimiter on."""
        for byte in data:
            self._partial.append(byte)
            if byte == 0 and len(self._partial) > 1:
                self._put_frame(bytes(self._partial), now_ms)
                self._partial.clear()

    def take(self, now_ms: float) -> bytes:
        """What has come out by now."""
        out = bytearray()
        while self._coming and self._coming[0][0] <= now_ms:
            out += self._coming.popleft()[1]
        return bytes(out)

    def _put_frame(self, frame: bytes, now_ms: float) -> None:
        if self._happens(self.faults.drop):
            self.lost += 1
            return
        held, self._held = self._held, b""
        if not held and self._happens(self.faults.swap):
            self.swapped += 1
            self._held = frame
            return
        copies = 1
        if self._happens(self.faults.duplicate):
            self.repeated += 1
            copies = 2
        for one in (*[frame] * copies, held):
            if one:
                self._coming.append((self._due_ms(now_ms), self._spoil(one)))

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._rng.random() < probability

    def _due_ms(self, now_ms: float) -> float:
        late_ms = self.faults.stall_ms + self._rng.uniform(0, self.faults.delay_ms)
        self.late += late_ms > 0
        due_ms = now_ms + late_ms
        return max(due_ms, self._coming[-1][0]) if self._coming else due_ms

    def _spoil(self, frame: bytes) -> bytes:
        if self.faults.flip == 0:
            return frame
        spoilt = bytes(
            byte ^ sum(1 << bit for bit in range(8) if self._happens(self.faults.flip)) for byte in frame
        )
        self.spoilt += spoilt != frame
        return spoilt
