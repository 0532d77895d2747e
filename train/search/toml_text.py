"""A training configuration as TOML; the standard library only reads it."""

import json
from collections.abc import Mapping
from typing import Any

from neurograsp.edge_runtime.contract.codec import encode
from neurograsp.train.config import TrainConfig


def to_toml(config: TrainConfig, comment: str) -> str:
    """A file that `neurograsp train` reads as this configuration.

    Args:
        config: what to write, complete; keys that are None are left out, as TOML has no word for it.
        comment: one line at its top.
    """
    lines = [f"# {comment}"]
    sections = {}
    for key, value in encode(config).items():
        if isinstance(value, Mapping):
            sections[key] = value
        else:
            lines.append(f"{key} = {_value(value)}")
    for name, section in sections.items():
        lines += ["", f"[{name}]"]
        lines += [f"{_key(key)} = {_value(value)}" for key, value in section.items() if value is not None]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if key.isascii() and key.isidentifier() else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        there = [f"{_key(key)} = {_value(item)}" for key, item in value.items() if item is not None]
        return f"{{ {', '.join(there)} }}" if there else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
