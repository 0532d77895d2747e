"""Folders and files that appear whole or not at all."""

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurograsp.edge_runtime.contract.errors import ConfigError


def temporary_folder(prefix: str) -> "tempfile.TemporaryDirectory[str]":
    """For files of this run alone.

    Raises:
        ConfigError: there is no place for one, as on a read-only system.
    """
    try:
        return tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        raise ConfigError(
            f"no folder for temporary files can be written to ({error.strerror}); set TMPDIR to one"
        ) from error


@contextmanager
def whole_folder(out: Path, marker: str) -> Iterator[Path]:
    """A temporary folder beside `out` that becomes `out` when the block ends without an error.

    Args:
        out: the folder to make. An older one of the same kind is replaced.
        marker: a file that every folder of this kind holds.

    Raises:
        ConfigError: `out` holds something else, or its parent cannot be written.
    """
    refuse_foreign_folder(out, marker)
    with _named(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield temporary
        with _named(out):
            temporary.chmod(0o755)
            _put_in_place(temporary, out)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put_in_place(new: Path, out: Path) -> None:
    if not out.exists():
        new.rename(out)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
    try:
        out.rename(aside / out.name)
        new.rename(out)
    finally:
        if not out.exists():
            (aside / out.name).rename(out)
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error


def refuse_foreign_folder(out: Path, marker: str) -> None:
    """Raises ConfigError when `out` is there and neither empty nor of the kind that holds `marker`."""
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / marker).is_file()):
        raise ConfigError(f"{out}: is there and holds something else; name a new folder")


@contextmanager
def alone(folder: Path, what: str, lock: str = ".lock") -> Iterator[None]:
    """Hold `folder` for this process; the lock goes with the process, however that ends.

    Args:
        folder: there already.
        what: who holds it, for the message.
        lock: name of the file to lock.

    Raises:
        ConfigError: another process holds it, or the lock cannot be written.
    """
    with _named(folder / lock):
        file = (folder / lock).open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"{folder}: another {what} writes there; name another folder with --out"
            raise ConfigError(message) from error
        yield


def make_private(folder: Path) -> list[Path]:
    """Make a folder and those above it that are missing, for this user alone.

    Returns:
        Those that were missing.

    Raises:
        OSError: one cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    return missing


def write_whole(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a file through a temporary one beside it; of a link, the file that it leads to.

    Args:
        path: of the file; its folder is made where it is missing.
        data: what it is to hold.
        mode: of the file; None: that of the one that was there, or for everybody to read.

    Raises:
        ConfigError: it cannot be written, or is there and is no file.
    """
    refuse_what_is_no_file(path)
    path = Path(os.path.realpath(path))
    if mode is None:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(name).chmod(mode)
            Path(name).rename(path)
        finally:
            Path(name).unlink(missing_ok=True)


def refuse_what_is_no_file(path: Path) -> None:
    """Raises ConfigError for a folder or a device: a new file would take its place."""
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path}: is there and is no file; name a new one")


def check_writable(path: Path, private: bool = False) -> None:
    """Find out before the work whether `path` can be written after it.

    Args:
        path: of a file that is to come.
        private: make its folder, where that is missing, for this user alone.

    Raises:
        ConfigError: its folder cannot be made or written, or it is there and is no file.
    """
    refuse_what_is_no_file(path)
    path = Path(os.path.realpath(path))
    with _named(path):
        if private:
            make_private(path.parent)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
