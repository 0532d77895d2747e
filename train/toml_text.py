"""A configuration as TOML text, for whoever wants to run it again (Python reads TOML and writes none)."""

import json
import re
from collections.abc import Mapping
from typing import Any

from neurograsp.firmware_bridge.strict import encode

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(config: Any) -> str:
    """A dataclass of dataclasses as TOML; what is None is left out, since TOML has no word for it."""
    tree = encode(config)
    plain = {key: value for key, value in tree.items() if not isinstance(value, dict)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items() if value is not None]
    for section, table in tree.items():
        if isinstance(table, dict):
            lines += ["", f"[{_key(section)}]"]
            lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items() if value is not None]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        entries = (f"{_key(key)} = {_value(item)}" for key, item in value.items() if item is not None)
        return f"{{ {', '.join(entries)} }}" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, float):
        return repr(value)
    # JSON's texts, whole numbers, true and false are TOML's, but for its escapes beyond 16 bits.
    return json.dumps(value, ensure_ascii=False)
