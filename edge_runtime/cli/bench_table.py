"""Reports of `neurograsp bench` as tables."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.edge_runtime.bench_report import BenchReport, Durations, WayCost

SECTIONS = {
    "read": "reading the source",
    "filter": "filter",
    "infer": "network, with its way in and out",
    "decide": "window, decision",
    "send": "hand",
    "tick": "whole tick",
    "own": "whole tick without LiteRT",
    "invoke": "LiteRT alone",
    "late": "tick late by",
}
LABEL = max(len(label) for label in SECTIONS.values())
WAY = 51


def render(report: "BenchReport") -> str:
    """One report."""
    parts = (_facts(report), _sections(report), _loop(report), _ways(report.ways))
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines)


def _facts(report: "BenchReport") -> Iterator[str]:
    machine, bundle = report.machine, report.bundle
    form = "hop by hop" if bundle.hop_by_hop else "whole windows"
    signal = f"{bundle.channels} channels at {bundle.rate_hz:g} Hz"
    yield _line("bundle", f"{bundle.name}: {signal}, {bundle.network} {form}, {bundle.window_ms:g} ms")
    yield _line("source", report.source)
    yield _line("hand", report.hand)
    yield _line("machine", f"{machine.model}, {machine.kernel}")
    instructions = " ".join(machine.instructions) or "no instructions for int8"
    yield _line("processor", f"{machine.cpu}, {machine.cores} cores, {instructions}")
    yield _line("governor", machine.governor or "not offered")
    warmth = [report.temperature_before_c, report.temperature_after_c]
    degrees = " to ".join("?" if one is None else f"{one:.0f} C" for one in warmth)
    yield _line("temperature", "not offered" if warmth == [None, None] else degrees)
    yield _line("load before", f"{report.load:.1f}")
    yield _line("software", f"neurograsp {report.version} (filter: {report.kernel}), Python {machine.python}")
    for name, grant in report.loop.realtime.items():
        yield _line(name, grant.detail)


def _sections(report: "BenchReport") -> Iterator[str]:
    columns = ("p50", "p95", "p99", "p99.9", "max")
    yield f"  {'us':<{LABEL}}" + "".join(f"{column:>9}" for column in columns)
    for name, label in SECTIONS.items():
        one = report.loop.sections[name]
        values = (one.p50_us, one.p95_us, one.p99_us, one.p999_us, one.max_us)
        yield f"  {label:<{LABEL}}" + "".join(f"{_whole(value):>9}" for value in values)


def _loop(report: "BenchReport") -> Iterator[str]:
    loop = report.loop
    first = "none" if loop.first_decision_s is None else f"{loop.first_decision_s:.2f} s after the start"
    yield _line("deadline misses", f"{loop.deadline_misses} of {loop.ticks} ticks of {loop.tick_ms:g} ms")
    shares = f"{loop.thread_percent:.1f} % of one core, {loop.process_percent:.1f} % with all threads"
    yield _line("processor time", shares)
    yield _line("memory", f"{loop.memory_mb:.0f} MB resident")
    yield _line("first decision", first)


def _ways(ways: "tuple[WayCost, ...]") -> Iterator[str]:
    if not ways:
        return
    yield f"  {'a hop in ms, p50 / p99':<{WAY}}{'filter':>18}{'network':>18}{'both':>18}{'times':>8}"
    for way in ways:
        if way.filter is None or way.infer is None or way.total is None:
            yield f"  {way.name:<{WAY}}  not measured: {way.missing}"
            continue
        cells = "".join(f"{_pair(part):>18}" for part in (way.filter, way.infer, way.total))
        yield f"  {way.name:<{WAY}}{cells}{_times(ways[0], way):>8}"


def render_change(old: "BenchReport", new: "BenchReport") -> str:
    """The sections of two reports side by side, and what else is not the same."""
    from neurograsp.edge_runtime.bench_report import unlike

    lines = ["", f"  compared with {old.at}", *(f"  other: {what}" for what in unlike(old, new))]
    lines.append(f"  {'us, before -> now':<{LABEL}}{'p50':>16}{'p99':>26}")
    for name, label in SECTIONS.items():
        one, other = old.loop.sections.get(name), new.loop.sections[name]
        if one is not None:
            cells = _change(one.p50_us, other.p50_us) + _change(one.p99_us, other.p99_us)
            lines.append(f"  {label:<{LABEL}}{cells}")
    return "\n".join(lines)


def _line(label: str, text: str) -> str:
    return f"  {label:<17}{text}"


def _change(before: float | None, now: float | None) -> str:
    percent = f"{100 * (now - before) / before:+.0f} %" if before and now is not None else ""
    return f"{f'{_whole(before)} -> {_whole(now)}':>17}{percent:>9}"


def _whole(us: float | None) -> str:
    return "-" if us is None else f"{us:.0f}"


def _pair(one: "Durations") -> str:
    return " / ".join("-" if us is None else f"{us / 1000:.3g}" for us in (one.p50_us, one.p99_us))


def _times(own: "WayCost", other: "WayCost") -> str:
    one, two = own.total, other.total
    if one is None or two is None or not one.p50_us or two.p50_us is None:
        return ""
    return f"{two.p50_us / one.p50_us:.1f}"
