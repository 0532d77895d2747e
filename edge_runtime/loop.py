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
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.histogram import Histogram
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.realtime import Realtime, frozen_garbage
from neurograsp.edge_runtime.run_summary import KEPT_DECISIONS, RUN_ENDED, RunSummary, RuntimeState
from neurograsp.edge_runtime.sources.base import Block, Source
from neurograsp.edge_runtime.sources.watched import WatchedSource
from neurograsp.edge_runtime.telemetry.outlet import Outlet
from neurograsp.firmware_bridge.hands.hand import Hand

log = logging.getLogger(__name__)

TICK_S = 0.05
"""The longest tick: heartbeats leave in ticks, and the hand waits 250 ms for one."""

AfterTick = Callable[[float, bool, RuntimeState, str], None]
"""Told at the end of a tick: the time, whether it was a healthy one (`Actuation.healthy`), the state, and why
in words ("" where there is nothing to say). Must not wait or raise."""

SPENT = ("read", "filter", "infer", "decide", "send")
"""Parts of a tick, in their order."""

SECTIONS = (*SPENT, "tick")


def tick_s(signal: SignalSpec) -> float:
    """From one tick to the next."""
    return min(signal.hop_s, TICK_S)


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
    after_tick: who is told of every tick; None: nobody.
    outlet: hears of every tick; timed as "tell".
    clock: seconds, monotonic.
    sleep: waits so many seconds.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        hand: Hand | None,
        *,
        arming: Arming | None,
        reopen: Callable[[], Hand] | None = None,
        patience_s: float = 0.0,
        realtime: Realtime | None = None,
        kept_decisions: int = KEPT_DECISIONS,
        after_tick: AfterTick | None = None,
        outlet: Outlet | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        signal = pipeline.signal
        self._source = WatchedSource(source, signal.rate_hz, len(signal.channels), patience_s)
        self._pipeline = pipeline
        self._realtime = realtime or Realtime()
        self._after_tick = after_tick
        self._clock = clock
        self._sleep = sleep
        self._tick_s = tick_s(signal)
        self.summary = RunSummary(
            tick_ms=self._tick_s * 1000,
            sections={name: Histogram() for name in (*SECTIONS, "late", *(("tell",) if outlet else ()))},
            decisions=deque(maxlen=kept_decisions),
        )
        self._outlet = outlet
        tell = {} if outlet is None else {"tell": outlet.command}
        self._actuation = Actuation(hand, arming, self.summary, reopen, patience_s, clock=clock, **tell)
        self._begin = 0.0
        self._spent: dict[str, float] = {}
        self._nothing = self._block = Block.empty(len(signal.channels))
        self._decisions: list[Decision] = []
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
            self._stop_hand(RUN_ENDED)
        finally:
            self.summary.source_losses = self._source.losses
            self._source.stop()
            undo.close()
        return self.summary

    def _loop(self, seconds: float | None) -> None:
        summary = self.summary
        begin = self._begin = self._clock()
        if self._outlet is not None:
            self._outlet.begin(begin)
        self._actuation.start(begin)
        tick = 0
        while seconds is None or self._clock() - begin < seconds:
            started = self._clock()
            late = max(0.0, started - (begin + tick * self._tick_s))
            summary.sections["late"].add(late)
            tick += 1
            deadline = begin + tick * self._tick_s
            try:
                self._do_tick(started)
            finally:
                self._tell(started, late, deadline)
            if self._source.finished():
                summary.stopped_by = summary.stopped_by or "the recording ended"
                return
            ended = self._clock()
            summary.ticks += 1
            summary.sections["tick"].add(ended - started)
            if ended > deadline:
                summary.deadline_misses += 1
                tick = int((ended - begin) / self._tick_s) + 1
                deadline = begin + tick * self._tick_s
            self._sleep(deadline - ended)
        summary.stopped_by = summary.stopped_by or f"{seconds:g} s have passed"

    def _do_tick(self, now: float) -> None:
        sections, clock = self.summary.sections, self._clock
        self._spent = dict.fromkeys(SPENT, 0.0)
        self._block, self._decisions, self._actuation.request = self._nothing, [], None
        begin = clock()
        self._block = self._source.read(now)
        self._spend("read", clock() - begin)
        begin = clock()
        self._decisions = self._pipeline.push(self._block.counts, self._block.frame_index)
        spent = self._spent
        spent["decide"] = clock() - begin - spent["filter"] - spent["infer"]
        if self._decisions:
            for name in ("filter", "infer", "decide"):
                sections[name].add(spent[name])
        begin = clock()
        self._note(self._decisions)
        self._actuation.tick(now, self._decisions, self._source.age_s(now), self._pipeline.doubt)
        self._spend("send", clock() - begin)
        if self._after_tick is not None:
            self._after_tick(clock(), self._actuation.healthy, self.summary.state, self._why())

    def _why(self) -> str:
        if self._source.away:
            return "looking for the amplifier"
        return "looking for the hand" if self._actuation.away else self.summary.stopped_by

    def _spend(self, section: str, seconds: float) -> None:
        self._spent[section] = seconds
        self.summary.sections[section].add(seconds)

    def _tell(self, started: float, late: float, deadline: float) -> None:
        """Of the tick that has just been done, as far as it came."""
        if self._outlet is None:
            return
        begin = self._clock()
        summary, actuation, source, spent = self.summary, self._actuation, self._source, self._spent
        request = actuation.request
        self._outlet.tick(
            started,
            self._block,
            self._decisions,
            actuation.hand,
            (
                summary.ticks,
                late,
                spent["read"],
                spent["filter"],
                spent["infer"],
                spent["decide"],
                spent["send"],
                begin - started,
                begin > deadline,
                source.age_s(started),
                source.away,
                actuation.away,
                summary.state._value_,  # `value` takes a call
                summary.stopped_by,
                self._pipeline.doubt,
                None if request is None else request._value_,
            ),
        )
        summary.sections["tell"].add(self._clock() - begin)

    def _note(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            self.summary.n_decisions += 1
            self.summary.decisions.append((self._clock() - self._begin, decision))
            self.summary.activations += decision.started
            if decision.started:
                log.info("%.2f s %s", decision.time_s, decision.reason)

    def _stop_hand(self, reason: str) -> None:
        now = self._clock()
        try:
            self._actuation.stop(now, reason)
        finally:
            if self._outlet is not None:
                self._outlet.rest(now)

    def _count(self, stage: str, seconds: float) -> None:
        self._spent[stage] += seconds
