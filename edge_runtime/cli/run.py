"""`neurograsp run`."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from neurograsp.edge_runtime.cli.calibrated import applied_calibration
from neurograsp.edge_runtime.cli.realtime import add_realtime, realtime_of
from neurograsp.edge_runtime.cli.telemetry import BY_MONITOR, add_telemetry
from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted

if TYPE_CHECKING:
    from neurograsp.edge_runtime.arming import Arming
    from neurograsp.edge_runtime.loop import AfterTick

HELP = "run a bundle: amplifier or recording in, hand out"
EXAMPLE = "neurograsp run --bundle runs/gal.bundle --source synthetic --hand sim --seconds 10"

PATIENCE_S = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, required=True, help="bundle folder or archive")
    parser.add_argument(
        "--source",
        required=True,
        help="board:NAME[:port], relay:HOST:PORT, lsl:NAME, playback:FILE or synthetic",
    )
    parser.add_argument(
        "--hand",
        default="sim",
        help="sim: the firmware in a process of its own (default); sim:PROFILE: as another hand, by name or "
        "file (`neurograsp hand profile --list`); a port such as /dev/ttyACM0; PROFILE:PORT: a device "
        "without the firmware, by the name or file of its profile; none",
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
        "a switch between RTS and CTS; gpio:CHIP:LINE: a switch to ground; opening it stops; monitor: a "
        "monitor on --feed, one at a time",
    )
    parser.add_argument(
        "--accept-no-watchdog",
        action="store_true",
        help="arm a device that goes on holding when this computer or the cable dies",
    )
    arming.add_argument("--shadow", action="store_true", help="decide and say what would be sent, to no hand")
    parser.add_argument(
        "--reconnect",
        type=float,
        metavar="SECONDS",
        help=f"look so long for an amplifier or hand that is lost on the way; 0: end at once (default: "
        f"{PATIENCE_S:g}; with --arm, after which nothing arms again, 0)",
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
    add_telemetry(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the session's decisions there (JSON)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.service.notify import is_main_process, supervised

    with supervised(os.environ) as supervision:
        if arguments.arm and (supervision is not None or is_main_process(os.environ)):
            raise UsageError("--arm: a service starts again by itself, and would arm by itself; use --arm-by")
        return _run(arguments, None if supervision is None else supervision.tick)


def _run(arguments: argparse.Namespace, after_tick: "AfterTick | None") -> int:
    from neurograsp.edge_runtime.bundle import verify_golden
    from neurograsp.edge_runtime.cli.hands import check_commands, check_force, check_promises, open_hand
    from neurograsp.edge_runtime.cli.interrupts import stop_on_signals
    from neurograsp.edge_runtime.cli.run_report import describe, render, session
    from neurograsp.edge_runtime.cli.sources import clock_of, open_source
    from neurograsp.edge_runtime.cli.telemetry import Telemetry, ended, session_of
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
    if arguments.reconnect is not None and not 0 <= arguments.reconnect <= 86_400:
        raise UsageError("--reconnect must be 0 to 86400 seconds")
    realtime = realtime_of(arguments)
    if arguments.out is not None:
        check_writable(arguments.out)
    telemetry = Telemetry(arguments)
    stop_on_signals()
    if (arguments.arm_by or arguments.shadow) and not arguments.verbose:
        say_what_happens(arguments.log_json)
    bundle = open_trusted(arguments.bundle, arguments.public_key)
    verify_golden(bundle)
    manifest = bundle.manifest
    calibrated = applied_calibration(arguments.calibration, bundle)
    source = open_source(arguments.source, manifest.signal, arguments.speed, arguments.start)
    pipeline = bundle.pipeline(calibrated.decision)
    calibrated.watch(pipeline)
    failure: BaseException | None = None
    try:
        with (
            open_hand("none" if arguments.shadow else arguments.hand, arguments.accept_no_watchdog) as hand,
            arming_of(arguments) as own_arming,
        ):
            check_commands(manifest.signal, hand)
            check_force(manifest.decision, hand)
            armed_by = None if own_arming is None and not telemetry.arms else arguments.arm_by or "at once"
            if armed_by is not None:
                check_promises(hand, arguments.accept_no_watchdog)
                if hand.promises is not None:
                    print(f"{hand.name}: {hand.promises.words}", file=sys.stderr)
            if hand.link is not None and armed_by is None:
                print(f"{hand.name}: not armed, nothing will move; --arm lets it", file=sys.stderr)
            told = None
            if telemetry.wanted:
                told = session_of(
                    arguments,
                    bundle,
                    calibrated,
                    hand,
                    source.description,
                    armed_by,
                    arms_again=own_arming.again if own_arming is not None else telemetry.arms,
                    patience_s=patience(arguments.reconnect, own_arming),
                )
            with telemetry.observed(told) as outlet:
                arming = telemetry.arming(outlet, own_arming)
                loop = ControlLoop(
                    source,
                    pipeline,
                    hand.link,
                    arming=arming,
                    reopen=hand.reopen,
                    patience_s=patience(arguments.reconnect, arming),
                    realtime=realtime,
                    kept_decisions=0 if arguments.out is None else KEPT_DECISIONS,
                    outlet=outlet,
                    after_tick=after_tick,
                )
                try:
                    loop.run(arguments.seconds)
                except (KeyboardInterrupt, NeurograspError) as error:
                    failure = error  # what happened until then is what a person wants to see
                if outlet is not None:
                    outlet.event("info" if failure is None else "error", ended(loop.summary, failure))
    finally:
        source.stop()
    report = describe(arguments, bundle.sha256, loop, hand, pipeline)
    report |= calibrated.report() | {"clock": clock_of(source), "telemetry": telemetry.report()}
    print(json.dumps(report) if arguments.json else render(report))
    if arguments.out is not None:
        write_whole(arguments.out, json.dumps({**report, **session(loop, hand)}).encode())
    if failure is not None:
        raise failure
    return 0


def patience(asked_s: float | None, arming: "Arming | None") -> float:
    """How long what is lost is looked for; of no use where nobody can arm the hand again."""
    if asked_s is not None:
        return asked_s
    return PATIENCE_S if arming is None or arming.again else 0.0


def say_what_happens(as_json: bool) -> None:
    """Whoever arms a hand must see what it is let do, and why."""
    from neurograsp.edge_runtime.log_lines import handler

    lines = handler(as_json, "%(message)s")
    for name in ("actuation", "loop"):
        logger = logging.getLogger(f"neurograsp.edge_runtime.{name}")
        logger.setLevel(logging.INFO)
        logger.addHandler(lines)
        logger.propagate = False


@contextmanager
def arming_of(arguments: argparse.Namespace) -> Iterator["Arming | None"]:
    """Who arms the hand, by the command line; None: nobody, or a monitor."""
    from neurograsp.edge_runtime.arming import AtOnce
    from neurograsp.edge_runtime.cli.arming import open_arming
    from neurograsp.edge_runtime.cli.hands import is_simulated

    if arguments.arm_by == BY_MONITOR:
        yield None
    elif arguments.arm_by is not None:
        with open_arming(arguments.arm_by) as arming:
            yield arming
    else:
        yield AtOnce() if arguments.arm or is_simulated(arguments.hand) else None
