"""Data sets by their names: `find_source` finds one, `Source.fetch` brings its recordings here."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from neurograsp.edge_runtime.contract.errors import MissingExtra, UsageError
from neurograsp.train.fetch import eegmmidb
from neurograsp.train.fetch.by_hand import KAGGLE, WAY_EEG_GAL
from neurograsp.train.fetch.eegmmidb import Eegmmidb
from neurograsp.train.fetch.moabb_set import MoabbSet, moabb_sets
from neurograsp.train.fetch.source import Source

__all__ = ["NAMES", "find_source"]

MOABB = "moabb:"
NAMES = (eegmmidb.NAME, WAY_EEG_GAL.name, KAGGLE.name)
"""The data sets that are known without MOABB."""


def find_source(name: str) -> Source:
    """The data set of this name: one of NAMES, `moabb:NAME`, or the name of a class of MOABB's.

    Raises:
        MissingExtra: `moabb:NAME`, and MOABB is not installed.
        UsageError: there is none; the message has the nearest name, or the names.
    """
    if name == eegmmidb.NAME:
        return Eegmmidb()
    for source in (WAY_EEG_GAL, KAGGLE):
        if name == source.name:
            return source
    wanted = name.removeprefix(MOABB)
    there: dict[str, Callable[[], Any]] = {}
    try:
        there = moabb_sets()
    except MissingExtra:
        if name.startswith(MOABB):
            raise
    if wanted in there:
        return MoabbSet(wanted, there[wanted]())
    near = get_close_matches(wanted, (*NAMES, *there), n=3)
    guess = f" (did you mean {' or '.join(near)}?)" if near else ""
    moabb = f"the {len(there)} of MOABB" if there else "those of MOABB after `pip install '.[moabb]'`"
    raise UsageError(
        f"--dataset {name:.60}: no such data set{guess}; known are {', '.join(NAMES)} and {moabb}, see "
        "docs/datasets.md"
    )
