"""`neurograsp record`."""

import argparse
import json
import re
import shlex
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.edge_runtime.recording.bdf import BdfHeader, BdfWriter
    from neurograsp.edge_runtime.recording.place import Place
    from neurograsp.edge_runtime.recording.recorder import Recorder
    from neurograsp.edge_runtime.recording.session import Screen
    from neurograsp.edge_runtime.sources.base import Layout

HELP = "record a guided calibration session: cues on the screen, labelled signals in a file"
EXAMPLE = "neurograsp record --source board:synthetic --actions reach,grip,release --out recordings"

SETTLE_S = 3.0
SPARE_S = 60
"""Seconds of file beyond the cues that there must be room for."""

LIMITS = {"repeats": (1, 1000), "cue_s": (0.5, 60.0), "rest_s": (0.5, 60.0), "speed": (0.1, 1000.0)}
LABEL = re.compile(r"(?!BAD)[A-Za-z0-9_-]{1,20}")
"""Of an action. MNE leaves out what is labelled BAD..."""

CONFIG = "train.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        required=True,
        help="board:NAME[:port], relay:HOST:PORT, lsl:NAME; to try it out synthetic or playback:FILE",
    )
    parser.add_argument(
        "--actions", required=True, help="what to cue beside rest, such as reach,grip,release"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the recordings")
    parser.add_argument("--subject", default="1", help="who; letters, digits and -")
    parser.add_argument("--session", help="which; by default the next number of this subject in --out")
    parser.add_argument("--repeats", type=int, default=10, help="how often each action comes (default 10)")
    parser.add_argument("--cue-s", type=float, default=4.0, help="seconds of an action (default 4)")
    parser.add_argument("--rest-s", type=float, default=3.0, help="shortest rest in seconds (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="of order and rests, with the session's name")
    parser.add_argument("--kind", choices=("eeg", "emg"), default="eeg", help=f"what {CONFIG} is to be for")
    parser.add_argument("--speed", type=float, default=1.0, help="of playback; 1 is real time")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.interrupts import interrupts
    from neurograsp.edge_runtime.cli.sources import open_whole
    from neurograsp.edge_runtime.contract.errors import ConfigError, NeurograspError
    from neurograsp.edge_runtime.recording.bdf import BdfWriter
    from neurograsp.edge_runtime.recording.place import keep, new_file, place_of
    from neurograsp.edge_runtime.recording.recorder import Recorder
    from neurograsp.edge_runtime.recording.schedule import schedule, total_s
    from neurograsp.edge_runtime.recording.session import play

    actions = checked_actions(arguments)
    place = place_of(arguments.out, arguments.subject, arguments.session)
    layout, source = open_whole(arguments.source, arguments.speed)
    check_rate(arguments.source, layout)
    header = header_of(arguments.source, layout, place)
    seed = (arguments.seed, *place.session.encode())
    cues = schedule(actions, arguments.repeats, header.rate_hz, arguments.cue_s, arguments.rest_s, seed)
    cues_s = total_s(cues, header.rate_hz)
    recorder = Recorder(cues, header.rate_hz, SETTLE_S, header.scale.digital)
    writer, failure = None, None
    try:
        with new_file(place, header.n_bytes(round(cues_s) + SPARE_S)) as file:
            writer = BdfWriter(file, header)
            with interrupts() as interrupted, open_screen(len(cues), cues_s) as screen:
                play(
                    source, recorder, writer, screen, header.channels, interrupted, time.monotonic, time.sleep
                )
    except (KeyboardInterrupt, NeurograspError) as error:
        failure = error  # what came until then is kept
    finally:
        source.stop()
    if writer is None or not writer.n_records:
        if writer is not None:
            place.part.unlink()
        raise failure or ConfigError(f"{place.path}: nothing was recorded")
    keep(place)
    report = describe(place, header, writer, recorder)
    report |= go_on(arguments, place, actions, header.rate_hz)
    print(json.dumps(report) if arguments.json else render(report))
    if failure is not None:
        raise failure
    return 0


def checked_actions(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The actions to cue. Raises UsageError, for every option that is impossible."""
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.recording.place import PLAIN_NAME
    from neurograsp.edge_runtime.recording.schedule import REST

    for key, (low, high) in LIMITS.items():
        if not low <= getattr(arguments, key) <= high:
            raise UsageError(f"--{key.replace('_', '-')} must be {low:g} to {high:g}")
    if arguments.speed != 1 and not arguments.source.startswith("playback:"):
        raise UsageError("--speed is for --source playback:FILE")
    if arguments.seed < 0:
        raise UsageError("--seed must be 0 or greater")
    for key in ("subject", "session"):
        name = getattr(arguments, key)
        if name is not None and not PLAIN_NAME.fullmatch(name):
            raise UsageError(f"--{key} {name!r}: up to 20 letters, digits and - are possible")
    actions = tuple(arguments.actions.split(","))
    odd = [one for one in actions if not LABEL.fullmatch(one) or one == REST or actions.count(one) > 1]
    if odd:
        raise UsageError(
            f"--actions: {odd[0]!r} is not possible; give distinct names of up to 20 letters, digits, _ and "
            f"-, divided by commas, without {REST!r}, which comes by itself"
        )
    return actions


def check_rate(source: str, layout: "Layout") -> None:
    """Raises ConfigError where the rate is not whole."""
    from neurograsp.edge_runtime.contract.errors import ConfigError

    if not layout.rate_hz.is_integer():
        raise ConfigError(
            f"--source {source}: {layout.rate_hz:g} Hz is not a whole rate, which BDF records need"
        )


def header_of(source: str, layout: "Layout", place: "Place") -> "BdfHeader":
    """What the file says of itself."""
    from neurograsp.edge_runtime.recording.bdf import BdfHeader, CountScale

    return BdfHeader(
        subject=place.subject,
        session=place.session,
        equipment=source.partition(":")[2].partition(":")[0] if source.startswith("board:") else "X",
        started=datetime.now().astimezone(),
        channels=layout.channels,
        rate_hz=round(layout.rate_hz),
        scale=CountScale.of(layout.lsb_uv),
    )


def open_screen(n_cues: int, cues_s: float) -> "Screen":
    """Cues on stderr: large in a terminal, else a line each."""
    from neurograsp.edge_runtime.recording.screen import PlainScreen, TerminalScreen

    if sys.stderr.isatty():
        return TerminalScreen(sys.stderr, n_cues, cues_s)
    return PlainScreen(sys.stderr, n_cues)


def describe(
    place: "Place", header: "BdfHeader", writer: "BdfWriter", recorder: "Recorder"
) -> dict[str, Any]:
    """The recording as plain values; see docs/schemas/record.schema.json."""
    scale = header.scale
    return {
        "recording": str(place.path),
        "subject": place.subject,
        "session": place.session,
        "channels": list(header.channels),
        "rate_hz": header.rate_hz,
        "lsb_uv": scale.physical / scale.digital if scale.unit else None,
        "seconds": recorder.stream.n_frames / header.rate_hz,
        "labels": dict(Counter(one.label for one in recorder.shown)),
        "lost": recorder.stream.n_lost,
        "repeated": recorder.stream.n_repeated,
        "clipped": writer.n_clipped,
        "faults": recorder.watch.faults(header.channels),
    }


def go_on(
    arguments: argparse.Namespace, place: "Place", actions: tuple[str, ...], rate_hz: int
) -> dict[str, Any]:
    """Write the training configuration, unless there is one, and say how to go on."""
    from neurograsp.edge_runtime.files import write_whole
    from neurograsp.edge_runtime.recording.starter import command_of, configuration

    config = arguments.out / CONFIG
    if not config.exists():
        shortest_s = min(arguments.cue_s, arguments.rest_s)
        text = configuration(arguments.out.resolve().name, arguments.kind, actions, rate_hz, shortest_s)
        write_whole(config, text.encode())
    run_folder = Path("runs") / (arguments.out.resolve().name or "recorded")
    again = ["--out", str(arguments.out), "--subject", place.subject]
    commands = (
        ("train", str(config), "--out", str(run_folder)),
        ("convert", str(run_folder), "--out", f"{run_folder}.bundle"),
        ("record", "--source", arguments.source, "--actions", arguments.actions, *again),
        ("evaluate", f"{run_folder}.bundle", str(arguments.out), "--sessions", "THE_NEW_SESSION"),
    )
    return {
        "config": str(config),
        "still": [one for one in actions if command_of(one) == "HOLD"],
        "next": [shlex.join(["neurograsp", *one]) for one in commands],
    }


def render(report: dict[str, Any]) -> str:
    """The recording in a few lines."""
    n_channels = len(report["channels"])
    labels = ", ".join(f"{name} {count}" for name, count in report["labels"].items())
    lines = [
        f"  recording  {report['recording']}",
        f"  signal     {report['seconds']:.1f} s, {n_channels} channels at {report['rate_hz']} Hz",
        f"  cues       {labels or 'none'}",
        f"  frames     {report['lost']} lost, {report['repeated']} repeated",
        f"  values     {report['clipped']} beyond the range of the file",
    ]
    lines += [f"  electrodes {fault}" for fault in report["faults"]] or [
        "  electrodes none flat or at its end"
    ]
    if report["still"]:
        lines.append(
            f"  the hand keeps still at {', '.join(report['still'])}: see commands in {report['config']}"
        )
    return "\n".join([*lines, "", "Go on with:", *(f"  {one}" for one in report["next"])])
