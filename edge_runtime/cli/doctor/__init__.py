"""`neurograsp doctor`: looks, and never writes anything."""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from neurograsp.edge_runtime.cli.hands import is_simulated
from neurograsp.edge_runtime.cli.trust import add_public_key

if TYPE_CHECKING:
    from neurograsp.edge_runtime.cli.doctor.row import Row

HELP = "check this machine and, if given, a bundle, a board and a hand; changes nothing"
LIVE = ("board", "relay", "lsl")
EXAMPLE = "neurograsp doctor --bundle runs/gal.bundle --source board:cyton:/dev/ttyUSB0 --hand /dev/ttyACM0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, help="verify this bundle too")
    add_public_key(parser)
    parser.add_argument(
        "--source", help="take two seconds of frames too: board:NAME[:port], relay:HOST:PORT or lsl:NAME"
    )
    parser.add_argument(
        "--impedance", action="store_true", help="with --source board:NAME[:port]: of its electrodes, too"
    )
    parser.add_argument("--hand", metavar="PORT", help="say hello to this hand too; it is not armed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError

    source, hand = arguments.source, arguments.hand
    if source is not None and source.partition(":")[0] not in LIVE:
        raise UsageError(f"--source {source}: expected board:NAME[:port], relay:HOST:PORT or lsl:NAME")
    if arguments.impedance and (source is None or not source.startswith("board:")):
        raise UsageError("--impedance: name the board with --source board:NAME[:port]")
    if hand is not None and (hand == "none" or is_simulated(hand)):
        raise UsageError(
            f"--hand {hand}: name the port of a hand; `neurograsp hand ping` starts the simulated one"
        )
    rows = {}
    for name, row in examine(arguments):
        rows[name] = row
        if not arguments.json:
            # At once: a check may take seconds, and a broken library may end the program.
            fix = f"\n        fix: {row.fix}" if row.fix else ""
            print(f"  {row.level:<5} {row.what}{fix}", flush=True)
    failed = any(row.level == "fail" for row in rows.values())
    if arguments.json:
        found = [{"check": name, **row._asdict()} for name, row in rows.items()]
        print(json.dumps({"rows": found, "ok": not failed}))
    return int(failed)


def examine(arguments: argparse.Namespace) -> "Iterator[tuple[str, Row]]":
    """Every check: its name and what it found."""
    from neurograsp.edge_runtime.cli.doctor import attached, bundle, machine, software

    always: dict[str, Callable[[], Row]] = {
        "machine": machine.model,
        "python": software.python,
        "filter kernel": software.kernel,
        "litert": software.litert,
        "brainflow": software.brainflow,
        "compiler": software.compiler,
        "clock": machine.clock,
        "time of day": machine.wall_clock,
        "governor": machine.governor,
        "throttling": machine.throttling,
        "real-time priority": machine.real_time,
        "locked memory": machine.memory_lock,
        "disk": machine.disk,
        "ports": attached.ports,
    }
    for name, check in always.items():
        yield name, check()
    opened = None
    if arguments.bundle is not None:
        found, opened = bundle.check_bundle(arguments.bundle, arguments.public_key)
        yield from found.items()
    if arguments.source is not None:
        signal = None if opened is None else opened.manifest.signal
        yield "source", attached.check_source(arguments.source, signal)
    if arguments.impedance:
        yield "impedance", attached.check_impedance(arguments.source)
    if arguments.hand is not None:
        yield "hand", attached.check_hand(arguments.hand)
