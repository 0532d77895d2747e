"""The `neurograsp` command: finds its sub-commands among the installed entry points and runs one.

A sub-command is a module with `HELP` (one line), `EXAMPLE`, `add_arguments(parser)` and
`run(arguments) -> exit code`, registered in the entry-point group `neurograsp.commands`. Only the one
that was asked for is imported, so that the board never imports the workstation's.
"""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any

from neurograsp.edge_runtime.cli.parser import Parser
from neurograsp.edge_runtime.contract.errors import MissingExtra, NeurograspError
from neurograsp.edge_runtime.log_lines import handler
from neurograsp.firmware_bridge.strict import nearest

GROUP = "neurograsp.commands"
INTERRUPTED = 130
USAGE = 2

EXTRA_OF = {
    "brainflow": "brainflow",
    "mcap": "recorder",
    "prometheus_client": "metrics",
    "pylsl": "lsl",
    "ray": "cluster",
    "websockets": "monitor",
    "zstandard": "recorder",
    **dict.fromkeys(
        ("matplotlib", "mne", "optuna", "pyxdf", "rich", "scipy", "sklearn", "tensorflow", "tf_keras"),
        "train",
    ),
}
"""The extra that brings a module which the base install lacks."""

ORDER = (
    "demo",
    "record",
    "plot",
    "train",
    "search",
    "compare",
    "keygen",
    "convert",
    "evaluate",
    "inspect",
    "relay",
    "calibrate",
    "run",
    "monitor",
    "why",
    "replay",
    "export",
    "hand",
    "ports",
    "service",
    "deploy",
    "slot",
    "bench",
    "doctor",
    "info",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; the exit code says how it ended (docs/cli.md)."""
    _take_what_is_closed()
    try:
        try:
            code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("neurograsp: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        # What is left in the buffer must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.ENOSPC:
            print("neurograsp: no space left for the output", file=sys.stderr)
        return 1
    return code


def _take_what_is_closed() -> None:
    """Otherwise a hand's port gets the number of stdout or stderr, and hears what is written there.

    What is said goes nowhere then. `sys.stdin` stays None: nobody can say yes, or press a key.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _dispatch(arguments: list[str]) -> int:
    commands = {point.name: point for point in entry_points(group=GROUP)}
    if not arguments or arguments[0] in ("-h", "--help"):
        _print_overview(commands)
        return 0 if arguments else USAGE
    if arguments[0] == "--version":
        print(f"neurograsp {version('neurograsp')}")
        return 0
    name = arguments[0]
    if name not in commands:
        print(f"neurograsp: no command {name!r}{nearest(name, commands)}", file=sys.stderr)
        return USAGE
    return _run(name, commands[name].load(), arguments[1:])


def _run(name: str, command: Any, arguments: Sequence[str]) -> int:
    parser = Parser(prog=f"neurograsp {name}", description=command.HELP, allow_abbrev=False)
    parser.example = command.EXAMPLE
    parser.add_argument("--verbose", "-v", action="store_true", help="log what happens, on stderr")
    parser.add_argument("--log-json", action="store_true", help="log JSON objects, one a line")
    command.add_arguments(parser)
    parsed = parser.parse_args(arguments)
    lines = handler(parsed.log_json, "%(levelname)s %(name)s: %(message)s")
    logging.basicConfig(level=logging.INFO if parsed.verbose else logging.WARNING, handlers=[lines])
    try:
        code: int = _with_extras(command, parsed)
    except NeurograspError as error:
        print(f"neurograsp {name}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"neurograsp {name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code


def _with_extras(command: Any, parsed: argparse.Namespace) -> int:
    try:
        code: int = command.run(parsed)
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in EXTRA_OF:
            raise
        raise MissingExtra(package, EXTRA_OF[package]) from error
    return code


def _print_overview(commands: dict[str, EntryPoint]) -> None:
    print("usage: neurograsp COMMAND ...\n\nexample:\n  neurograsp demo --pretrained\n\ncommands:")
    rank = {name: place for place, name in enumerate(ORDER)}
    for name in sorted(commands, key=lambda name: (rank.get(name, len(rank)), name)):
        print(f"  {name:<10}{commands[name].load().HELP}")
    print("\n`neurograsp COMMAND --help` tells more. `neurograsp --version` prints the version.")
