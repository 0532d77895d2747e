"""C source text of arrays and of structures."""

import textwrap
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

GENERATED = (
    "/* Written by `neurograsp convert --target c`; what is changed here is lost at the next conversion. */\n"
)

_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int32": "int32_t"}


def array(name: str, values: npt.NDArray[np.generic], *, qualifiers: str = "static const") -> str:
    """A definition; axes of the array become axes in C.

    Args:
        name: in C.
        values: int8, uint8 or int32, of one axis or more and at least one element.
        qualifiers: before the type.
    """
    axes = "".join(f"[{size}]" for size in values.shape)
    return f"{qualifiers} {_TYPES[values.dtype.name]} {name}{axes} = {_braced(values)};\n"


def structure(kind: str, name: str, members: dict[str, int | str]) -> str:
    """A constant with named members, of numbers or of names."""
    lines = _wrapped(f".{key} = {value}" for key, value in members.items())
    return f"static const {kind} {name} = {{\n{lines}\n}};\n"


def defines(values: dict[str, int | str]) -> str:
    return "".join(f"#define {name} {value}\n" for name, value in values.items())


def header(name: str, body: str) -> str:
    """A header that may be included twice."""
    guard = name.upper().replace(".", "_")
    return f"{GENERATED}#ifndef {guard}\n#define {guard}\n\n{body}\n#endif\n"


def comment(text: str) -> str:
    """Text of somebody else's in a C comment, on one line: nothing of it can end the comment."""
    harmless = (c if c.isprintable() and c.isascii() and c not in "*/\\" else "?" for c in text)
    return f"/* {''.join(harmless)} */"


def _braced(values: npt.NDArray[np.generic]) -> str:
    if values.ndim > 1:
        rows = ",\n".join(_braced(row) for row in values)
        return f"{{\n{textwrap.indent(rows, '  ')}\n}}"
    return "{\n" + _wrapped(str(value) for value in values.tolist()) + "\n}"


def _wrapped(items: Iterable[str], width: int = 100) -> str:
    lines, line = [], ""
    for item in items:
        if line and len(line) + len(item) + 2 > width:
            lines.append(line)
            line = ""
        line += f"{item}, "
    return "\n".join(f"  {one.rstrip()}" for one in [*lines, line])
