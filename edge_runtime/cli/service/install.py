"""`neurograsp service install`."""

import argparse

from neurograsp.edge_runtime.cli.service.plan import add_plan
from neurograsp.edge_runtime.cli.service.system import add_system

HELP = "write the unit, its user and the names of its ports; starts nothing"
EXAMPLE = (
    "sudo neurograsp service install -- --source board:cyton:/dev/ttyUSB0 --hand /dev/ttyACM0 "
    "--arm-by gpio:gpiochip0:17"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_plan(parser)
    add_system(parser)


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.service.plan import plan_of, say
    from neurograsp.edge_runtime.cli.service.system import (
        change,
        check_program,
        check_system,
        is_live,
        tell,
    )
    from neurograsp.edge_runtime.service.names import RULES, SYSUSERS, UNIT

    check_system(arguments)
    plan = plan_of(arguments)
    live = is_live(arguments.root)
    check_program(arguments.root, plan.program)
    found, changed = change(arguments, plan.files)
    say(plan.notes)
    if not (arguments.root / str(plan.bundle).lstrip("/")).exists():
        say([f"{plan.bundle} is not there yet: the service ends with 4 until a bundle is"])
    if arguments.dry_run:
        return 0
    if live:
        # Each time: what failed before is made up for.
        tell("systemd-sysusers", str(SYSUSERS))
        tell("systemctl", "daemon-reload")
        if any(one.path == RULES and (one.needed or one.after is not None) for one in found):
            tell("udevadm", "control", "--reload")
            tell("udevadm", "trigger", "--action=change", "--subsystem-match=tty", "--subsystem-match=gpio")
        print(f"start it, now and at each boot: sudo systemctl enable --now {UNIT}")
        print(f"if it runs already, with what is new: sudo systemctl restart {UNIT}")
    elif changed:
        print(f"to start it at each boot: sudo systemctl --root={arguments.root} enable {UNIT}")
    return 0
