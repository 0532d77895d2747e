"""Where electrodes sit on a head seen from above, by their names in the 10-10 system.

Computed from its definition: Chatrian, Lettich & Nelson, "Ten percent electrode system for topographic
studies of spontaneous and evoked EEG activities", Am. J. EEG Technol. 25:83-92 (1985). The circle through
Fpz, T7, Oz and T8 is divided into steps of 18 degrees and the midline into steps of a tenth; a row's
electrodes divide the arc between both.
"""

import math
import re
from collections.abc import Sequence

RING = 0.8
"""Radius of the circle through Fpz, T7, Oz and T8; that through nasion and inion has 1."""

FEWEST = 4
"""Electrodes that make a map."""

ROWS = ("FP", "AF", "F", "FC", "C", "CP", "P", "PO", "O", "I")
"""From the front to the back. Fpz, Oz and Iz lie on the circles themselves."""

OLDER = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
SIDES = {"FT": "FC", "T": "C", "TP": "CP"}
"""The outer electrodes of three rows are called after the temples."""

_NAME = re.compile(r"(FP|AF|FT|FC|CP|TP|PO|[FCTPOI])(Z|10|[1-9])")

Place = tuple[float, float]


def place(name: str) -> Place | None:
    """(x, y) of an electrode: x to the right ear, y to the nose, in radii of the head; None if unknown."""
    name = OLDER.get(name.upper(), name.upper())
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    row, number = SIDES.get(found[1], found[1]), 0 if found[2] == "Z" else int(found[2])
    outer = number >= 7
    if (found[1] in SIDES) != outer and row in SIDES.values():
        return None  # there is no C7, and no T5 of this system
    step = ROWS.index(row)
    side = -1 if number % 2 else 1
    if row in ("FP", "O", "I"):
        return _at_the_end(row, number, side)
    angle = math.radians(18 * (step + 1))  # from the nose
    if number > 8:
        return side * math.sin(angle), math.cos(angle)
    x, y = RING * math.sin(angle), RING * math.cos(angle)
    middle = RING - 0.2 * step
    share = math.ceil(number / 2) / 4
    return side * share * x, middle + (y - middle) * share**2


def _at_the_end(row: str, number: int, side: int) -> Place | None:
    if number > 2:
        return None
    radius = 1.0 if row == "I" else RING
    angle = math.radians((0 if row == "FP" else 180) + (18 if row == "FP" else -18) * (number > 0))
    return side * radius * math.sin(angle), radius * math.cos(angle)


def places(channels: Sequence[str]) -> dict[int, Place]:
    """Places of the channels whose names are known, by their columns; empty where they are too few."""
    known = {column: found for column, name in enumerate(channels) if (found := place(name)) is not None}
    return known if len(known) >= FEWEST else {}
