"""The control loop: gives the pure pipeline its time, and the hand its heartbeat.

One tick a hop, or every 50 ms where a hop is longer, at absolute deadlines. A heartbeat leaves only at
the end of a tick, and only while the newest frame is at most 0.1 s old. Whatever ends the loop, the hand
is stopped first.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress

from neurograsp.edge_runtime.actuation import Actuation
from neurograsp.edge_runtime.arming import Arming
from neurograsp.edge_runtime.contract.errors import LinkError
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.histogram import Histogram
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.realtime import Realtime, frozen_garbage
from neurograsp.edge_runtime.run_summary import KEPT_DECISIONS, RunSummary
from neurograsp.edge_runtime.sources.base import Source
from neurograsp.edge_runtime.sources.watched import WatchedSource
from neurograsp.firmware_bridge.link import HandLink

log = logging.getLogger(__name__)

TICK_S = 0.05
"""The longest tick: heartbeats leave in ticks, and the hand waits 250 ms for one."""

SECTIONS = ("read", "filter", "infer", "decide", "send", "tick")


class ControlLoop:
    """Args:
    source: of the frames.
    pipeline: counts to decisions; it is timed as "filter", "infer" (its scorer) and "decide" (all else).
    hand: a connected link, or None to decide without a hand.
    arming: who arms the hand; None: nobody, commands are decided and not sent.
    reopen: connects to a hand that was lost.
    patience_s: how long a lost source or hand is looked for; 0: the run ends at once.
    realtime: what to ask of the operating system; None: nothing.
    kept_decisions: how many of the newest the summary keeps; a decision takes 0.7 kB.
    clock: seconds, monotonic.
    sleep: waits so many seconds.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        hand: HandLink | None,
        *,
        arming: Arming | None,
        reopen: Callable[[], HandLink] | None = None,
        patience_s: float = 0.0,
        realtime: Realtime | None = None,
        kept_decisions: int = KEPT_DECISIONS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        signal = pipeline.signal
        self._source = WatchedSource(source, signal.rate_hz, len(signal.channels), patience_s)
        self._pipeline = pipeline
        self._realtime = realtime or Realtime()
        self._clock = clock
        self._sleep = sleep
        self._tick_s = min(signal.hop_s, TICK_S)
        self.summary = RunSummary(
            tick_ms=self._tick_s * 1000,
            sections={name: Histogram() for name in (*SECTIONS, "late")},
            decisions=deque(maxlen=kept_decisions),
        )
        self._actuation = Actuation(hand, arming, self.summary, reopen, patience_s)
        self._begin = 0.0
        self._spent: dict[str, float] = {}
        pipeline.time_stages(clock, self._count)

    def run(self, seconds: float | None = None) -> RunSummary:
        """Run until the source ends, `seconds` have passed, or something fails.

        Raises:
            SourceError: the source is lost or silent. The hand has been stopped.
            LinkError: the hand is lost or in FAILSAFE. It stops by its own watchdog.
            KeyboardInterrupt: passed on once the hand has been stopped.
        """
        undo = ExitStack()
        try:
            undo.enter_context(frozen_garbage())
            self._source.start(self._clock())
            self.summary.realtime = undo.enter_context(self._realtime.taken())
            self._loop(seconds)
        except BaseException as error:
            # A hand that cannot be told stops by its watchdog; what failed first is what is reported.
            with suppress(LinkError):
                self._stop_hand("interrupted" if isinstance(error, KeyboardInterrupt) else f"{error!s:.200}")
            raise
        else:
            self._stop_hand("the run ended")
        finally:
            self.summary.source_losses = self._source.losses
            self._source.stop()
            undo.close()
        return self.summary

    def _loop(self, seconds: float | None) -> None:
        summary = self.summary
        begin = self._begin = self._clock()
        self._actuation.start(begin)
        tick = 0
        while seconds is None or self._clock() - begin < seconds:
            started = self._clock()
            summary.sections["late"].add(max(0.0, started - (begin + tick * self._tick_s)))
            self._do_tick(started)
            if self._source.finished():
                summary.stopped_by = summary.stopped_by or "the recording ended"
                return
            ended = self._clock()
            summary.ticks += 1
            summary.sections["tick"].add(ended - started)
            tick += 1
            deadline = begin + tick * self._tick_s
            if ended > deadline:
                summary.deadline_misses += 1
                tick = int((ended - begin) / self._tick_s) + 1
                deadline = begin + tick * self._tick_s
            self._sleep(deadline - ended)
        summary.stopped_by = summary.stopped_by or f"{seconds:g} s have passed"

    def _do_tick(self, now: float) -> None:
        sections, clock = self.summary.sections, self._clock
        begin = clock()
        block = self._source.read(now)
        sections["read"].add(clock() - begin)
        self._spent = {"filter": 0.0, "infer": 0.0}
        begin = clock()
        decisions = self._pipeline.push(block.counts, block.frame_index)
        elapsed = clock() - begin
        if decisions:
            self._spent["decide"] = elapsed - sum(self._spent.values())
            for name, seconds in self._spent.items():
                sections[name].add(seconds)
        begin = clock()
        self._note(decisions)
        self._actuation.tick(now, decisions, self._source.age_s(now), self._pipeline.doubt)
        sections["send"].add(clock() - begin)

    def _note(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            self.summary.n_decisions += 1
            self.summary.decisions.append((self._clock() - self._begin, decision))
            self.summary.activations += decision.started
            if decision.started:
                log.info("%.2f s %s", decision.time_s, decision.reason)

    def _stop_hand(self, reason: str) -> None:
        self._actuation.stop(self._clock(), reason)

    def _count(self, stage: str, seconds: float) -> None:
        self._spent[stage] += seconds
