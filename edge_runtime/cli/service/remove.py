"""`neurograsp service remove`."""

import argparse

from neurograsp.edge_runtime.cli.service.system import add_system

HELP = "stop the service and take away what `install` wrote; bundles, sessions and logs stay"
EXAMPLE = "sudo neurograsp service remove"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_system(parser)


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.service.plan import files
    from neurograsp.edge_runtime.cli.service.system import change, check_system, is_live, tell
    from neurograsp.edge_runtime.service.names import (
        CACHE,
        ENVIRONMENT,
        RULES,
        STATE,
        UNIT,
        UNIT_FILE,
        USER,
        WANTED,
    )
    from neurograsp.edge_runtime.service.place import changes, refuse_others

    check_system(arguments)
    live, wanted = is_live(arguments.root), files(None, None, None)
    found = changes(wanted, arguments.root)
    if not arguments.force:
        refuse_others(found)
    unit = next(one for one in found if one.path == UNIT_FILE)
    if unit.needed and not arguments.dry_run:
        if live:
            tell("systemctl", "disable", "--now", UNIT)
        else:
            (arguments.root / WANTED.relative_to("/")).unlink(missing_ok=True)
    found, changed = change(arguments, wanted)
    if live and not arguments.dry_run:
        tell("systemctl", "daemon-reload")  # also where nothing changed: it may have failed before
        if any(one.path == RULES and one.needed for one in found):
            tell("udevadm", "control", "--reload")
    if not changed:
        return 0
    print(
        f"left where they are: the user {USER} (its files would belong to nobody), {STATE}, {CACHE}, "
        f"{ENVIRONMENT}, {UNIT_FILE}.d, and the journal"
    )
    return 0
