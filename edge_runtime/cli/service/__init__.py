"""`neurograsp service TOOL`. A tool is a module like that of a command (`edge_runtime/cli/__init__.py`)."""

import argparse

from neurograsp.edge_runtime.cli.parser import add_tool, add_tools
from neurograsp.edge_runtime.cli.service import install, remove, show

HELP = "run as a systemd service: print, install or remove its unit and the names of its ports"
EXAMPLE = "neurograsp service print -- --source board:cyton:/dev/ttyUSB0 --hand /dev/ttyACM0"

TOOLS = {"print": show, "install": install, "remove": remove}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    tools = add_tools(parser)
    for name, module in TOOLS.items():
        module.add_arguments(add_tool(tools, name, module.HELP, module.EXAMPLE))


def run(arguments: argparse.Namespace) -> int:
    code: int = TOOLS[arguments.tool].run(arguments)
    return code
