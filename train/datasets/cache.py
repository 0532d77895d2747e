"""Arrays that took long to read, kept as memory-mapped files for the next time.

A cache is never needed: whatever is wrong with it, the source is read again. One folder a source, replaced
when the source's size or time or the reader's version is another one.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import RecordingError

log = logging.getLogger(__name__)

_STAMP = "stamp.json"

T = TypeVar("T")


def cached(
    sources: Sequence[Path],
    version: int,
    names: Sequence[str],
    read: Callable[[], Mapping[str, npt.NDArray[Any]]],
    make: Callable[[Mapping[str, npt.NDArray[Any]]], T],
) -> T:
    """What `make` makes of what `read` gives, from the cache where the sources have not changed since.

    Args:
        sources: the files behind it; they must be there.
        version: of the reader.
        names: of the arrays.
        read: reads the sources.
        make: what is wanted, of the arrays; refuses those that are not as `read` gives them.
    """
    stamp = {
        "version": version,
        "sources": [[str(one.resolve()), one.stat().st_size, one.stat().st_mtime_ns] for one in sources],
    }
    key = hashlib.sha256("\0".join(str(one.resolve()) for one in sources).encode()).hexdigest()[:32]
    try:
        folder = cache_folder() / key
    except RuntimeError:  # nobody's home
        return make(read())
    try:
        if json.loads((folder / _STAMP).read_bytes()) == stamp:
            return make({name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names})
    except (OSError, ValueError, TypeError, IndexError, EOFError, RecursionError, RecordingError):
        log.debug("%s: not in the cache", sources[0])
    arrays = read()
    try:
        _keep(folder, stamp, arrays)
    except OSError as error:
        log.warning("%s: read, but not kept in the cache: %s", sources[0], error.strerror or error)
    return make(arrays)


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/neurograsp/recordings`, or the same under `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "neurograsp" / "recordings"


def _keep(folder: Path, stamp: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        for name, array in arrays.items():
            np.save(new / f"{name}.npy", array)
        (new / _STAMP).write_text(json.dumps(stamp))
        if folder.exists():
            folder.rename(Path(temporary) / "old")  # removed with the temporary folder
        new.rename(folder)
