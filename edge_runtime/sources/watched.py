"""A source that is watched: silence is a loss, and what is lost is opened again."""

import logging
import math
from dataclasses import replace

from neurograsp.edge_runtime.backoff import Backoff
from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.sources.base import Block, Source

log = logging.getLogger(__name__)

START_S = 5.0
"""How long a source may take to its first frame."""

SILENT_S = 0.5
"""A source without a new frame for so long is lost. BrainFlow tells nobody that a board was unplugged."""


class WatchedSource:
    """Passes frames on, numbered so that they never go back, and knows when they stopped.

    Frames that were there before, by their number, are passed on and are not new ones. After a loss the
    numbers go on from where they would be by the clock, so that the time without frames is a gap like any
    other.

    Args:
        source: is started and stopped with this one.
        rate_hz: of its frames.
        n_channels: of a block without frames.
        patience_s: how long a lost source is looked for; 0: not at all.

    Attributes:
        fresh_at: when a new frame came last; None before the first one.
        losses: how often it was lost.
    """

    def __init__(self, source: Source, rate_hz: float, n_channels: int, patience_s: float) -> None:
        self.fresh_at: float | None = None
        self.losses = 0
        self._source = source
        self._rate_hz = rate_hz
        self._n_channels = n_channels
        self._backoff = Backoff(patience_s)
        self._started_at = 0.0
        self._newest = -1
        self._newest_at = 0.0
        self._shift: int | None = 0
        self._open = False
        self._had_frames = False

    @property
    def description(self) -> str:
        return self._source.description

    @property
    def away(self) -> bool:
        """Lost, and not back yet."""
        return self._backoff.away

    def age_s(self, now: float) -> float | None:
        """Of the newest frame; infinite while the source is lost, None before the first frame."""
        if self.fresh_at is None:
            return None
        return math.inf if self._backoff.away else now - self.fresh_at

    def start(self, now: float) -> None:
        """Raises SourceError; nothing is tried again at the start."""
        self._opened(now)
        self._source.start()

    def read(self, now: float) -> Block:
        """All frames since the last read, at `now` in seconds.

        Raises:
            SourceError: it is lost, and was not found again in time.
        """
        if not self._open and not self._backoff.due(now):
            return Block.empty(self._n_channels)
        try:
            if not self._open:
                self._source.start()
                self._opened(now)
            block = self._source.read()
            self._take(block, now)
            self._check_silence(now)
        except SourceError as error:
            self._lost(error, now)
            return Block.empty(self._n_channels)
        return replace(block, frame_index=block.frame_index + self._shift) if self._shift else block

    def finished(self) -> bool:
        """Whether a source of limited length has delivered its last frame."""
        return self._open and self._source.finished()

    def stop(self) -> None:
        """Release the source; may be called twice."""
        self._source.stop()

    def _opened(self, now: float) -> None:
        self._open, self._had_frames, self._started_at = True, False, now

    def _take(self, block: Block, now: float) -> None:
        if len(block.frame_index) == 0:
            return
        if self._shift is None:
            by_clock = self._newest + round((now - self._newest_at) * self._rate_hz)
            first = max(self._newest + 1, by_clock - len(block.frame_index) + 1)
            self._shift = first - int(block.frame_index[0])
        newest = int(block.frame_index.max()) + self._shift
        if newest > self._newest:
            self._newest, self._newest_at = newest, now
            self.fresh_at = now
            if self._backoff.away:
                log.warning("%s: back again", self.description)
                self._backoff.back()
            self._had_frames = True

    def _check_silence(self, now: float) -> None:
        since, limit = (self._newest_at, SILENT_S) if self._had_frames else (self._started_at, START_S)
        if now - since > limit and not self._source.finished():
            raise SourceError(
                f"{self.description}: no new frames for {limit:g} s; the hand was stopped. "
                "Check that the amplifier is on and connected"
            )

    def _lost(self, error: SourceError, now: float) -> None:
        first = not self._backoff.away
        self._backoff.lost(now)
        if self.fresh_at is None or self._backoff.over(now):
            raise error
        if first:
            self.losses += 1
            log.warning("%s; looking for it for %g s", error, self._backoff.patience_s)
        self._open, self._shift = False, None
        try:
            self._source.stop()
        except SourceError as failure:
            log.debug("%s", failure)
