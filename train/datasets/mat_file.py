"""One variable of a MATLAB file of level 5 (`save -v6` and `-v7`), whose size is known before it is made.

SciPy unpacks without a limit, so the file is unpacked here first. The layout is that of "MAT-File Format",
MathWorks (2023), chapter 1.
"""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import MissingExtra, RecordingError
from neurograsp.train.datasets.raw_file import read_bytes

MAX_BYTES = 1 << 30
"""Of a file, and of what it unpacks to: three times the longest WAY-EEG-GAL series."""

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_TOO_LARGE = "save what is needed of it alone"


def read_struct(path: Path, name: str) -> Any:
    """The struct `name` of a file, as `field` and the others below take it.

    Raises:
        MissingExtra: SciPy is not installed.
        RecordingError: the file is missing, damaged, of another level, too large, or has no such variable.
    """
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtra("SciPy", "train") from error
    plain = _unpack(path)
    try:
        found = loadmat(plain, variable_names=[name])
    except Exception as error:  # on a damaged file SciPy lets anything out
        raise _damaged(path, " ".join(str(error).split())[:100] or type(error).__name__) from error
    if name not in found:
        raise RecordingError(
            f"{path}: no variable {name!r} in it; give a file of the data set as it was published"
        )
    return found[name]


def field(path: Path, struct_: Any, *names: str) -> NDArray[Any]:
    """The array at the end of a path of names through structs.

    Raises:
        RecordingError: it is not there.
    """
    for name in names:
        there = isinstance(struct_, np.ndarray) and struct_.size == 1 and name in (struct_.dtype.names or ())
        if not there:
            raise RecordingError(
                f"{path}: no {'.'.join(names)} in it; give a file of the data set as it was published"
            )
        struct_ = struct_[name].reshape(-1)[0]
    return np.asarray(struct_)


def numbers(path: Path, what: str, array: NDArray[Any]) -> NDArray[Any]:
    """A non-empty table of real numbers, as it is stored; RecordingError if it is none."""
    if array.dtype.kind not in "iuf" or array.ndim != 2 or not array.size:
        raise RecordingError(
            f"{path}: {what} must be a table of numbers, not {array.dtype} {array.shape}; copy it again "
            "from its source"
        )
    return array


def texts(path: Path, what: str, array: NDArray[Any]) -> tuple[str, ...]:
    """A cell array of texts; RecordingError if it is none."""
    cells = [np.asarray(cell) for cell in array.reshape(-1).tolist()] if array.dtype.kind in "OU" else []
    if not cells or any(cell.dtype.kind != "U" or cell.size != 1 for cell in cells):
        raise RecordingError(f"{path}: {what} must be a list of texts; copy it again from its source")
    return tuple(str(cell.reshape(-1)[0]).strip() for cell in cells)


def _unpack(path: Path) -> io.BytesIO:
    """The same file without compression."""
    data = read_bytes(path, MAX_BYTES, _TOO_LARGE)
    if data.startswith(b"MATLAB 7.3"):
        raise RecordingError(f"{path}: MATLAB 7.3 (HDF5) is not read; load it in MATLAB and save it with -v7")
    if data[124:_HEADER_BYTES] != b"\x00\x01IM":
        raise RecordingError(f"{path}: not a MATLAB file of level 5; save it in MATLAB with -v7")
    plain = io.BytesIO()
    plain.write(data[:_HEADER_BYTES])
    at = _HEADER_BYTES
    while at < len(data):
        at, element = _element(path, data, at, MAX_BYTES + 1 - plain.tell())
        plain.write(element)
        if plain.tell() > MAX_BYTES:
            raise RecordingError(f"{path}: unpacks to more than {MAX_BYTES >> 20} MB; {_TOO_LARGE}")
    plain.seek(0)
    return plain


def _element(path: Path, data: bytes, at: int, room: int) -> tuple[int, bytes]:
    """Where the element after the one at `at` begins, and that one, unpacked to at most `room` bytes."""
    if at + 8 > len(data):
        raise _damaged(path, "it ends early")
    kind, n_bytes = struct.unpack_from("<II", data, at)
    end = at + 8 + n_bytes
    if end > len(data):
        raise _damaged(path, "it ends early")
    if kind != _COMPRESSED:
        element = data[at:end]
    else:
        unpacker = zlib.decompressobj()
        try:
            element = unpacker.decompress(data[at + 8 : end], room)
        except zlib.error as error:
            raise _damaged(path, str(error)) from error
        if not unpacker.eof and len(element) < room:
            raise _damaged(path, "it ends early")
        if len(element) >= room:
            return end, element
    if len(element) < 8 or struct.unpack_from("<II", element) != (_MATRIX, len(element) - 8):
        raise _damaged(path, "an element is not of the size it declares")
    return end, element


def _damaged(path: Path, reason: str) -> RecordingError:
    return RecordingError(f"{path}: damaged ({reason}); copy it again from its source")
