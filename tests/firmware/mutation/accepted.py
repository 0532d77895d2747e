"""Mutants that may survive, each with the written reason.

    [[mutant]]
    file = "hand_safety.c"
    function = "hand_safety_clamp"
    before = "if (us < limits->min_us) {"
    after = ["if (us <= limits->min_us) {"]
    reason = "at the limit both ways give the limit"

The lines as the run prints them. Their numbers play no part, so that a reason survives when lines move.
"""

import tomllib
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from mutation.operators import Mutant

_TEXTS = ("file", "function", "before", "reason")


class BadReasons(Exception):
    """The file with the reasons is not what it has to be."""


class Key(NamedTuple):
    """What a mutant is known by."""

    file: str
    function: str
    before: str
    after: str

    @classmethod
    def of(cls, mutant: Mutant) -> "Key":
        return cls(mutant.file, mutant.function, mutant.before, mutant.after)

    def __str__(self) -> str:
        return f"{self.file} {self.function}: {self.before}  ->  {self.after}"


def read_reasons(path: Path) -> dict[Key, str]:
    """The reasons in a file; none when there is no file.

    Raises:
        BadReasons: no TOML, an entry that is incomplete, or a mutant that is there twice.
    """
    try:
        document = tomllib.loads(path.read_text()) if path.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise BadReasons(f"{path.name}: {error}") from None
    reasons: dict[Key, str] = {}
    for entry in document.pop("mutant", []):
        for key in _keys(entry, path.name):
            if key in reasons:
                raise BadReasons(f"{path.name}: twice: {key}")
            reasons[key] = entry["reason"]
    if document:
        raise BadReasons(f"{path.name}: only [[mutant]] has a meaning, not {', '.join(document)}")
    return reasons


def _keys(entry: dict[str, Any], name: str) -> list[Key]:
    texts = [entry.get(field) for field in _TEXTS]
    after = entry.get("after")
    complete = isinstance(after, list) and after and set(entry) == {*_TEXTS, "after"}
    if not complete or not all(isinstance(each, str) and each.strip() for each in (*texts, *after)):
        raise BadReasons(f"{name}: a mutant has {', '.join(_TEXTS)} and a list after, none empty: {entry}")
    return [Key(entry["file"], entry["function"], entry["before"], each) for each in after]


def entries(mutants: Iterable[Mutant]) -> str:
    """Entries for these mutants that lack the reason."""
    lines = []
    for (file, function, before), keys in groupby(map(Key.of, mutants), lambda key: key[:3]):
        lines += [
            "[[mutant]]",
            f"file = '{file}'",
            f"function = '{function}'",
            f"before = '{before}'",
            "after = [",
        ]
        lines += [f"    '{key.after}'," for key in keys]
        lines += ["]", 'reason = ""', ""]
    return "\n".join(lines)


def split(survivors: Sequence[Mutant], reasons: Iterable[Key]) -> tuple[list[Mutant], list[Key]]:
    """The survivors without a reason, and the reasons without a survivor."""
    known = set(reasons)
    alive = {Key.of(mutant) for mutant in survivors}
    return [each for each in survivors if Key.of(each) not in known], sorted(known - alive)
