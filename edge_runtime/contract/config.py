"""One TOML a role into one frozen dataclass: command line > environment > file > default."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.firmware_bridge.strict import decode

T = TypeVar("T")

ENVIRONMENT_PREFIX = "NEUROGRASP_"


def parse_config(
    cls: type[T],
    text: str,
    name: str,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Iterable[str] = (),
) -> T:
    """Read a configuration.

    Args:
        cls: the dataclass of the role.
        text: the TOML text.
        name: the file's name, for messages.
        environment: variables `NEUROGRASP_SECTION__KEY=value` override the file.
        overrides: `section.key=value` as given to `--set`; they override the environment.

    Raises:
        ConfigError: what is wrong, at which key, and the nearest known one.
    """
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from error
    for variable, value in sorted((environment or {}).items()):
        if variable.startswith(ENVIRONMENT_PREFIX) and "__" in variable:
            path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            assign(tree, path, _parse_value(value), f"environment variable {variable}")
    override(tree, overrides)
    return decode(cls, tree, name)


def override(tree: dict[str, Any], given: Iterable[str]) -> None:
    """Put what `--set section.key=value` gave into a tree.

    Raises:
        ConfigError: no key=value, or its section is no table.
    """
    for one in given:
        key, equals, value = one.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {one}: expected key=value, such as --set fit.epochs=20")
        assign(tree, [part.strip() for part in key.split(".")], _parse_value(value), f"--set {one}")


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def assign(tree: dict[str, Any], path: list[str], value: Any, where: str) -> None:
    """Set the value at a path of keys, with the tables on the way.

    Raises:
        ConfigError: something on the way is there and no table.
    """
    for part in path[:-1]:
        branch = tree.setdefault(part, {})
        if not isinstance(branch, dict):
            raise ConfigError(f"{where}: {part!r} is not a table")
        tree = branch
    tree[path[-1]] = value
