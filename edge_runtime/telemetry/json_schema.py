"""JSON Schemas of messages, for the log viewers that read an MCAP file.

They know one type a field, and of an object its properties: what may be null says so with `nullable`, which
JSON Schema proper ignores, and a table of any keys has no properties.
"""

import dataclasses
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string"}


def json_schema(kind: type[Any]) -> dict[str, Any]:
    """Of a dataclass of numbers, texts, `Literal` texts, tuples of one type, tables and such dataclasses."""
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    return {
        "type": "object",
        "properties": {name: _schema_of(hints[name]) for name in names},
        "required": names,
    }


def _schema_of(hint: Any) -> dict[str, Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (one,) = (option for option in inner if option is not type(None))
        return _schema_of(one) | {"nullable": True}
    if origin is Literal:
        return {"type": "string", "enum": list(inner)}
    if origin is tuple:
        return {"type": "array", "items": _schema_of(inner[0])}
    if origin is dict:
        return {"type": "object", "properties": {}}
    if dataclasses.is_dataclass(hint):
        return json_schema(hint)  # type: ignore[arg-type]
    return {"type": _PLAIN[hint]}
