"""docs/cli.md names every command, option, exit code and error there is."""

import argparse
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from neurograsp.edge_runtime import cli
from neurograsp.edge_runtime.contract.errors import NeurograspError
from neurograsp.firmware_bridge import host_firmware

PAGE = (Path(__file__).parents[2] / "docs/cli.md").read_text()
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


@pytest.mark.parametrize("name", sorted(POINTS))
def test_every_option_is_described(name: str) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    POINTS[name].load().add_arguments(parser)
    options = {option for action in parser._actions for option in action.option_strings}
    written = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", SECTIONS[name]))
    assert options <= written
    mentioned_of_others = {"--out", "--hand", "--bundle", "--source", "--report"}
    assert written - mentioned_of_others <= options


def test_errors_and_exit_codes() -> None:
    written = {name: int(code) for name, code in re.findall(r"(\w+) +(\d)(?: {3}|\n)", PAGE)}
    assert host_firmware.CompilerError.exit_code == 3
    assert written == tree(NeurograspError)
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert codes == {0, cli.INTERRUPTED, cli.USAGE, *written.values()}
