"""`neurograsp service print`."""

import argparse

from neurograsp.edge_runtime.cli.service.plan import add_plan

HELP = "print what `install` would write, and write nothing"
EXAMPLE = "neurograsp service print -- --source synthetic --hand none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_plan(parser)


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.service.plan import plan_of, say

    plan = plan_of(arguments)
    texts = [f"# {path}\n{text.rstrip()}\n" for path, text in plan.files.items() if text is not None]
    print("\n".join(texts))
    say(plan.notes)
    return 0
