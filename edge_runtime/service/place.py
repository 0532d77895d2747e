"""Files of the service on a system: put there whole, known again by a mark, and taken away again.

The first line of each says that it is ours, and the hash of the rest. So a file that somebody has changed
since, or that was there before, is told from one that may be replaced or removed.
"""

import difflib
import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from neurograsp.edge_runtime import durable
from neurograsp.edge_runtime.contract.errors import ConfigError

MARK = "# Written by `neurograsp service install`; SHA-256 of the other lines: "
MAX_BYTES = 2**20


class Found(enum.Enum):
    """What is at the place of a file."""

    NOTHING = "nothing"
    OURS = "ours"
    EDITED = "ours, and changed since"
    FOREIGN = "not written by neurograsp"


@dataclass(frozen=True)
class Change:
    """Attributes:
    path: on the system that is meant.
    found: what is there now.
    before, after: its text, None where there is (to be) none.
    """

    path: PurePosixPath
    found: Found
    before: str | None
    after: str | None

    @property
    def needed(self) -> bool:
        return self.before != self.after

    def diff(self) -> str:
        before, after = ([] if text is None else text.splitlines() for text in (self.before, self.after))
        old, new = ("/dev/null" if text is None else str(self.path) for text in (self.before, self.after))
        return "\n".join(difflib.unified_diff(before, after, old, new, lineterm=""))


def marked(text: str) -> str:
    return f"{MARK}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def changes(wanted: Mapping[PurePosixPath, str | None], root: Path) -> list[Change]:
    """What has to change below `root`.

    Args:
        wanted: text of each file, without its mark; None: it is not to be there. What is not ours is left
            alone then.

    Raises:
        ConfigError: a file cannot be read.
    """
    found = []
    for path, text in wanted.items():
        kind, before = _look(_below(root, path))
        after = None if text is None else marked(text)
        if after is None and kind is Found.FOREIGN:
            after = before
        found.append(Change(path, kind, before, after))
    return found


def refuse_others(found: Sequence[Change]) -> None:
    """Raises ConfigError when a file that somebody else wrote or changed would be lost."""
    for change in found:
        if change.needed and change.found in (Found.EDITED, Found.FOREIGN):
            raise ConfigError(
                f"{change.path}: is {change.found.value}; put what you want to keep into "
                "`systemctl edit neurograsp` or a file of your own, then --force"
            )


def apply(found: Sequence[Change], root: Path) -> None:
    """Make the changes, all written before the first takes effect.

    Raises:
        ConfigError: a file cannot be written.
    """
    written: list[tuple[Path, Path]] = []
    path = root
    try:
        for change in found:
            path = _below(root, change.path)
            if change.needed and change.after is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                written.append((durable.beside(path, change.after.encode()), path))
        for fresh, path in written:
            durable.move(fresh, path)
        for change in found:
            path = _below(root, change.path)
            if change.needed and change.after is None:
                durable.remove(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        for fresh, _ in written:
            fresh.unlink(missing_ok=True)


def _look(path: Path) -> tuple[Found, str | None]:
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise ConfigError(f"{path}: is there and is no file of ours; look at it, and remove it")
        if not path.exists():
            return Found.NOTHING, None
        with path.open(errors="replace") as file:
            text = file.read(MAX_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    first, _, rest = text.partition("\n")
    if not first.startswith(MARK):
        return Found.FOREIGN, text
    return (Found.OURS if text == marked(rest) else Found.EDITED), text


def _below(root: Path, path: PurePosixPath) -> Path:
    return root / path.relative_to("/")
