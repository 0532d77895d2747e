"""The file of a session: its name, and how it comes to be without ever replacing another."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from neurograsp.edge_runtime.contract.errors import ConfigError

FILE_NAME = re.compile(r"subj([A-Za-z0-9-]+)_session([A-Za-z0-9-]+)\.bdf")
PLAIN_NAME = re.compile(r"[A-Za-z0-9-]{1,20}")


@dataclass(frozen=True)
class Place:
    """Attributes:
    path: of the recording.
    part: of what is written of it so far.
    subject, session: as the readers will find them.
    """

    path: Path
    subject: str
    session: str

    @property
    def part(self) -> Path:
        return self.path.with_name(self.path.name + ".part")


def place_of(folder: Path, subject: str, session: str | None) -> Place:
    """Where a session goes; the next number of this subject unless it has a name.

    Raises:
        ConfigError: a recording of that name is there, or something that was left of one.
    """
    subject = _plain(subject)
    if session is None:
        taken = [match for one in _names_in(folder) if (match := FILE_NAME.match(one))]
        numbers = [int(match[2]) for match in taken if _plain(match[1]) == subject and match[2].isdecimal()]
        session = str(max(numbers, default=0) + 1)
    place = Place(folder / f"subj{subject}_session{_plain(session)}.bdf", subject, _plain(session))
    for there, remedy in (
        (place.path, "name another --session"),
        (place.part, "it was not closed: rename it to .bdf to keep its whole seconds, or remove it"),
    ):
        if there.exists():
            raise ConfigError(f"{there}: is there already; {remedy}")
    return place


@contextmanager
def new_file(place: Place, n_bytes: int) -> Iterator[BinaryIO]:
    """The part of a recording, to be written without a buffer; it stays when the block ends.

    Raises:
        ConfigError: it cannot be made or written, or the disk has no room for `n_bytes`.
    """
    try:
        place.path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(place.path.parent).free
        if free < n_bytes:
            raise ConfigError(
                f"{place.path}: the session takes {n_bytes / 1e6:.0f} MB and {free / 1e6:.0f} MB are free; "
                "make room, or name another --out"
            )
        with place.part.open("xb", buffering=0) as file:
            yield file
    except OSError as error:
        raise ConfigError(
            f"{place.path}: cannot be written: {error.strerror or error}; what was written before is kept"
        ) from error


def keep(place: Place) -> None:
    """Give the part its name.

    Raises:
        ConfigError: a file of that name has come to be meanwhile.
    """
    if place.path.exists():
        raise ConfigError(f"{place.path}: has come to be meanwhile; the recording is in {place.part}")
    place.part.rename(place.path)


def _plain(name: str) -> str:
    """The readers' spelling of a name: numbers without leading zeros."""
    return str(int(name)) if name.isdecimal() else name


def _names_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()] if folder.is_dir() else []
