"""`neurograsp bench`."""

import argparse
import json
import os
import sys
import time
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING

from neurograsp.edge_runtime.cli.bench_table import render, render_change
from neurograsp.edge_runtime.cli.demo import PRETRAINED
from neurograsp.edge_runtime.cli.realtime import add_realtime, realtime_of
from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted

if TYPE_CHECKING:
    from neurograsp.edge_runtime.bench_report import BenchedBundle, BenchReport
    from neurograsp.edge_runtime.bundle import Bundle
    from neurograsp.edge_runtime.sources.base import Source

HELP = "measure what a tick of the control loop costs on this machine"
EXAMPLE = "neurograsp bench --seconds 20 --json > today.json"

PEERS = "neurograsp.peers"
"""Entry points: functions of a bundle that give other ways to do a hop's work (`bench.Peer`)."""

MAX_REPORT = 2**20
MAX_S = 600.0
MARGIN_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bundle", nargs="?", type=Path, default=PRETRAINED, help="bundle (default: the one in the package)"
    )
    parser.add_argument(
        "--source", help="as for `run`; default: the bundle's golden frames, through BrainFlow"
    )
    parser.add_argument("--hand", choices=("sim", "none"), default="sim", help="default: sim")
    parser.add_argument("--seconds", type=float, default=10.0, help="to measure (default 10)")
    parser.add_argument("--warm-up", type=float, default=2.0, metavar="S", help="before that (default 2)")
    add_realtime(parser)
    parser.add_argument(
        "--against", action="store_true", help="measure the usual libraries too, on the same windows"
    )
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="put an older report beside it, which --json printed"
    )
    add_public_key(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.firmware_bridge.strict import encode

    if not (
        arguments.seconds > 0 and arguments.warm_up >= 0 and arguments.seconds + arguments.warm_up <= MAX_S
    ):
        raise UsageError(
            f"--seconds must be positive, --warm-up not negative, and both together at most {MAX_S:g}"
        )
    if arguments.json and arguments.compare is not None:
        raise UsageError("--json prints the new report alone: leave out --compare")
    old = None if arguments.compare is None else read_report(arguments.compare)
    report = measure(arguments)
    if arguments.json:
        print(json.dumps(encode(report)))
        return 0
    print(render(report))
    if old is not None:
        print(render_change(old, report))
    return 0


def measure(arguments: argparse.Namespace) -> "BenchReport":
    """Run everything that was asked for."""
    from neurograsp.edge_runtime.bench import measure_loop, measure_ways
    from neurograsp.edge_runtime.bench_report import SCHEMA, BenchReport, WayCost
    from neurograsp.edge_runtime.bundle import verify_golden
    from neurograsp.edge_runtime.cli.hands import check_commands, open_hand
    from neurograsp.edge_runtime.cli.interrupts import stop_on_signals
    from neurograsp.edge_runtime.dsp import kernel
    from neurograsp.edge_runtime.machine import describe_machine, temperature_c

    realtime = realtime_of(arguments)
    stop_on_signals()
    bundle = open_trusted(arguments.bundle, arguments.public_key)
    verify_golden(bundle)
    span = {"seconds": arguments.seconds, "warm_up_s": arguments.warm_up}
    load, before = os.getloadavg()[0], temperature_c()
    source = open_bench_source(arguments.source, bundle, sum(span.values()))
    print(f"measuring for {sum(span.values()):g} s", file=sys.stderr)
    try:
        with open_hand(arguments.hand) as hand:
            check_commands(bundle.manifest.signal, hand)
            loop = measure_loop(bundle, source, hand.link, realtime=realtime, **span)
    finally:
        source.stop()
    ways: list[WayCost] = []
    if arguments.against:
        peers = (peer for point in entry_points(group=PEERS) for peer in point.load()(bundle))
        ways = measure_ways(
            bundle, peers, report=lambda name: print(f"measuring {name}", file=sys.stderr), **span
        )
    return BenchReport(
        schema=SCHEMA,
        version=version("neurograsp"),
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=describe_machine(),
        bundle=describe_bundle(bundle),
        kernel="numpy" if kernel.compiled is None else "C",
        load=load,
        temperature_before_c=before,
        temperature_after_c=temperature_c(),
        source=source.description,
        hand="simulated" if arguments.hand == "sim" else "none",
        **span,
        loop=loop,
        ways=tuple(ways),
    )


def open_bench_source(text: str | None, bundle: "Bundle", seconds: float) -> "Source":
    """What `--source` names; unless given the bundle's golden frames, over and over."""
    from neurograsp.edge_runtime.bench import golden_frames
    from neurograsp.edge_runtime.cli.sources import open_source, play

    spec = bundle.manifest.signal
    if text is not None:
        return open_source(text, spec)
    return play(golden_frames(bundle, seconds + MARGIN_S)).open(spec)


def describe_bundle(bundle: "Bundle") -> "BenchedBundle":
    from neurograsp.edge_runtime.bench_report import BenchedBundle

    manifest, spec = bundle.manifest, bundle.manifest.signal
    return BenchedBundle(
        name=manifest.name,
        sha256=bundle.sha256,
        network=manifest.network.name,
        hop_by_hop=manifest.stream is not None,
        channels=len(spec.channels),
        rate_hz=spec.rate_hz,
        window_ms=spec.window_s * 1000,
        hop_ms=spec.hop_s * 1000,
    )


def read_report(path: Path) -> "BenchReport":
    """What `--json` printed once.

    Raises:
        ConfigError: it is not there, or is something else.
    """
    from neurograsp.edge_runtime.bench_report import BenchReport
    from neurograsp.edge_runtime.contract.errors import ConfigError
    from neurograsp.firmware_bridge.strict import decode

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_REPORT + 1)
        if len(raw) > MAX_REPORT:
            raise ValueError("too large")
        tree = json.loads(raw)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not a report of `neurograsp bench --json`: {error}") from error
    return decode(BenchReport, tree, str(path))
