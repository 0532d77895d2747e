"""`neurograsp deploy`."""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted

if TYPE_CHECKING:
    from neurograsp.edge_runtime.deploy.archive import Archive
    from neurograsp.edge_runtime.deploy.client import Result
    from neurograsp.edge_runtime.deploy.fleet import Board
    from neurograsp.edge_runtime.deploy.protocol import Terms

HELP = "bring a bundle onto boards over ssh: tested there, switched at once, taken back if it does not do"
EXAMPLE = "neurograsp deploy pi@board.local runs/gal.bundle"

NOT_TRIED = "not tried"
UNREACHED = ("unreachable", "lost", "unknown")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="BOARD ... BUNDLE",
        help="boards as [USER@]HOST[:PORT], with --fleet by name (none: all of it); then the bundle",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="only show what is on the boards; no BUNDLE")
    what.add_argument(
        "--rollback",
        action="store_true",
        help="back to the bundle before, in the same way; no BUNDLE",
    )
    parser.add_argument("--fleet", type=Path, metavar="FILE", help="boards from a TOML file")
    board = parser.add_argument_group("of the boards", "instead of what the fleet's file or the default says")
    board.add_argument("--root", metavar="DIR", help="folder of the slots (default: /var/lib/neurograsp)")
    board.add_argument(
        "--service", metavar="UNIT", help="systemd unit, or none (default: neurograsp.service)"
    )
    board.add_argument("--restart", metavar="COMMAND", help="instead of a unit: starts the service anew")
    board.add_argument("--health", metavar="COMMAND", help="with --restart: exits with 0 when it is healthy")
    board.add_argument("--program", metavar="PATH", help="neurograsp on the board (default: found by PATH)")
    board.add_argument(
        "--board-key", metavar="FILE", help="public key on the board, of whose bundles it takes"
    )
    terms = parser.add_argument_group("of test and trial")
    terms.add_argument("--test", type=float, metavar="S", help="seconds of the benchmark (default 3)")
    terms.add_argument(
        "--max-misses", type=float, metavar="PERCENT", help="of its ticks over the deadline (default 1)"
    )
    terms.add_argument("--settle", type=float, metavar="S", help="the service must stay up this long (10)")
    terms.add_argument("--trial", type=float, metavar="S", help="it must have done so within this (60)")
    terms.add_argument(
        "--while-armed", action="store_true", help="switch although the hand is armed, or may be"
    )
    parser.add_argument(
        "--keep-going", action="store_true", help="try the bundle on all boards, although it failed"
    )
    parser.add_argument("--ssh-config", type=Path, metavar="FILE", help="instead of your own")
    add_public_key(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.bundle import verify_golden
    from neurograsp.edge_runtime.deploy.archive import pack

    words = list(arguments.words)
    bundle = None if arguments.status or arguments.rollback else bundle_word(words)
    boards = boards_of(arguments, words)
    terms = terms_of(arguments)
    archive = None
    if bundle is not None:
        opened = open_trusted(bundle, arguments.public_key)
        verify_golden(opened)
        archive = pack(opened)
        say("", f"{archive.name}: verified here, {len(archive.data) / 1e6:.1f} MB")
    results = go_through(arguments, boards, archive, terms)
    if arguments.json:
        print(json.dumps(as_json(arguments, boards, archive, results)))
    else:
        print(render(boards, results, arguments.status))
    return exit_code(results.values())


def bundle_word(words: list[str]) -> Path:
    """The last word, taken off. Raises UsageError."""
    from neurograsp.edge_runtime.contract.errors import UsageError

    if not words:
        raise UsageError("name the boards and, last, the bundle: neurograsp deploy pi@board runs/gal.bundle")
    word = words.pop()
    if "@" in word and not Path(word).exists():
        raise UsageError(f"{word}: no such bundle; the bundle comes last, after the boards")
    return Path(word)


def boards_of(arguments: argparse.Namespace, words: list[str]) -> "dict[str, Board]":
    """By name, in order. Raises UsageError, ConfigError."""
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.deploy.fleet import Board, changed, read_fleet
    from neurograsp.firmware_bridge.strict import nearest

    if arguments.fleet is not None:
        known = read_fleet(arguments.fleet).boards
        for word in words:
            if word not in known:
                raise UsageError(f"{arguments.fleet} has no board {word!r}{nearest(word, known)}")
        found = {name: board for name, board in known.items() if not words or name in words}
    elif not words:
        raise UsageError("name a board: USER@HOST, or --fleet FILE")
    else:
        try:
            found = {word: Board(word) for word in words}
        except ValueError as error:
            raise UsageError(str(error)) from error
    return {
        name: changed(
            board,
            root=arguments.root,
            service=arguments.service,
            restart=arguments.restart,
            health=arguments.health,
            program=arguments.program,
            public_key=arguments.board_key,
        )
        for name, board in found.items()
    }


def terms_of(arguments: argparse.Namespace) -> "Terms":
    """Raises UsageError."""
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.deploy.protocol import Terms

    given = {
        "test_s": arguments.test,
        "max_misses_percent": arguments.max_misses,
        "settle_s": arguments.settle,
        "trial_s": arguments.trial,
    }
    try:
        return Terms(arguments.while_armed, **{key: one for key, one in given.items() if one is not None})
    except ValueError as error:
        raise UsageError(str(error)) from error


def go_through(
    arguments: argparse.Namespace, boards: "Mapping[str, Board]", archive: "Archive | None", terms: "Terms"
) -> "dict[str, Result]":
    """One board after the other; the rest is left alone once the bundle itself has failed."""
    from neurograsp.edge_runtime.deploy.client import Result, ask_status, change

    results: dict[str, Result] = {}
    failed_on = None
    for name, board in boards.items():
        if failed_on is not None:
            results[name] = Result(NOT_TRIED, f"the bundle failed on {failed_on}; --keep-going tries on")
            continue
        begin = time.monotonic()
        if arguments.status:
            result = ask_status(board, arguments.ssh_config)
        else:
            result = change(board, arguments.ssh_config, archive, terms, partial(say, name))
        result.seconds["total"] = round(time.monotonic() - begin, 3)
        results[name] = result
        if result.fault and not arguments.keep_going:
            failed_on = name
    return results


def say(name: str, text: str) -> None:
    print(f"{name}: {text}" if name else text, file=sys.stderr, flush=True)


def exit_code(results: "Iterable[Result]") -> int:
    """0: all is well; 5: of those that are not, none was reached; otherwise 1."""
    bad = {result.outcome for result in results if not result.ok} - {NOT_TRIED}
    if not bad:
        return 0
    return 5 if bad <= set(UNREACHED) else 1


def as_json(
    arguments: argparse.Namespace,
    boards: "Mapping[str, Board]",
    archive: "Archive | None",
    results: "Mapping[str, Result]",
) -> dict[str, Any]:
    """See docs/schemas/deploy.schema.json."""
    from neurograsp.firmware_bridge.strict import encode

    sent = None
    if archive is not None:
        sent = {"name": archive.name, "sha256": archive.bundle_sha256, "archive_bytes": len(archive.data)}
    return {
        "asked": "status" if arguments.status else "rollback" if arguments.rollback else "install",
        "bundle": sent,
        "boards": [
            {
                "name": name,
                "address": boards[name].address,
                "outcome": result.outcome,
                "reason": result.reason,
                "seconds": result.seconds,
                "status": encode(result.status),
            }
            for name, result in results.items()
        ],
        "ok": all(result.ok for result in results.values()),
    }


def render(boards: "Mapping[str, Board]", results: "Mapping[str, Result]", status: bool) -> str:
    """A line a board; of --status what is on it."""
    from neurograsp.edge_runtime.deploy.status import render_status

    width = max(map(len, results))
    lines = []
    for name, result in results.items():
        spent = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in result.seconds.items())
        if status and result.status is not None:
            lines.append(f"{name}: neurograsp {result.status.version}")
            lines.append(render_status(result.status))
        else:
            reason = f": {result.reason}" if result.reason else ""
            lines.append(f"{name:<{width}}  {result.outcome}{reason}")
            lines += [f"{'':<{width}}  {spent}"] if len(result.seconds) > 1 else []
    return "\n".join(lines)
