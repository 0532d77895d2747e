"""`neurograsp slot TOOL`: the board's side of `deploy`."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from neurograsp.edge_runtime.cli.parser import add_tool, add_tools
from neurograsp.edge_runtime.service.names import STATE as ROOT
from neurograsp.edge_runtime.service.names import UNIT

if TYPE_CHECKING:
    from neurograsp.edge_runtime.deploy.service import Service
    from neurograsp.edge_runtime.deploy.store import SlotStore

HELP = "the two bundles of this board: what `deploy` talks to"
EXAMPLE = "neurograsp slot status"

TOOLS = {
    "status": "show what is in the slots and which one runs",
    "resolve": "before the service starts: end a trial that nobody watches, by going back to the good slot",
    "serve": "take one request of `neurograsp deploy` from stdin; ssh starts this",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    tools = add_tools(parser)
    for name, text in TOOLS.items():
        tool = add_tool(tools, name, text, f"neurograsp slot {name} --root {ROOT}")
        tool.add_argument("--root", default=str(ROOT), metavar="DIR", help=f"of the slots (default: {ROOT})")
        if name == "resolve":
            continue
        tool.add_argument(
            "--service", default=UNIT, metavar="UNIT", help=f"systemd unit, or none (default: {UNIT})"
        )
        tool.add_argument("--restart", metavar="COMMAND", help="instead of a unit: what starts it anew")
        tool.add_argument("--health", metavar="COMMAND", help="with --restart: exits with 0 when all is well")
        if name == "serve":
            tool.add_argument(
                "--public-key",
                type=Path,
                metavar="FILE",
                help="take bundles only of whom signs with it",
            )
        else:
            tool.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.deploy.store import SlotStore

    store = SlotStore(Path(arguments.root).expanduser(), utc_now)
    if arguments.tool == "resolve":
        return resolve(store)
    service = service_of(arguments.service, arguments.restart, arguments.health)
    if arguments.tool == "serve":
        return serve(store, service, arguments.public_key)
    return status(store, service, arguments.json)


def service_of(unit: str, restart: str | None, health: str | None) -> "Service":
    """Raises UsageError."""
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.deploy import service

    if bool(restart) != bool(health):
        raise UsageError("--restart and --health belong together")
    if restart and health:
        return service.Commands(restart, health)
    return service.NoService() if unit == "none" else service.SystemdUnit(unit)


def resolve(store: "SlotStore") -> int:
    from neurograsp.edge_runtime.contract.errors import CheckFailed
    from neurograsp.edge_runtime.deploy.store import STATE

    if not (store.root / STATE).exists():
        print(f"{store.root}: nothing was ever deployed here")
        return 0
    try:
        with store.alone():
            before = store.load()
            slots = store.settle()
    except CheckFailed:
        print("a deployment is under way: nothing changed")
        return 0
    if before.trial is not None and slots.last is not None:
        print(
            f"slot {before.trial} was on trial, and {slots.last.reason}: back to {slots.good or 'no bundle'}"
        )
    else:
        print(f"current is {slots.good or 'no bundle'}")
    return 0


def status(store: "SlotStore", service: "Service", as_json: bool) -> int:
    from neurograsp.edge_runtime.deploy.status import board_status, render_status
    from neurograsp.firmware_bridge.strict import encode

    found = board_status(store, service, store.watched)
    print(json.dumps(encode(found)) if as_json else render_status(found))
    return 0 if found.damage is None else 1


def serve(store: "SlotStore", service: "Service", public_key: Path | None) -> int:
    from neurograsp.edge_runtime.cli.trust import configured
    from neurograsp.edge_runtime.deploy.board import Board
    from neurograsp.edge_runtime.deploy.pipe import Pipe, PipeClosed
    from neurograsp.edge_runtime.deploy.protocol import Terms
    from neurograsp.edge_runtime.deploy.selftest import SelfTest, self_test

    def test(archive: Path, terms: Terms) -> SelfTest:
        return self_test(archive, public_key or configured(), terms.test_s, terms.max_misses_percent)

    pipe = Pipe(sys.stdin.fileno(), os.dup(sys.stdout.fileno()))
    # Whatever else prints is not to be taken for an answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        Board(pipe, store, service, test).serve()
    except (PipeClosed, TimeoutError):
        print("the link is gone, and nothing was changed", file=sys.stderr)
        return 5
    return 0


def utc_now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
