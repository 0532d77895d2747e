"""`neurograsp run`."""

import argparse
import json
import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.cli.calibrated import applied_calibration, describe_drift
from neurograsp.edge_runtime.cli.realtime import add_realtime, realtime_of
from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted

if TYPE_CHECKING:
    from neurograsp.edge_runtime.arming import Arming
    from neurograsp.edge_runtime.cli.hands import OpenHand

HELP = "run a bundle: amplifier or recording in, hand out"
EXAMPLE = "neurograsp run --bundle runs/gal.bundle --source synthetic --hand sim --seconds 10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, required=True, help="bundle folder or archive")
    parser.add_argument(
        "--source",
        required=True,
        help="playback:FILE (through BrainFlow's playback board), synthetic, or board:NAME[:port]",
    )
    parser.add_argument(
        "--hand",
        default="sim",
        help="sim: the firmware in a process of its own (default); a port such as /dev/ttyACM0; none",
    )
    arming = parser.add_mutually_exclusive_group()
    arming.add_argument(
        "--arm",
        action="store_true",
        help="arm a real hand once, when the signal is there; without it nothing moves. The simulated hand "
        "arms unless --arm-by or --shadow says otherwise",
    )
    arming.add_argument(
        "--arm-by",
        metavar="WAY",
        help="arm and disarm while it runs, after a stop too. key: a arms, any other key stops; serial:PORT: "
        "a switch between RTS and CTS; gpio:CHIP:LINE: a switch to ground; opening it stops",
    )
    arming.add_argument("--shadow", action="store_true", help="decide and say what would be sent, to no hand")
    parser.add_argument(
        "--reconnect",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="look so long for an amplifier or hand that is lost on the way; 0: end at once (default: 30)",
    )
    parser.add_argument("--seconds", type=float, help="stop after so long; otherwise at the source's end")
    parser.add_argument("--speed", type=float, default=1.0, help="of playback; 1 is real time")
    parser.add_argument("--start", type=float, default=0.0, help="seconds of the recording to leave out")
    add_realtime(parser)
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="thresholds of `neurograsp calibrate` for this bundle",
    )
    add_public_key(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the session's decisions there (JSON)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.bundle import verify_golden
    from neurograsp.edge_runtime.cli.hands import check_commands, check_force, open_hand
    from neurograsp.edge_runtime.cli.sources import clock_of, open_source
    from neurograsp.edge_runtime.contract.errors import NeurograspError, UsageError
    from neurograsp.edge_runtime.files import check_writable, write_whole
    from neurograsp.edge_runtime.loop import ControlLoop
    from neurograsp.edge_runtime.run_summary import KEPT_DECISIONS

    if arguments.seconds is not None and not arguments.seconds > 0:
        raise UsageError("--seconds must be positive")
    if not 0.1 <= arguments.speed <= 1000:
        raise UsageError("--speed must be 0.1 to 1000")
    if (arguments.speed != 1 or arguments.start) and not arguments.source.startswith("playback:"):
        raise UsageError("--speed and --start are for --source playback:FILE")
    if (arguments.arm or arguments.arm_by) and arguments.hand == "none":
        raise UsageError("--arm, --arm-by: there is no hand to arm with --hand none")
    if not 0 <= arguments.reconnect <= 86_400:
        raise UsageError("--reconnect must be 0 to 86400 seconds")
    realtime = realtime_of(arguments)
    if arguments.out is not None:
        check_writable(arguments.out)
    stop_on_signals()
    if arguments.arm_by or arguments.shadow:
        for name in ("actuation", "loop"):  # whoever arms must see what the hand is let do, and why
            logging.getLogger(f"neurograsp.edge_runtime.{name}").setLevel(logging.INFO)
    bundle = open_trusted(arguments.bundle, arguments.public_key)
    verify_golden(bundle)
    manifest = bundle.manifest
    calibrated = applied_calibration(arguments.calibration, bundle)
    source = open_source(arguments.source, manifest.signal, arguments.speed, arguments.start)
    pipeline = bundle.pipeline(decision=calibrated.decision)
    calibrated.watch(pipeline)
    failure: BaseException | None = None
    try:
        with (
            open_hand("none" if arguments.shadow else arguments.hand) as hand,
            arming_of(arguments) as arming,
        ):
            check_commands(manifest.signal, hand)
            check_force(manifest.decision, hand)
            if hand.link is not None and arming is None:
                print(f"{hand.name}: not armed, nothing will move; --arm lets it", file=sys.stderr)
            loop = ControlLoop(
                source,
                pipeline,
                hand.link,
                arming=arming,
                reopen=hand.reopen,
                patience_s=arguments.reconnect,
                realtime=realtime,
                kept_decisions=0 if arguments.out is None else KEPT_DECISIONS,
            )
            try:
                loop.run(arguments.seconds)
            except (KeyboardInterrupt, NeurograspError) as error:
                failure = error  # what happened until then is what a person wants to see
    finally:
        source.stop()
    report = describe(arguments, bundle.sha256, loop, hand, pipeline)
    report |= calibrated.report() | {"clock": clock_of(source)}
    print(json.dumps(report) if arguments.json else render(report))
    if arguments.out is not None:
        write_whole(arguments.out, json.dumps({**report, **session(loop, hand)}).encode())
    if failure is not None:
        raise failure
    return 0


def stop_on_signals() -> None:
    """As with Ctrl-C the hand is stopped before the program ends, whoever wants it to end."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


@contextmanager
def arming_of(arguments: argparse.Namespace) -> Iterator["Arming | None"]:
    """Who arms the hand, by the command line; None: nobody."""
    from neurograsp.edge_runtime.arming import AtOnce
    from neurograsp.edge_runtime.cli.arming import open_arming

    if arguments.arm_by is not None:
        with open_arming(arguments.arm_by) as arming:
            yield arming
    else:
        yield AtOnce() if arguments.arm or arguments.hand == "sim" else None


def describe(
    arguments: argparse.Namespace, sha256: str, loop: Any, hand: "OpenHand", pipeline: Any
) -> dict[str, Any]:
    """The run as plain values; see docs/schemas/run.schema.json."""
    from dataclasses import asdict

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
    if report["drift"] is not None:
        lines.append(f"  drift            {describe_drift(report['drift'])}")
    if hand["moved"]:
        travel = ", ".join(str(us) for us in hand["moved"]["travel_us"])
        lines.append(f"  joints moved by  {travel} us")
    return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
