"""What a source delivers as an unbroken row of frames, and what is wrong with its channels."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.sources.base import Block

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class Unbroken:
    """Puts a held frame in place of each lost one, and says which these are.

    Args:
        max_lost: more lost frames in a row end the recording.

    Attributes:
        n_frames: given out so far, held ones included.
        n_lost: of these, held ones.
        n_repeated: repeated or late frames that were dropped.
    """

    def __init__(self, max_lost: int) -> None:
        self.n_frames = self.n_lost = self.n_repeated = 0
        self._max_lost = max_lost
        self._newest = 0
        self._last: Int32 | None = None

    def push(self, block: Block) -> tuple[Int32, list[tuple[int, int]]]:
        """Frames (n_frames, n_channels) without a gap, and [start, stop) of the held ones, from frame 0 on.

        Raises:
            SourceError: too many are lost at once; the block is not taken.
        """
        counts, index = block.counts, block.frame_index
        if not len(index):
            return counts, []
        if self._last is None:
            self._newest, self._last = int(index[0]) - 1, counts[0]
        before = np.maximum.accumulate(np.concatenate([[self._newest], index]))[:-1]
        fresh = index > before
        self.n_repeated += int(np.count_nonzero(~fresh))
        counts, index = counts[fresh], index[fresh]
        if not len(index):
            return counts, []
        lost = np.diff(index, prepend=self._newest) - 1
        if lost.max() > self._max_lost:
            raise SourceError(
                f"{int(lost.max())} frames in a row were lost; check battery, radio and cable, "
                "then record another session"
            )
        origin = self.n_frames - self._newest - 1
        wanted = np.arange(self._newest + 1, index[-1] + 1)
        received = np.concatenate([self._last[None], counts])
        whole = received[np.searchsorted(index, wanted, side="right")]
        gaps = [(int(at - n + origin), int(at + origin)) for at, n in zip(index, lost) if n]
        self._newest, self._last = int(index[-1]), counts[-1]
        self.n_frames += len(whole)
        self.n_lost += int(lost.sum())
        return whole, gaps


@dataclass
class ChannelWatch:
    """Channels that do not change for a second or reach the end of the range.

    Attributes:
        limit: counts at the end of the range.
        n_s: seconds looked at.
        flat_s, railed_s: (n_channels,) seconds in which each did so.
    """

    limit: int
    n_s: int = 0
    flat_s: Int64 = field(default_factory=lambda: np.zeros(1, np.int64))
    railed_s: Int64 = field(default_factory=lambda: np.zeros(1, np.int64))

    def push(self, second: Int32) -> None:
        """Look at (n_frames, n_channels) of one second."""
        low, high = second.min(axis=0), second.max(axis=0)
        self.n_s += 1
        self.flat_s = self.flat_s + (low == high)
        self.railed_s = self.railed_s + ((low <= -self.limit) | (high >= self.limit))

    def faults(self, channels: tuple[str, ...]) -> list[str]:
        """A line for each kind of fault, naming the channels; none where all is well."""
        return [
            f"{what} "
            + ", ".join(f"{channels[i]} ({seconds[i]} of {self.n_s} s)" for i in np.flatnonzero(seconds))
            for what, seconds in (("flat:", self.flat_s), ("at the end of the range:", self.railed_s))
            if seconds.any()
        ]
