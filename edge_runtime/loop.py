"""The control loop: gives the pure pipeline its time, and the hand its heartbeat.

    STARTING -> DISARMED -> ARMED -> STOPPED (latched)

One tick a hop, or every 50 ms where a hop is longer, at absolute deadlines. A heartbeat leaves only at
the end of a tick, and only while the newest frame is at most 0.25 s old. Whatever ends the loop, the hand
is stopped first.
"""

import enum
import gc
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from neurograsp.edge_runtime.contract.errors import LinkError, SourceError
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.histogram import Histogram
from neurograsp.edge_runtime.pipeline import STOP, Pipeline
from neurograsp.edge_runtime.sources.base import Source
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import Fault, HandAction, HandStatus

log = logging.getLogger(__name__)

TICK_S = 0.05
"""The longest tick: heartbeats leave in ticks, and the hand waits 250 ms for one."""

START_S = 5.0
"""How long a source may take to its first frame."""

STALL_S = 0.5
ACTION_TTL_MS = 1000
KEPT_DECISIONS = 100_000
SECTIONS = ("read", "filter", "infer", "send", "tick")


class RuntimeState(enum.Enum):
    STARTING = "starting"
    DISARMED = "disarmed"
    ARMED = "armed"
    STOPPED = "stopped"


@dataclass
class RunSummary:
    """What one run did.

    Attributes:
        state: at the end.
        stopped_by: why the loop or the hand was stopped, in words.
        tick_ms: time from one tick to the next.
        ticks, deadline_misses: of the loop; a miss is a tick whose work outlasted its deadline.
        sections: durations of the parts of a tick; "late" is how late ticks began.
        n_decisions: of the whole run.
        decisions: the newest ones, oldest first, each with the seconds since the start of the run.
        activations: decisions that started an action.
        commands: sent to the hand, by name.
    """

    state: RuntimeState = RuntimeState.STARTING
    stopped_by: str = ""
    tick_ms: float = 0.0
    ticks: int = 0
    deadline_misses: int = 0
    sections: dict[str, Histogram] = field(default_factory=dict)
    n_decisions: int = 0
    decisions: deque[tuple[float, Decision]] = field(default_factory=lambda: deque(maxlen=KEPT_DECISIONS))
    activations: int = 0
    commands: dict[str, int] = field(default_factory=dict)

    def timing(self) -> dict[str, Any]:
        """Ticks, misses and the durations of the sections, as plain values."""
        return {
            "tick_ms": self.tick_ms,
            "ticks": self.ticks,
            "deadline_misses": self.deadline_misses,
            "sections": {name: histogram.summary() for name, histogram in self.sections.items()},
        }


class ControlLoop:
    """Args:
    source: of the frames.
    pipeline: counts to decisions. Its scorer is timed as "infer".
    hand: a connected link, or None to decide without a hand.
    arm: whether to arm the hand once frames arrive; otherwise commands are decided and not sent.
    clock: seconds, monotonic.
    sleep: waits so many seconds.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        hand: HandLink | None,
        *,
        arm: bool,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._hand = hand
        self._arm = arm
        self._clock = clock
        self._sleep = sleep
        self._tick_s = min(pipeline.signal.hop_s, TICK_S)
        self.summary = RunSummary(
            tick_ms=self._tick_s * 1000, sections={name: Histogram() for name in (*SECTIONS, "late")}
        )
        self._begin = 0.0
        self._fresh_at: float | None = None
        self._infer_s = 0.0
        pipeline.time_scorer(clock, self._count_infer)

    def run(self, seconds: float | None = None) -> RunSummary:
        """Run until the source ends, `seconds` have passed, or something fails.

        Raises:
            SourceError: the source is lost or silent. The hand has been stopped.
            LinkError: the hand is lost or in FAILSAFE. It stops by its own watchdog.
            KeyboardInterrupt: passed on once the hand has been stopped.
        """
        gc.collect()
        gc.freeze()
        try:
            self._source.start()
            self._loop(seconds)
        except BaseException as error:
            # A hand that cannot be told stops by its watchdog; what failed first is what is reported.
            with suppress(LinkError):
                self._stop_hand("interrupted" if isinstance(error, KeyboardInterrupt) else f"{error!s:.200}")
            raise
        else:
            self._stop_hand("the run ended")
        finally:
            self._set_state(RuntimeState.STOPPED)
            self._source.stop()
            gc.unfreeze()
        return self.summary

    def _loop(self, seconds: float | None) -> None:
        summary = self.summary
        begin = self._begin = self._clock()
        self._set_state(RuntimeState.DISARMED)
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
        with self._section("read"):
            block = self._source.read()
        self._infer_s = 0.0
        begin = self._clock()
        taken = self._pipeline.counters.frames
        decisions = self._pipeline.push(block.counts, block.frame_index)
        elapsed = self._clock() - begin
        if self._pipeline.counters.frames > taken:
            self._fresh_at = now
        self._check_fresh(now)
        if decisions:
            self.summary.sections["infer"].add(self._infer_s)
            self.summary.sections["filter"].add(elapsed - self._infer_s)
        with self._section("send"):
            self._send(decisions, self._fresh_at is not None and now - self._fresh_at <= STALL_S / 2)

    def _check_fresh(self, now: float) -> None:
        """New frames must keep coming; repeated ones, which the pipeline drops, are none."""
        since, limit = (self._begin, START_S) if self._fresh_at is None else (self._fresh_at, STALL_S)
        if now - since > limit:
            raise SourceError(
                f"{self._source.description}: no new frames for {limit:g} s; the hand was stopped. "
                "Check that the amplifier is on and connected"
            )

    def _send(self, decisions: list[Decision], fresh: bool) -> None:
        summary = self.summary
        for decision in decisions:
            summary.n_decisions += 1
            summary.decisions.append((self._clock() - self._begin, decision))
            summary.activations += decision.started
            if decision.started:
                log.info("%.2f s %s", decision.time_s, decision.reason)
            if decision.command == STOP:
                self._stop_hand(decision.reason)
            elif decision.command is not None and summary.state is RuntimeState.ARMED and self._hand:
                self._hand.act(HandAction[decision.command], decision.speed, decision.force, ACTION_TTL_MS)
                summary.commands[decision.command] = summary.commands.get(decision.command, 0) + 1
        if self._hand is None:
            return
        if summary.state is RuntimeState.DISARMED and self._arm and decisions:
            self._hand.arm()
            self._set_state(RuntimeState.ARMED)
        self._hand.service(healthy=fresh and summary.state is not RuntimeState.STOPPED)
        # Without fresh frames the hand falls silent by design, and the source is to blame.
        hand = self._hand.state
        if fresh and summary.state is RuntimeState.ARMED and not hand.state.armed:
            raise LinkError(f"the hand went into {hand.state.name}{_cause(hand)}")

    def _stop_hand(self, reason: str) -> None:
        if self.summary.state is RuntimeState.STOPPED:
            return
        self.summary.stopped_by = self.summary.stopped_by or reason
        if self._hand is not None:
            self._hand.stop()
        self._set_state(RuntimeState.STOPPED)

    def _set_state(self, state: RuntimeState) -> None:
        if state is self.summary.state:
            return
        self.summary.state = state
        log.info("runtime %s", state.value)

    def _count_infer(self, seconds: float) -> None:
        self._infer_s += seconds

    @contextmanager
    def _section(self, name: str) -> Iterator[None]:
        begin = self._clock()
        try:
            yield
        finally:
            self.summary.sections[name].add(self._clock() - begin)


def _cause(hand: HandStatus) -> str:
    if not hand.state.latched:
        return ", disarmed by somebody else; look at it, then start again"
    if hand.fault is Fault.LINK_SILENT:
        return " (LINK_SILENT): its link or this computer was too slow; look at both, then start again"
    return f" ({hand.fault.name}); look at it, then start again"
