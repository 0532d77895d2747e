"""A live source against this machine's clock: the rate at which its frames come, and how late they are."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from neurograsp.edge_runtime.sources.base import Block, Source

log = logging.getLogger(__name__)

WINDOW_S = 60.0
LEAST_S = 10.0
"""A rate is known after so long: 20 ms of jitter are 0.2 % of it."""

TOLERATED = 0.01
"""Part of the rate that it may be off, before somebody is told. Amplifiers' quartzes are off by 0.0001."""


@dataclass(frozen=True)
class ClockReport:
    """Attributes:
    rate_hz: frames a second over the last minute, lost ones included; None before `LEAST_S`.
    ppm: what it is above the nominal rate, in millionths of it.
    late_ms: the most that a frame came later than the earliest of the minute before it.
    """

    rate_hz: float | None
    ppm: float | None
    late_ms: float


class StreamClock:
    """Frame numbers against the time of their arrival.

    Args:
        rate_hz: nominal.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._late_s = self._earliest_s = 0.0
        self._points: deque[tuple[float, int]] = deque()
        self._newest: tuple[float, int] | None = None

    def restart(self) -> None:
        """The numbers begin anew."""
        self._points.clear()
        self._newest = None

    def add(self, now_s: float, number: int) -> None:
        """The newest frame's number, at its arrival; one a second is kept."""
        if self._newest is not None and number <= self._newest[1]:
            return
        self._newest = now_s, number
        if not self._points or now_s - self._points[-1][0] >= 1:
            self._points.append(self._newest)
            while now_s - self._points[0][0] > WINDOW_S:
                self._points.popleft()
            self._earliest_s = min(map(self._offset_s, self._points))
        self._late_s = max(self._late_s, self._offset_s(self._newest) - self._earliest_s)

    def _offset_s(self, point: tuple[float, int]) -> float:
        return point[0] - point[1] / self._rate_hz

    @property
    def report(self) -> ClockReport:
        rate_hz = ppm = None
        if self._newest is not None and self._newest[0] - self._points[0][0] >= LEAST_S:
            (begin_s, first), (end_s, last) = self._points[0], self._newest
            rate_hz = (last - first) / (end_s - begin_s)
            ppm = (rate_hz / self._rate_hz - 1) * 1e6
        return ClockReport(rate_hz, ppm, self._late_s * 1000)


class ClockedSource:
    """Passes on what a live source delivers, and says once when its rate is not the nominal one.

    Args:
        source: whose frames come when they were measured.
        rate_hz: nominal.
        clock: seconds, monotonic.

    Attributes:
        stream_clock: what is known so far.
    """

    def __init__(self, source: Source, rate_hz: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.description = source.description
        self.stream_clock = StreamClock(rate_hz)
        self._source, self._rate_hz, self._clock = source, rate_hz, clock
        self._told = False

    def start(self) -> None:
        self.stream_clock.restart()
        self._source.start()

    def read(self) -> Block:
        block = self._source.read()
        if len(block.frame_index):
            self.stream_clock.add(self._clock(), int(block.frame_index.max()))
            if not self._told:
                self._tell()
        return block

    def _tell(self) -> None:
        report = self.stream_clock.report
        if report.rate_hz is None or report.ppm is None or abs(report.ppm) <= TOLERATED * 1e6:
            return
        self._told = True
        log.warning(
            "%s: %.1f frames come a second, and the bundle was trained at %g: its filter is as much off, or "
            "frames are lost unseen; set the amplifier's rate, look at radio and cable",
            self.description,
            report.rate_hz,
            self._rate_hz,
        )

    def finished(self) -> bool:
        return self._source.finished()

    def stop(self) -> None:
        self._source.stop()
