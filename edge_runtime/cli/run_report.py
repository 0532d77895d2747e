"""What `neurograsp run` prints and writes at the end."""

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.cli.calibrated import describe_drift

if TYPE_CHECKING:
    from neurograsp.edge_runtime.cli.hands import OpenHand


def describe(
    arguments: argparse.Namespace, sha256: str, loop: Any, hand: "OpenHand", pipeline: Any
) -> dict[str, Any]:
    """The run as plain values; see docs/schemas/run.schema.json."""
    summary = loop.summary
    link = asdict(hand.link.stats) if hand.link is not None else None
    moved = None
    if hand.trace:
        pulses = [[us for us in column if us] for column in zip(*(row.joints_us for row in hand.trace))]
        moved = {"travel_us": [max(column) - min(column) if column else 0 for column in pulses]}
    return {
        "bundle": {"path": str(arguments.bundle), "sha256": sha256},
        "source": arguments.source,
        "ended": summary.stopped_by,
        "stream": asdict(pipeline.counters),
        "clipped": asdict(pipeline.chain.clipped),
        "decisions": summary.n_decisions,
        "activations": summary.activations,
        "timing": summary.timing(),
        "realtime": {name: asdict(grant) for name, grant in summary.realtime.items()},
        "quality": {
            "checks": pipeline.quality.checks,
            "gated": pipeline.quality.gated,
            "bad": pipeline.quality.bad,
        },
        "source_losses": summary.source_losses,
        "hand": {
            "name": hand.name,
            "armings": summary.armings,
            "stops": [{"seconds": round(seconds, 3), "reason": reason} for seconds, reason in summary.stops],
            "losses": summary.hand_losses,
            "commands": summary.commands,
            "withheld": summary.withheld,
            "link": link,
            "moved": moved,
        },
    }


def session(loop: Any, hand: "OpenHand") -> dict[str, Any]:
    """Every decision, and every servo frame of the simulated hand."""
    return {
        "log": [
            {
                "time_s": decision.time_s,
                "probabilities": [
                    None if value != value else round(float(value), 4) for value in decision.probabilities
                ],
                "action": decision.action,
                "started": decision.started,
                "command": decision.command,
                "speed": decision.speed,
                "force": decision.force,
                "reason": decision.reason,
                "wall_s": wall_s,
            }
            for wall_s, decision in loop.summary.decisions
        ],
        "trace": [
            {"ms": row.ms, "state": row.state.name, "joints_us": list(row.joints_us)}
            for row in hand.trace or ()
        ],
    }


def render(report: dict[str, Any]) -> str:
    """The run in a few lines."""
    stream, timing, hand, quality = (report[key] for key in ("stream", "timing", "hand", "quality"))
    lines = [
        f"  ended            {report['ended']}",
        f"  stream           {stream['frames']} frames, {stream['gaps']} gaps ({stream['missing']} frames "
        f"missing), {report['clipped']['input']} samples clipped at the input",
        f"  decisions        {report['decisions']}, of which {report['activations']} started an action",
    ]
    if report["clock"] and report["clock"]["rate_hz"] is not None:
        clock = report["clock"]
        lines.append(
            f"  amplifier clock  {clock['rate_hz']:.2f} frames a second ({clock['ppm']:+.0f} ppm), "
            f"at most {clock['late_ms']:.0f} ms late"
        )
    if report["source_losses"] or hand["losses"]:
        lines.append(f"  lost             amplifier {report['source_losses']}, hand {hand['losses']} times")
    if quality["bad"]:
        worst = sorted(quality["bad"].items(), key=lambda item: -sum(item[1].values()))[:3]
        text = "; ".join(f"{name} {_counts(faults)}" for name, faults in worst)
        lines.append(
            f"  electrodes       {len(quality['bad'])} were bad at times, hops: {text}; "
            f"{quality['gated']} of {quality['checks']} hops not decided on"
        )
    for name, label in {"tick": "tick", "late": "tick late by", "infer": "infer", "filter": "filter"}.items():
        section = timing["sections"][name]
        if section["count"]:
            lines.append(
                f"  {label:<17}p50 {section['p50_us'] / 1000:.2f} ms, p99 {section['p99_us'] / 1000:.2f} ms, "
                f"max {section['max_us'] / 1000:.2f} ms"
            )
    lines.append(
        f"  deadline misses  {timing['deadline_misses']} of {timing['ticks']} ticks of "
        f"{timing['tick_ms']:g} ms"
    )
    lines += [f"  {name:<17}{grant['detail']}" for name, grant in report["realtime"].items()]
    lines.append(f"  hand             {hand['name']}")
    if hand["link"]:
        link = hand["link"]
        rtt = "-" if link["rtt_ms_p50"] is None else f"{link['rtt_ms_p50']:.1f}/{link['rtt_ms_max']:.1f} ms"
        lines.append(
            f"  link             {link['acked']} of {link['sent']} requests answered, "
            f"{link['retries']} retries, "
            f"{link['nacks']} refused, {link['beats']} heartbeats, {link['crc_errors']} CRC errors, "
            f"round trip p50/max {rtt} (read once a tick)"
        )
        lines.append(f"  commands         {_counts(hand['commands'])}")
    if hand["withheld"]:
        lines.append(f"  not sent         {_counts(hand['withheld'])} (not armed)")
    lines += _told(report["telemetry"])
    if report["drift"] is not None:
        lines.append(f"  drift            {describe_drift(report['drift'])}")
    if hand["moved"]:
        travel = ", ".join(str(us) for us in hand["moved"]["travel_us"])
        lines.append(f"  joints moved by  {travel} us")
    return "\n".join(lines)


def _told(telemetry: dict[str, Any] | None) -> list[str]:
    if telemetry is None:
        return []
    lines = []
    if telemetry["log"] is not None:
        size = "" if telemetry["log_bytes"] is None else f", {telemetry['log_bytes'] / 1e6:.1f} MB"
        stopped = telemetry["log_stopped"]
        lines.append(
            f"  log              {telemetry['log']}{size}{f'; ended early: {stopped}' if stopped else ''}"
        )
    lost = {where: dropped for where, dropped in telemetry["dropped"].items() if dropped}
    if lost:
        text = "; ".join(f"{where} {_counts(dropped)}" for where, dropped in lost.items())
        lines.append(f"  not told         {text}")
    return lines


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
