"""What every command's parser has."""

import argparse
from typing import Any


class Parser(argparse.ArgumentParser):
    """Its help begins with an example."""

    example = ""

    def format_help(self) -> str:
        return f"example:\n  {self.example}\n\n{super().format_help()}"


def add_tools(parser: argparse.ArgumentParser) -> Any:
    """Where the tools of a command are added, the name of the one that was asked for is `tool`."""
    return parser.add_subparsers(required=True, metavar="TOOL", dest="tool", parser_class=Parser)


def add_tool(tools: Any, name: str, text: str, example: str) -> Parser:
    """One of `add_tools`; what all commands have may stand before its name and behind it."""
    tool: Parser = tools.add_parser(name, help=text, description=text, allow_abbrev=False)
    tool.example = example
    for words in (("--verbose", "-v"), ("--log-json",)):
        # Without a default: that would undo one given before the tool's name.
        tool.add_argument(*words, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return tool
