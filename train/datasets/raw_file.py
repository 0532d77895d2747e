"""Files that somebody else wrote, read whole but never more than a limit, and tables of numbers in them."""

import gzip
import io
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import RecordingError

BLOCK_BYTES = 1 << 20


def read_bytes(path: Path, max_bytes: int, too_large: str) -> bytes:
    """All of a file, unpacked where its name ends with `.gz`.

    Args:
        path: the file.
        max_bytes: of what is read, after unpacking.
        too_large: for the message, what to do or to know when there is more.

    Raises:
        RecordingError: it cannot be read, or there is more.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            content = b"".join(_blocks(file, max_bytes))
    except (OSError, EOFError, zlib.error) as error:
        raise RecordingError(f"{path}: cannot be read ({error}); copy it again from its source") from error
    if len(content) > max_bytes:
        raise RecordingError(f"{path}: more than {max_bytes / (1 << 20):g} MB; {too_large}")
    return content


def _blocks(file: IO[bytes] | gzip.GzipFile, max_bytes: int) -> Iterator[bytes]:
    """What there is, up to a block more than `max_bytes`: one read of so much would claim that memory."""
    left = max_bytes
    while left >= 0 and (block := file.read(BLOCK_BYTES)):
        left -= len(block)
        yield block


def parse_table(
    path: Path,
    content: bytes,
    dtype: type[np.generic],
    delimiter: str,
    columns: Sequence[int] | None = None,
) -> npt.NDArray[np.generic]:
    """The numbers of a text, (n_rows, n_columns).

    Args:
        path: where the text is from, for messages.
        content: a row a line.
        dtype: of the numbers; one that is not of it is refused.
        delimiter: between the columns.
        columns: which ones; all unless given.

    Raises:
        RecordingError: it is no such table.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy would round a number that is no integer
            return np.loadtxt(
                io.BytesIO(content), dtype, delimiter=delimiter, comments=None, ndmin=2, usecols=columns
            )
    except (ValueError, OverflowError, Warning) as error:
        kind = "integers" if np.issubdtype(dtype, np.integer) else "numbers"
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise RecordingError(
            f"{path}: not a table of {kind} ({reason:.150}); copy it again from its source"
        ) from error
