"""What a data set that `neurograsp train --dataset` knows has to offer, and where its files are kept."""

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.config import DataOrigin

Names = tuple[int | str, ...] | None
"""Subjects or sessions, as numbers or names; None where nobody chose."""


class Progress(Protocol):
    """Told what is being fetched."""

    def begin(self, what: str) -> None:
        """The next file or step."""

    def at(self, n_bytes: int, total: int) -> None:
        """So much of it is here; `total` is 0 where nobody knows."""


@dataclass(frozen=True)
class Place:
    """Attributes:
    folder: of all data sets; each has one of its own in it.
    progress: told what is being fetched.
    """

    folder: Path
    progress: Progress


@dataclass(frozen=True)
class Fetched:
    """Attributes:
    folder: of recordings that `open_recordings` reads.
    subjects, sessions: what of them was chosen; None for all that are there.
    """

    folder: Path
    subjects: Names
    sessions: Names


class Source(Protocol):
    """A data set by its name."""

    @property
    def origin(self) -> DataOrigin:
        """Whom to cite."""

    @property
    def default_sessions(self) -> tuple[int, ...] | None:
        """Those in which the labels mean what the default configuration says; None for all."""

    def default_config(self, place: Place, subjects: Names) -> str:
        """A training configuration for it, in TOML; its `data.path` is to be replaced.

        Raises:
            NeurograspError: there is none, or what it depends on cannot be fetched.
        """

    def fetch(self, place: Place, subjects: Names, sessions: Names) -> Fetched:
        """Bring the recordings here; what is here already is left alone.

        Raises:
            MissingExtra: what fetches them is not installed.
            RecordingError: they cannot be fetched, or have to be fetched by hand; the message says how.
        """


def data_folder(chosen: Path | None) -> Path:
    """The folder of all data sets: chosen, `$NEUROGRASP_DATA`, or `neurograsp` in the user's data folder.

    The user's data folder is `$XDG_DATA_HOME`, or `~/.local/share` (XDG Base Directory Specification).
    """
    if chosen is not None:
        return chosen.absolute()
    own = os.environ.get("NEUROGRASP_DATA")
    if own:
        return Path(own).absolute()
    home = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(home) / "neurograsp"


def packaged_config(name: str) -> str:
    """The text of a default configuration in this package."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def numbers(name: str, what: str, chosen: tuple[int | str, ...], highest: int) -> tuple[int, ...]:
    """What was chosen, as numbers, each once.

    Args:
        name: of the data set.
        what: of it, such as "subject".
        chosen: numbers or their texts.
        highest: they are counted from 1 to this one.

    Raises:
        RecordingError: one is not there.
    """
    found = []
    for one in chosen:
        text = str(one)
        if not text.isdecimal() or not 1 <= int(text) <= highest:
            raise RecordingError(f"{name}: no {what} {text:.40}; there are 1 to {highest}")
        found.append(int(text))
    return tuple(dict.fromkeys(found))
