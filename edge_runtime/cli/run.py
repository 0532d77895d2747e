"""`neurograsp run`."""

import argparse
import json
import signal
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.cli.calibrated import applied_calibration, describe_drift
from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted

if TYPE_CHECKING:
    from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
    from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
    from neurograsp.edge_runtime.sources.base import Source
    from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
    from neurograsp.firmware_bridge.link import HandLink

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
    parser.add_argument(
        "--arm",
        action="store_true",
        help="arm a real hand once frames arrive; without it nothing moves. The simulated hand always arms",
    )
    parser.add_argument("--seconds", type=float, help="stop after so long; otherwise at the source's end")
    parser.add_argument("--speed", type=float, default=1.0, help="of playback; 1 is real time")
    parser.add_argument("--start", type=float, default=0.0, help="seconds of the recording to leave out")
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
    from neurograsp.edge_runtime.contract.errors import NeurograspError, UsageError
    from neurograsp.edge_runtime.files import check_writable, write_whole
    from neurograsp.edge_runtime.loop import ControlLoop

    if arguments.seconds is not None and not arguments.seconds > 0:
        raise UsageError("--seconds must be positive")
    if not 0.1 <= arguments.speed <= 1000:
        raise UsageError("--speed must be 0.1 to 1000")
    if (arguments.speed != 1 or arguments.start) and not arguments.source.startswith("playback:"):
        raise UsageError("--speed and --start are for --source playback:FILE")
    if arguments.arm and arguments.hand == "none":
        raise UsageError("--arm: there is no hand to arm with --hand none")
    if arguments.out is not None:
        check_writable(arguments.out)
    # As with Ctrl-C the hand is stopped before the program ends, whoever wants it to end.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    bundle = open_trusted(arguments.bundle, arguments.public_key)
    verify_golden(bundle)
    manifest = bundle.manifest
    calibrated = applied_calibration(arguments.calibration, bundle)
    source = open_source(arguments.source, manifest.signal, arguments.speed, arguments.start)
    pipeline = bundle.pipeline(calibrated.decision)
    calibrated.watch(pipeline)
    failure: BaseException | None = None
    try:
        with open_hand(arguments.hand) as hand:
            check_commands(manifest.signal, hand)
            check_force(manifest.decision, hand)
            arm = arguments.arm or arguments.hand == "sim"
            if hand.link is not None and not arm:
                print(f"{hand.name}: not armed, nothing will move; --arm lets it", file=sys.stderr)
            loop = ControlLoop(source, pipeline, hand.link, arm=arm)
            try:
                loop.run(arguments.seconds)
            except (KeyboardInterrupt, NeurograspError) as error:
                failure = error  # what happened until then is what a person wants to see
    finally:
        source.stop()
    report = describe(arguments, bundle.sha256, loop, hand, pipeline) | calibrated.report()
    print(json.dumps(report) if arguments.json else render(report))
    if arguments.out is not None:
        write_whole(arguments.out, json.dumps({**report, **session(loop, hand)}).encode())
    if failure is not None:
        raise failure
    return 0


def open_source(text: str, spec: "SignalSpec", speed: float = 1.0, start_s: float = 0.0) -> "Source":
    """The source that `--source` names.

    Raises:
        UsageError: not of the form that the help names.
        ConfigError, RecordingError, SourceError: it does not fit the bundle or cannot be opened.
    """
    from neurograsp.edge_runtime.contract.errors import ConfigError, UsageError
    from neurograsp.edge_runtime.sources.brainflow_board import BrainFlowSource, PlaybackSource
    from neurograsp.edge_runtime.sources.synthetic import SyntheticSource

    kind, _, rest = text.partition(":")
    if kind == "playback" and rest:
        return PlaybackSource(skip(read_frames(Path(rest)), start_s), spec, speed)
    if kind == "synthetic" and not rest:
        return SyntheticSource(spec)
    if kind == "board" and rest:
        if spec.gap.stop_after_s == "never":
            raise ConfigError(
                f"--source {text}: the bundle never stops the hand at a gap, which is for recordings in "
                "pieces; set signal.gap.stop_after_s to seconds and train again"
            )
        name, _, port = rest.partition(":")
        return BrainFlowSource(name, port, spec)
    raise UsageError(f"--source {text}: expected playback:FILE, synthetic or board:NAME[:port]")


def read_frames(path: Path) -> "DeltaFrames":
    """A recording: delta-coded npz by this package, others by the readers that are installed.

    Readers are the entry points `neurograsp.readers`, functions of a path.
    """
    from neurograsp.edge_runtime.contract.errors import RecordingError
    from neurograsp.edge_runtime.sources.delta_npz import read_delta_npz

    try:
        return read_delta_npz(path)
    except RecordingError:
        if path.suffix == ".npz" and not zipfile.is_zipfile(path):
            raise
        reader = next(iter(entry_points(group="neurograsp.readers")), None)
        if reader is None:
            raise
        frames: DeltaFrames = reader.load()(path)
        return frames


def skip(frames: "DeltaFrames", start_s: float) -> "DeltaFrames":
    """The recording without its first seconds."""
    from dataclasses import replace

    from neurograsp.edge_runtime.contract.errors import UsageError

    length_s = len(frames.counts) / frames.rate_hz
    if not 0 <= start_s < length_s:
        raise UsageError(f"--start {start_s:g}: the recording has {length_s:.1f} s")
    first = int(start_s * frames.rate_hz)
    return replace(frames, counts=frames.counts[first:], frame_index=frames.frame_index[first:])


@dataclass
class OpenHand:
    """A connected link, if any, and the trace of the simulated hand."""

    name: str
    link: "HandLink | None" = None
    trace: Any = None


@contextmanager
def open_hand(url: str) -> Iterator[OpenHand]:
    """Connect to the hand that `--hand` names; it is stopped and released at the end.

    Raises:
        LinkError: it is not there, is busy, or does not answer.
    """
    from neurograsp.firmware_bridge.host_firmware import SimulatedHand, read_trace
    from neurograsp.firmware_bridge.link import HandLink
    from neurograsp.firmware_bridge.transports import open_transport

    if url == "none":
        yield OpenHand("none")
        return
    if url != "sim":
        with HandLink(open_transport(url)) as link:
            caps = link.connect()
            yield OpenHand(f"{caps.name} on {url}", link)
        return
    with tempfile.TemporaryDirectory(prefix="neurograsp-hand-") as folder:
        trace = Path(folder) / "trace.csv"
        hand = OpenHand("simulated")
        with SimulatedHand(trace) as simulated, HandLink(open_transport(simulated.url)) as link:
            hand.name = f"{link.connect().name}, the firmware in a process of its own on {simulated.url}"
            hand.link = link
            yield hand
            hand.trace = read_trace(trace)


def check_commands(spec: "SignalSpec", hand: OpenHand) -> None:
    """Raises ConfigError when the bundle has commands that the hand does not know."""
    from neurograsp.edge_runtime.contract.errors import ConfigError

    if hand.link is None:
        return
    known = {action.name for action in hand.link.caps.actions}
    odd = sorted(set(spec.actions.commands) - known)
    if odd:
        raise ConfigError(
            f"{hand.name}: the bundle's commands {', '.join(odd)} are none of its actions "
            f"({', '.join(sorted(known))}); change actions.commands and train again"
        )


def check_force(decision: "DecisionSpec", hand: OpenHand) -> None:
    """Raises ConfigError when the bundle limits force and the hand cannot."""
    from neurograsp.edge_runtime.contract.errors import ConfigError
    from neurograsp.firmware_bridge.protocol import Feature

    limited = decision.proportional is not None and decision.proportional.of == "force"
    if limited and hand.link is not None and Feature.FORCE not in hand.link.caps.features:
        raise ConfigError(
            f"{hand.name}: cannot limit its force, as the bundle's decision.proportional wants; take another "
            "hand, or train again with of = 'speed'"
        )


def describe(
    arguments: argparse.Namespace, sha256: str, loop: Any, hand: OpenHand, pipeline: Any
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
        "hand": {"name": hand.name, "commands": summary.commands, "link": link, "moved": moved},
    }


def session(loop: Any, hand: OpenHand) -> dict[str, Any]:
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
    stream, timing, hand = report["stream"], report["timing"], report["hand"]
    lines = [
        f"  ended            {report['ended']}",
        f"  stream           {stream['frames']} frames, {stream['gaps']} gaps ({stream['missing']} frames "
        f"missing), {report['clipped']['input']} samples clipped at the input",
        f"  decisions        {report['decisions']}, of which {report['activations']} started an action",
    ]
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
        commands = ", ".join(f"{name} {count}" for name, count in hand["commands"].items()) or "none"
        lines.append(f"  commands         {commands}")
    if report["drift"] is not None:
        lines.append(f"  drift            {describe_drift(report['drift'])}")
    if hand["moved"]:
        travel = ", ".join(str(us) for us in hand["moved"]["travel_us"])
        lines.append(f"  joints moved by  {travel} us")
    return "\n".join(lines)
