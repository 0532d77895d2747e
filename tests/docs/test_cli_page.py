"""docs/cli.md names every command, option, exit code and error there is."""

import argparse
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from neurograsp.edge_runtime import cli
from neurograsp.edge_runtime.cli.parser import Parser
from neurograsp.edge_runtime.contract.errors import NeurograspError
from neurograsp.firmware_bridge import host_firmware

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/cli.md").read_text()
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
SECTIONS = {
    match[1]: match[2]
    for match in re.finditer(r"^### `neurograsp (\w+).*?`\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
}
POINTS = {point.name: point for point in entry_points(group=cli.GROUP)}


def tree(cls: type[NeurograspError]) -> dict[str, int]:
    found = {cls.__name__: cls.exit_code}
    for inner in cls.__subclasses__():
        found |= tree(inner)
    return found


def test_every_command_has_a_section() -> None:
    assert set(SECTIONS) == set(POINTS) == set(cli.ORDER)


def options_of(name: str) -> set[str]:
    parser = Parser(add_help=False)
    POINTS[name].load().add_arguments(parser)
    return set(options(parser)) - {"-h", "--help", "-v", "--verbose", "--log-json"}


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for tool in action.choices.values():
                yield from options(tool)


@pytest.mark.parametrize("name", sorted(POINTS))
def test_every_option_is_described(name: str) -> None:
    section = SECTIONS[name]
    rows = "\n".join(re.findall(r"^\| (`--.*?`) \|", section, re.MULTILINE))
    assert set(OPTION.findall(rows or section)) == options_of(name)


@pytest.mark.parametrize("name", sorted(POINTS))
def test_options_of_other_commands_are_named_with_the_command(name: str) -> None:
    mentioned = set(OPTION.findall(SECTIONS[name])) - options_of(name)
    for words in re.findall(r"`neurograsp (\w+ [^`]*)`", SECTIONS[name]):
        mentioned -= options_of(words.split()[0])
    assert not mentioned


def test_environment() -> None:
    """Every variable that the code reads by name, and no other; plus those of the configuration."""
    read = {
        variable
        for folder in ("train", "convert", "edge_runtime", "firmware_bridge")
        for path in (REPOSITORY / folder).rglob("*.py")
        for variable in re.findall(r'(?:getenv\(|environ\.get\(|environ\[)"(\w+)"(?!\] =)', path.read_text())
    }
    written = re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)
    assert sorted(written) == sorted(read | {"NEUROGRASP_SECTION__KEY"})


def test_errors_and_exit_codes() -> None:
    written = {name: int(code) for name, code in re.findall(r"(\w+) +(\d)(?: {3}|\n)", PAGE)}
    assert host_firmware.CompilerError.exit_code == 3
    assert written == tree(NeurograspError)
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert codes == {0, cli.INTERRUPTED, cli.USAGE, *written.values()}
