"""What `neurograsp bench` found: plain data, and what differs between two of them."""

from dataclasses import dataclass, fields
from typing import Literal

from neurograsp.edge_runtime.histogram import Histogram
from neurograsp.edge_runtime.machine import Machine
from neurograsp.edge_runtime.realtime import Grant

SCHEMA: Literal["neurograsp.bench/1"] = "neurograsp.bench/1"


@dataclass(frozen=True)
class Durations:
    """Of one part, in microseconds; None where there were none."""

    count: int
    mean_us: float | None
    p50_us: float | None
    p95_us: float | None
    p99_us: float | None
    p999_us: float | None
    max_us: float | None

    @staticmethod
    def of(histogram: Histogram) -> "Durations":
        return Durations(**histogram.summary())  # type: ignore[arg-type]


@dataclass(frozen=True)
class LoopCost:
    """What the control loop took.

    Attributes:
        tick_ms: from one tick to the next.
        ticks, deadline_misses: after the warm-up.
        sections: as in the summary of a run; beside them "invoke", LiteRT alone, and "own", the tick without
            it.
        thread_percent, process_percent: processor time of the loop's thread and of the whole process, of one
            core.
        first_decision_s: from the start of the source; None where there was no decision.
        memory_mb: resident at the end of the run, 10^6 bytes.
        realtime: what was asked of the operating system.
    """

    tick_ms: float
    ticks: int
    deadline_misses: int
    sections: dict[str, Durations]
    thread_percent: float
    process_percent: float
    first_decision_s: float | None
    memory_mb: float
    realtime: dict[str, Grant]


@dataclass(frozen=True)
class WayCost:
    """What one way to do the work of a hop took.

    Attributes:
        name: of the way.
        filter, infer, total: durations; None where it could not be measured.
        missing: why not.
    """

    name: str
    filter: Durations | None = None
    infer: Durations | None = None
    total: Durations | None = None
    missing: str | None = None


@dataclass(frozen=True)
class BenchedBundle:
    """Attributes:
    name, sha256: of the bundle.
    network: its name in the registry.
    hop_by_hop: whether the network is computed so.
    channels, rate_hz, window_ms, hop_ms: of the signal.
    """

    name: str
    sha256: str
    network: str
    hop_by_hop: bool
    channels: int
    rate_hz: float
    window_ms: float
    hop_ms: float


@dataclass(frozen=True)
class BenchReport:
    """Attributes:
    schema: of this report.
    version: of this package.
    at: when it ended, UTC.
    machine, bundle: what was measured on, and what.
    kernel: of the filter, "C" or "numpy".
    load: processes that wanted to run in the minute before, on average.
    temperature_before_c, temperature_after_c: of the warmest sensor, where there is one.
    source, hand: in words.
    warm_up_s, seconds: left out, and measured.
    loop: the control loop.
    ways: the work of a hop done in this and in other ways; empty where that was not asked for.
    """

    schema: Literal["neurograsp.bench/1"]
    version: str
    at: str
    machine: Machine
    bundle: BenchedBundle
    kernel: Literal["C", "numpy"]
    load: float
    temperature_before_c: float | None
    temperature_after_c: float | None
    source: str
    hand: str
    warm_up_s: float
    seconds: float
    loop: LoopCost
    ways: tuple[WayCost, ...] = ()


def unlike(old: BenchReport, new: BenchReport) -> list[str]:
    """What else differs between two reports than what this package took: `what: old, now new`."""
    pairs = [
        *((f"machine.{field.name}", old.machine, new.machine, field.name) for field in fields(Machine)),
        *((f"bundle.{field.name}", old.bundle, new.bundle, field.name) for field in fields(BenchedBundle)),
        *((name, old, new, name) for name in ("version", "kernel", "source", "hand", "warm_up_s", "seconds")),
    ]
    found = [(what, getattr(one, name), getattr(other, name)) for what, one, other, name in pairs]
    for name in sorted({*old.loop.realtime, *new.loop.realtime}):
        before, now = (name in one.loop.realtime and one.loop.realtime[name].granted for one in (old, new))
        found.append((f"realtime.{name}", before, now))
    return [f"{what}: {before}, now {now}" for what, before, now in found if before != now]
