"""Frozen dataclasses from and to plain JSON/TOML values, strictly.

The one reader of everything untrusted that has named fields: configuration files, manifests, the
command line's `--set`. An unknown key is an error that names the nearest known one; a value of the
wrong type is an error that names its path.
"""

import dataclasses
import difflib
import functools
import json
import math
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from neurograsp.firmware_bridge.errors import ConfigError

T = TypeVar("T")

MAX_ITEMS = 100_000
MAX_DEPTH = 32
MAX_KEY = 100
MAX_WHOLE = 2**63 - 1


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the list of what is known when nothing is near."""
    known = sorted(known)
    matches = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if matches:
        return f"; did you mean {matches[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""


def parse_json(raw: bytes) -> Any:
    """A JSON document, strictly: no NaN, no infinity. Raises ValueError, for nesting without end too."""
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError(str(error)) from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def decode(cls: type[T], value: object, where: str) -> T:
    """Build the dataclass `cls` from a mapping.

    Args:
        cls: a dataclass whose fields are int, float, str, bool, None, Literal, tuples, str-keyed
            dicts, dataclasses, or unions of those (dataclasses in a union differ by a Literal
            field `type`).
        value: what a JSON or TOML parser gave.
        where: file and section, for messages.

    Raises:
        ConfigError: unknown or missing key, wrong type, or a value that the dataclass refuses.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected a table, got {show(value)}")
    hints, fields = _hints_and_fields(cls)  # type: ignore[arg-type]
    for key in value:
        if key not in fields:
            raise ConfigError(f"{where}: unknown key {show(key)}{nearest(str(key)[:MAX_KEY], fields)}")
    arguments: dict[str, Any] = {}
    for name, field in fields.items():
        if name in value:
            arguments[name] = _convert(hints[name], value[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}: the key {name!r} is missing")
    try:
        return cls(**arguments)
    except ValueError as error:
        raise ConfigError(f"{where}: {str(error)[:300]}") from error


@functools.cache
def _hints_and_fields(cls: type) -> tuple[dict[str, Any], dict[str, dataclasses.Field[Any]]]:
    return get_type_hints(cls), {field.name: field for field in dataclasses.fields(cls)}


def encode(value: Any) -> Any:
    """The inverse of `decode`: dataclasses, tuples and dicts to plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    return value


def show(value: object) -> str:
    """A value for a message: escaped, and cut where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # whole numbers of thousands of digits, lists in lists in lists
        text = "a value too large to show"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _convert(hint: Any, value: Any, where: str) -> Any:
    if hint is float or hint is int or hint is str or hint is bool:
        return _convert_plain(hint, value, where)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _convert_union(get_args(hint), value, where)
    if origin is Literal:
        if value in get_args(hint):
            return value
        known = [str(item) for item in get_args(hint)]
        raise ConfigError(f"{where}: {show(value)} is not possible{nearest(str(value)[:MAX_KEY], known)}")
    if origin is tuple:
        return _convert_tuple(get_args(hint), value, where)
    if origin is dict:
        if not isinstance(value, Mapping) or len(value) > MAX_ITEMS:
            raise ConfigError(f"{where}: expected a table, got {show(value)}")
        item = get_args(hint)[1]
        return {
            _convert_key(key, where): _convert(item, entry, f"{where}.{key}") for key, entry in value.items()
        }
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast(type, hint), value, where)
    if hint is Any:
        return _convert_any(value, where, MAX_DEPTH)
    return _convert_plain(hint, value, where)


def _convert_any(value: Any, where: str, depth: int) -> Any:
    if isinstance(value, Mapping | list | tuple):
        if depth == 0:
            raise ConfigError(f"{where}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return {
                _convert_key(key, where): _convert_any(item, where, depth - 1) for key, item in value.items()
            }
        return [_convert_any(item, where, depth - 1) for item in value]
    if value is None:
        return None
    plain = type(value) if type(value) in (bool, int, float) else str
    return _convert_plain(plain, value, where)


def _convert_key(key: object, where: str) -> str:
    if not isinstance(key, str) or len(key) > MAX_KEY or not key.isprintable():
        raise ConfigError(f"{where}: {show(key)} cannot be a key")
    return key


def _convert_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    classes = [option for option in options if dataclasses.is_dataclass(option)]
    if classes and isinstance(value, Mapping):
        if len(classes) == 1:
            return decode(typing.cast(type, classes[0]), value, where)
        by_tag = {get_args(get_type_hints(option)["type"])[0]: option for option in classes}
        tag = value.get("type")
        if not isinstance(tag, str) or tag not in by_tag:
            known = nearest(str(tag)[:MAX_KEY], by_tag)
            raise ConfigError(f"{where}.type: {show(tag)} is not possible{known}")
        return decode(typing.cast(type, by_tag[tag]), value, where)
    plain = [option for option in options if option is not type(None)]
    for option in plain[:-1]:
        try:
            return _convert(option, value, where)
        except ConfigError:
            continue
    return _convert(plain[-1], value, where)


def _convert_tuple(items: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}: expected a list, got {show(value)}")
    if len(value) > MAX_ITEMS:
        raise ConfigError(f"{where}: {len(value)} items are more than the {MAX_ITEMS} allowed")
    if len(items) == 2 and items[1] is Ellipsis:
        if items[0] is int and all(type(item) is int and abs(item) <= MAX_WHOLE for item in value):
            return tuple(value)  # long ones, of which a log has thousands
        return tuple(_convert(items[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(value) != len(items):
        raise ConfigError(f"{where}: expected {len(items)} items, got {len(value)}")
    return tuple(_convert(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(zip(items, value)))


def _convert_plain(hint: Any, value: Any, where: str) -> Any:
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    if hint is float and type(value) is int and abs(value) <= sys.float_info.max:
        value = float(value)
    if type(value) is not hint or (hint is float and not math.isfinite(value)):
        raise ConfigError(f"{where}: expected {names.get(hint, hint)}, got {show(value)}")
    if hint is int and abs(value) > MAX_WHOLE:
        raise ConfigError(f"{where}: {show(value)} does not fit into 64 bits")
    if hint is str and not value.isprintable():
        raise ConfigError(f"{where}: {show(value)} holds characters that cannot be printed")
    return value
