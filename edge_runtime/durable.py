"""Files and links that are there after a power cut: written, synced, renamed, and the folder synced."""

import os
import tempfile
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """What was made or renamed in it stays so. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """What was written to a file is on the disk. Raises OSError."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def beside(path: Path, data: bytes) -> Path:
    """A file for everybody to read, to be moved to `path`, which is in the same folder. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)
            file.write(data)
            file.flush()
            os.fsync(handle)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def write(path: Path, data: bytes) -> None:
    """Replace a file; whatever happens, it is the old one or the new one. Raises OSError."""
    fresh = beside(path, data)
    try:
        move(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """Rename within a folder. Raises OSError."""
    source.replace(target)
    sync_folder(target.parent)


def link(path: Path, target: str) -> None:
    """Replace a symbolic link; whatever happens, it names the old target or the new one. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        fresh.symlink_to(target)
        move(fresh, path)


def remove(path: Path) -> None:
    """Raises OSError, but not where there is nothing."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
