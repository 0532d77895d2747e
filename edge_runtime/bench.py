"""What a tick costs on this machine: the real control loop on a bundle, and the same job done otherwise.

The loop runs on real parts for some seconds; what it was asked to warm up with is left out. The other ways
to do a hop's work come from the entry points `neurograsp.peers`, functions of a bundle. They and this
package's way get the same frames at the same pace, one way after the other, without real-time priority.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.arming import AtOnce
from neurograsp.edge_runtime.bench_report import Durations, LoopCost, WayCost
from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.edge_runtime.contract.errors import UsageError
from neurograsp.edge_runtime.histogram import Histogram
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.machine import memory_mb
from neurograsp.edge_runtime.pipeline import Window, WindowCutter
from neurograsp.edge_runtime.realtime import Realtime, frozen_garbage
from neurograsp.edge_runtime.run_summary import RunSummary
from neurograsp.edge_runtime.sources.base import Source
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.firmware_bridge.hands.hand import Hand

Counts = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Peer:
    """Another way to do the work of a hop.

    Attributes:
        name: of the way.
        filter: counts (n_frames, n_channels) int32 of one hop to what its network takes.
        infer: that to logits.
        missing: instead of the two: what is not there.
    """

    name: str
    filter: Callable[[Counts], Any] | None = None
    infer: Callable[[Any], Any] | None = None
    missing: str | None = None


class _Tick(Histogram):
    """Whole ticks; in `invoke` what LiteRT itself took of them, in `own` all the rest."""

    def __init__(self) -> None:
        self.own = Histogram()
        self.invoke = Histogram()
        super().__init__()

    def clear(self) -> None:
        super().clear()
        self.own.clear()
        self.invoke.clear()
        self._invoked = 0.0

    def invoked(self, seconds: float) -> None:
        self._invoked += seconds
        self.invoke.add(seconds)

    def add(self, seconds: float) -> None:
        super().add(seconds)
        self.own.add(seconds - self._invoked)
        self._invoked = 0.0


class _Meter:
    """Sleeps for the loop, and looks at it before it does.

    Args:
        warm_up_s: what comes before is forgotten.
        tick: the loop's ticks.

    Attributes:
        first_decision_s: since `watch`.
    """

    def __init__(self, warm_up_s: float, tick: _Tick) -> None:
        self.first_decision_s: float | None = None
        self._tick = tick
        self._warm_up_s = warm_up_s
        self._first: float | None = None
        self._warm: tuple[float, ...] | None = None

    def watch(self, summary: RunSummary) -> None:
        summary.sections["tick"] = self._tick
        self._summary = summary
        self._now = _times()
        self._begin = self._now[0]

    def sleep(self, seconds: float) -> None:
        self._now = _times()
        now = self._now[0]
        self._first = now if self._first is None else self._first
        if self.first_decision_s is None and self._summary.n_decisions:
            self.first_decision_s = now - self._begin
        if self._warm is None and now - self._first >= self._warm_up_s:
            self._warm = self._now
            for histogram in self._summary.sections.values():
                histogram.clear()
            self._summary.ticks = self._summary.deadline_misses = 0
        time.sleep(seconds)

    def percent(self) -> tuple[float, float]:
        """Of one processor since the warm-up: this thread's part, and that of the whole process.

        Raises:
            UsageError: the loop ended before the warm-up did.
        """
        if self._warm is None or self._now[0] <= self._warm[0]:
            raise UsageError(
                f"the source ended before the warm-up of {self._warm_up_s:g} s did; name a longer one"
            )
        passed, thread, process = (now - before for now, before in zip(self._now, self._warm))
        return 100 * thread / passed, 100 * process / passed


def measure_loop(
    bundle: Bundle,
    source: Source,
    hand: Hand | None,
    *,
    seconds: float,
    warm_up_s: float,
    realtime: Realtime,
) -> LoopCost:
    """Run the control loop on real time, with the hand armed.

    Raises:
        SourceError, LinkError: see `ControlLoop.run`.
        UsageError: the source ends before the warm-up does.
    """
    network, tick = bundle.network(), _Tick()
    network.time_invoke(time.monotonic, tick.invoked)
    meter = _Meter(warm_up_s, tick)
    pipeline = bundle.pipeline(network=network)
    loop = ControlLoop(
        source, pipeline, hand, arming=AtOnce(), realtime=realtime, kept_decisions=0, sleep=meter.sleep
    )
    meter.watch(loop.summary)
    summary = loop.run(warm_up_s + seconds)
    thread, process = meter.percent()
    sections = {**summary.sections, "invoke": tick.invoke, "own": tick.own}
    return LoopCost(
        tick_ms=summary.tick_ms,
        ticks=summary.ticks,
        deadline_misses=summary.deadline_misses,
        sections={name: Durations.of(histogram) for name, histogram in sections.items()},
        thread_percent=thread,
        process_percent=process,
        first_decision_s=meter.first_decision_s,
        memory_mb=memory_mb("VmRSS"),
        realtime=summary.realtime,
    )


def measure_ways(
    bundle: Bundle,
    peers: Iterable[Peer],
    *,
    seconds: float,
    warm_up_s: float,
    report: Callable[[str], None] = lambda name: None,
) -> list[WayCost]:
    """Each way to do a hop's work, this package's first, for `seconds` each at the pace of the hops.

    Args:
        report: told the name of each before it begins.
    """
    signal = bundle.manifest.signal
    n_frames = signal.hop * signal.decimation
    counts = bundle.golden.counts
    hops = [counts[first : first + n_frames] for first in range(0, len(counts) - n_frames + 1, n_frames)]
    found = []
    for peer in (_own_way(bundle), *peers):
        if peer.filter is None or peer.infer is None:
            found.append(WayCost(peer.name, missing=peer.missing))
            continue
        report(peer.name)
        parts = Histogram(), Histogram(), Histogram()
        with frozen_garbage():
            begin = time.monotonic()
            for number, hop in enumerate(cycle(hops)):
                time.sleep(max(0.0, begin + number * signal.hop_s - time.monotonic()))
                passed = time.monotonic() - begin
                if passed >= warm_up_s + seconds:
                    break
                start = time.perf_counter()
                given = peer.filter(hop)
                between = time.perf_counter()
                peer.infer(given)
                end = time.perf_counter()
                if passed >= warm_up_s:
                    for part, took in zip(parts, (between - start, end - between, end - start)):
                        part.add(took)
        filtering, inferring, both = (Durations.of(part) for part in parts)
        found.append(WayCost(peer.name, filtering, inferring, both))
    return found


def _own_way(bundle: Bundle) -> Peer:
    """Filter and window, then network: as in `Pipeline`, without its decisions, which the others have not."""
    cutter = WindowCutter(bundle.manifest.signal, early=True)
    network = bundle.network()

    def window(hop: Counts) -> Window:
        (_, newest), *_ = cutter.push(hop)
        return newest

    return Peer("neurograsp", window, network.real_logits)


def golden_frames(bundle: Bundle, seconds: float) -> DeltaFrames:
    """The recorded part of the bundle's golden stretch, forwards and backwards by turns so that it never
    jumps, as a recording of at least that length."""
    spec, facts = bundle.manifest.signal, bundle.manifest.golden
    n_windows = max(facts.decided_alike, 1)
    n_frames = (spec.window + (n_windows - 1) * spec.hop) * spec.decimation
    counts = np.concatenate([bundle.golden.counts[:n_frames], bundle.golden.counts[:n_frames][::-1]])
    times = int(seconds * spec.rate_hz) // len(counts) + 1
    return DeltaFrames(
        np.tile(counts, (times, 1)),
        np.arange(times * len(counts), dtype=np.int64),
        spec.rate_hz,
        spec.channels,
        spec.lsb_uv,
        "the bundle's golden frames",
    )


def _times() -> tuple[float, float, float]:
    return time.monotonic(), time.thread_time(), time.process_time()
