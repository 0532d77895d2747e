"""`neurograsp hand TOOL`. A tool is a module like that of a command (`edge_runtime/cli/__init__.py`)."""

import argparse

from neurograsp.edge_runtime.cli.hand import activate, flash, limits, move, ping, profile, sniff, soak, teach
from neurograsp.edge_runtime.cli.parser import add_tool, add_tools

HELP = "look at a hand, move it, or see what it is"
EXAMPLE = "neurograsp hand ping --hand sim"

TOOLS = {
    "activate": activate,
    "flash": flash,
    "limits": limits,
    "move": move,
    "ping": ping,
    "profile": profile,
    "sniff": sniff,
    "soak": soak,
    "teach": teach,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    tools = add_tools(parser)
    for name, module in TOOLS.items():
        module.add_arguments(add_tool(tools, name, module.HELP, module.EXAMPLE))


def run(arguments: argparse.Namespace) -> int:
    code: int = TOOLS[arguments.tool].run(arguments)
    return code
