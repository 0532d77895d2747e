"""docs/configuration.md has every key of the training configuration with its default, and no other."""

import dataclasses
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from neurograsp.firmware_bridge.strict import encode
from neurograsp.train.config import TrainConfig

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs/configuration.md"
ROW = re.compile(r"^\| `([^`]+)` \| (`[^`]+`|required|none) \|", re.MULTILINE)
REQUIRED = "required"


def keys(cls: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys with their defaults as plain values."""
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        hint, name = hints[field.name], f"{prefix}{field.name}"
        items = get_args(hint)
        if dataclasses.is_dataclass(hint):
            yield from keys(hint, f"{name}.")
        elif get_origin(hint) is tuple and dataclasses.is_dataclass(items[0]):
            yield from keys(items[0], f"{name}[].")
        elif field.default_factory is not dataclasses.MISSING:
            yield name, encode(field.default_factory())
        else:
            yield name, REQUIRED if field.default is dataclasses.MISSING else encode(field.default)


def written(text: str) -> Any:
    if text == REQUIRED:
        return REQUIRED
    return None if text == "none" else tomllib.loads(f"value = {text.strip('`')}")["value"]


def test_the_table_is_the_code() -> None:
    table = {key: written(default) for key, default in ROW.findall(PAGE.read_text())}
    assert table == dict(keys(TrainConfig))
