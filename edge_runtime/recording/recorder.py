"""The state of a session: settling, recording, done. It moves by frames received and by nothing else."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.recording.schedule import Cue
from neurograsp.edge_runtime.recording.stream import ChannelWatch, Int32, Unbroken
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.edf_file import LOST

MAX_LOST_S = 2.0


class Phase(enum.Enum):
    SETTLING = "settling"
    RECORDING = "recording"
    DONE = "done"


@dataclass(frozen=True)
class Stretch:
    """Frames [start, stop) of the recording and what they are."""

    start: int
    stop: int
    label: str


@dataclass(frozen=True, eq=False)
class Piece:
    """What one push adds to the file: frames (n_frames, n_channels), and stretches that ended."""

    counts: Int32
    stretches: tuple[Stretch, ...]


class Recorder:
    """Blocks in, frames and labels out.

    A cue's label begins with the first frame that arrives after the cue was up, and ends with the last one
    that arrived before the next cue. Frames that arrive while the signal settles are looked at, not kept.

    Args:
        cues: see `schedule`.
        rate_hz: frames a second, whole.
        settle_s: seconds before the first cue.
        limit: counts at the end of the range.

    Attributes:
        phase: see `Phase`.
        stream: frames, lost and repeated ones, since the first cue.
        watch: of the channels, since the first cue.
        settling: of the channels, before it.
        rate_hz: frames a second.
        n_up: cues that were up so far.
        shown: the stretches of those that are over.
    """

    def __init__(self, cues: Sequence[Cue], rate_hz: int, settle_s: float, limit: int) -> None:
        self.phase = Phase.SETTLING
        self._max_lost = round(MAX_LOST_S * rate_hz)
        self.stream = Unbroken(self._max_lost)
        self.watch, self.settling = ChannelWatch(limit), ChannelWatch(limit)
        self.n_up = 0
        self.shown: list[Stretch] = []
        self._cues = cues
        self.rate_hz = rate_hz
        self._settle_frames = round(settle_s * rate_hz)
        self._cue_start = 0
        self._second: Int32 | None = None

    def push(self, block: Block) -> Piece:
        """Take what arrived.

        Raises:
            SourceError: so many frames are lost that there is no recording.
        """
        if self.phase is Phase.DONE:
            return Piece(block.counts[:0], ())
        counts, gaps = self.stream.push(block)
        self._look_at(counts)
        if self.phase is Phase.SETTLING:
            self._settle()
            return Piece(counts[:0], ())
        ended = [Stretch(start, stop, LOST) for start, stop in gaps]
        if self.stream.n_frames - self._cue_start >= self.cue.n_frames:
            ended += self.cut()
            if self.n_up == len(self._cues):
                self.phase = Phase.DONE
            else:
                self.n_up += 1
        return Piece(counts, tuple(ended))

    def cut(self) -> list[Stretch]:
        """End the label of the cue that is up where the frames end; nothing where it has none."""
        begin, end = self._cue_start, self.stream.n_frames
        if self.phase is not Phase.RECORDING or begin == end:
            return []
        self._cue_start = end
        self.shown.append(Stretch(begin, end, self.cue.label))
        return self.shown[-1:]

    @property
    def cue(self) -> Cue:
        """The one that is up."""
        return self._cues[self.n_up - 1]

    @property
    def left_s(self) -> float:
        """Seconds until the cue that is up ends; while the signal settles, until the first one."""
        n_frames = self._settle_frames if self.phase is Phase.SETTLING else self.cue.n_frames
        return max(0.0, (n_frames - self.stream.n_frames + self._cue_start) / self.rate_hz)

    def _settle(self) -> None:
        if self.stream.n_frames < self._settle_frames:
            return
        if 2 * (self.stream.n_lost + self.stream.n_repeated) > self.stream.n_frames:
            raise SourceError(
                f"{self.stream.n_lost} frames lost and {self.stream.n_repeated} repeated before the first "
                "cue: the link is bad, or the board's frame counter is not understood; nothing was recorded"
            )
        self.stream = Unbroken(self._max_lost)
        self._second = None
        self.phase = Phase.RECORDING
        self.n_up = 1

    def _look_at(self, counts: Int32) -> None:
        watch = self.settling if self.phase is Phase.SETTLING else self.watch
        waiting = counts if self._second is None else np.concatenate([self._second, counts])
        while len(waiting) >= self.rate_hz:
            watch.push(waiting[: self.rate_hz])
            waiting = waiting[self.rate_hz :]
        self._second = waiting
