"""The system that a service is installed on: this one, or one below another folder."""

import argparse
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.edge_runtime.service.place import Change

BOOTED = Path("/run/systemd/system")
"""There where systemd is the init, see sd_booted(3)."""

COMMAND_S = 60.0


def add_system(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        type=Path,
        default=Path("/"),
        metavar="DIR",
        help="of another system, such as an image that is mounted there: only files are changed",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    parser.add_argument(
        "--force", action="store_true", help="also where a file was changed since, or is of somebody else"
    )


def is_live(root: Path) -> bool:
    return root.resolve() == Path("/")


def check_system(arguments: argparse.Namespace) -> None:
    """Raises UsageError where this user cannot do it, or this system has no systemd."""
    from neurograsp.edge_runtime.contract.errors import UsageError

    if not arguments.root.is_dir():
        raise UsageError(f"--root {arguments.root}: no such folder")
    if arguments.dry_run or not is_live(arguments.root):
        return
    if not BOOTED.is_dir():
        raise UsageError(
            "systemd does not run this system (a container, or another init): --root DIR writes the files "
            "for another one, --dry-run shows them; without a service there is `neurograsp run`"
        )
    if os.geteuid() != 0:
        again = shlex.join(["sudo", str(Path(sys.executable).parent / "neurograsp"), *sys.argv[1:]])
        raise UsageError(f"only root may change services: {again}")


def check_program(root: Path, program: str) -> None:
    """Raises UsageError when the service's user could not start the program, or could not trust it."""
    from neurograsp.edge_runtime.contract.errors import UsageError

    path = root / program.lstrip("/")
    if not path.is_file():
        raise UsageError(f"{path}: no such program; --program says where it is on the system that is meant")
    if not is_live(root):
        return
    remedy = "let root install it to /opt/neurograsp (docs/service.md)"
    named = [one for one in (path, path.parent / "python", Path(__file__)) if one.exists()]
    named += [one.resolve() for one in named]
    for own in (one for needed in named for one in (needed, *needed.parents)):
        if open_to_others(own.stat()):
            raise UsageError(f"{own}: not root alone may change it, and so what root starts; {remedy}")
    for needed in named:
        shut = [folder for folder in needed.parents if not folder.stat().st_mode & 0o001]
        if shut:
            raise UsageError(f"{needed}: the service's user may not enter {shut[-1]}; {remedy}")


def open_to_others(found: os.stat_result) -> bool:
    """Whether somebody besides root may change a file, or replace what is in a folder."""
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    return found.st_uid != 0 or bool(found.st_mode & 0o022 and not sticky)


def change(
    arguments: argparse.Namespace, wanted: Mapping[PurePosixPath, str | None]
) -> "tuple[list[Change], bool]":
    """Show what has to change, and change it unless this is a dry run.

    Returns:
        every file, and whether anything was changed.

    Raises:
        ConfigError: something of somebody else would be lost, or a file cannot be read or written.
    """
    from neurograsp.edge_runtime.service.place import apply, changes, refuse_others

    found = changes(wanted, arguments.root)
    needed = [one for one in found if one.needed]
    for one in needed:
        if one.before is None or one.after is None:
            print(f"{one.path}: {'new' if one.before is None else 'removed'}")
        else:
            print(one.diff())
    if not needed:
        print("nothing to change")
    if not arguments.force:
        refuse_others(found)
    if arguments.dry_run:
        print("a dry run: nothing was changed")
    elif needed:
        apply(found, arguments.root)
    return found, bool(needed) and not arguments.dry_run


def tell(*command: str) -> None:
    """Run a program of the system. Raises CheckFailed when it fails."""
    from neurograsp.edge_runtime.contract.errors import CheckFailed

    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckFailed(f"`{shlex.join(command)}` cannot be run ({error}); run it yourself") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        raise CheckFailed(f"`{shlex.join(command)}` failed: {said[-1]:.300}; run it yourself")
