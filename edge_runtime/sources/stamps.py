"""Frame numbers for a stream that has none, from its time stamps."""

import numpy as np
import numpy.typing as npt

JITTER_S = 0.06
"""How far a frame may lie from where it is expected: amplifiers stamp the frames of a packet together."""

FOLLOW_S = 5.0
"""How slowly the expectation follows the stamps, for a rate that is not exactly the nominal one."""

MAX_GAP = 2.0**40
"""Frames: stamps are what a stranger writes."""


class StampCounter:
    """Numbers frames one after the other, and leaves out as many numbers as frames are missing.

    A frame that comes `JITTER_S` later than expected shows a gap, of as many frames as fit into the time. A
    shorter gap is not seen, nor is a repetition; a clock that is set back is followed.

    Args:
        rate_hz: nominal, frames a second.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._next = 0
        self._expected_s: float | None = None

    def number(self, stamps_s: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """(n,) seconds of frames in the order in which they came, to (n,) rising numbers."""
        numbers = np.empty(len(stamps_s), np.int64)
        for row, stamp_s in enumerate(stamps_s.tolist()):
            late_s = 0.0 if self._expected_s is None else stamp_s - self._expected_s
            if self._expected_s is None or abs(late_s) > JITTER_S:
                self._next += round(min(max(0.0, late_s * self._rate_hz), MAX_GAP))
                self._expected_s, late_s = stamp_s, 0.0
            numbers[row] = self._next
            self._next += 1
            self._expected_s += (1 + late_s / FOLLOW_S) / self._rate_hz
        return numbers
