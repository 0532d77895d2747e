"""What every source of frames gives, and the counting of frames."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Block:
    """Frames that arrived since the last read.

    Attributes:
        counts: (n_frames, n_channels) int32.
        frame_index: (n_frames,) int64, the source's frame counter, unwrapped.
    """

    counts: npt.NDArray[np.int32]
    frame_index: npt.NDArray[np.int64]

    @staticmethod
    def empty(n_channels: int) -> "Block":
        return Block(np.empty((0, n_channels), np.int32), np.empty(0, np.int64))


@dataclass(frozen=True)
class Layout:
    """What a source delivers, before there is a bundle that it must fit.

    Attributes:
        channels: names in the order of the columns; of electrodes without names E1, E2, ...
        rate_hz: frames a second.
        lsb_uv: microvolt a count, or None where counts have no unit.
    """

    channels: tuple[str, ...]
    rate_hz: float
    lsb_uv: float | None


class Source(Protocol):
    """An amplifier, or something that stands for one. `read` never waits."""

    description: str

    def start(self) -> None:
        """Begin to deliver frames. Raises SourceError."""

    def read(self) -> Block:
        """All frames since the last read. Raises SourceError when the source is known to be lost."""

    def finished(self) -> bool:
        """Whether a source of limited length has delivered its last frame."""

    def stop(self) -> None:
        """Release the source; may be called twice."""


class CounterUnwrapper:
    """Turns a board's wrapping frame counter into one that keeps rising.

    A step back by up to an eighth of the modulus is a repeated or late frame; every other step goes
    forward, over the wrap where needed. A gap of seven eighths of the modulus or more cannot be told
    from a shorter one by the counter alone.

    Args:
        modulus: the counter counts 0 .. modulus - 1; None when it never wraps.

    Attributes:
        n_steps: from one frame to the next, so far.
        n_jumps: of those, the ones that were not to the next number.
    """

    def __init__(self, modulus: int | None) -> None:
        self.n_steps = self.n_jumps = 0
        self._modulus = modulus
        self._last: int | None = None

    def unwrap(self, raw: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(n,) counter values as read to (n,) rising frame numbers."""
        if self._modulus is None or len(raw) == 0:
            return raw
        start = int(raw[0]) if self._last is None else self._last
        steps = np.diff(raw, prepend=start % self._modulus)
        late = self._modulus // 8
        steps = (steps + late) % self._modulus - late
        between = steps[1:] if self._last is None else steps
        self.n_steps += len(between)
        self.n_jumps += int(np.count_nonzero(between != 1))
        unwrapped: npt.NDArray[np.int64] = start + np.cumsum(steps)
        self._last = int(unwrapped[-1])
        return unwrapped
