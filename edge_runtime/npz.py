"""Arrays and members of archives that somebody else wrote: sizes first, nothing unpickled."""

import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from numpy import ndarray
from numpy.lib import format as npy
from numpy.typing import NDArray

MAX_MEMBERS = 64

DAMAGE = (
    EOFError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile and numpy raise on such bytes, besides OSError."""


class NpzError(ValueError):
    """What is wrong with an archive and what to do, in one line; the caller says which one it is."""


def read_npz(
    file: str | Path | IO[bytes],
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
    *,
    max_bytes: int,
) -> dict[str, NDArray[Any]]:
    """Load the named arrays of an `.npz`; others in it are not looked at.

    Args:
        file: what to read.
        required, optional: names of arrays.
        max_bytes: of all arrays in it together, unpacked.

    Returns:
        name -> read-only array; an absent optional one is left out.

    Raises:
        NpzError: damaged, over the size caps, or without a required array.
        OSError: it cannot be opened or read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: info for info in archive.infolist()}
            total = sum(info.file_size for info in members.values())
            if len(members) > MAX_MEMBERS or total > max_bytes:
                raise NpzError(
                    f"{len(members)} arrays of {total} bytes in all are over the limit of {MAX_MEMBERS} "
                    f"arrays and {max_bytes} bytes; split it"
                )
            missing = [name for name in required if f"{name}.npy" not in members]
            if missing:
                raise NpzError(
                    f"no array {', '.join(map(repr, missing))} in it; it is of another format, "
                    "or was written incompletely"
                )
            return {
                name: _read_member(archive, members[f"{name}.npy"])
                for name in (*required, *optional)
                if f"{name}.npy" in members
            }
    except NpzError:
        raise
    except DAMAGE as error:
        raise NpzError(
            f"damaged or not an .npz ({one_line(error)}); copy it again from its source"
        ) from error


def check_method(info: zipfile.ZipInfo) -> None:
    """Raises ValueError unless the member is stored or deflated: other methods have no limit of their own."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename[:60]!r} is compressed by method {info.compress_type}, not deflate")


def one_line(error: Exception) -> str:
    """What an error says, in one line of sensible length."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """Read one `.npy` whose declared shape must be exactly what the archive's directory says is there."""
    check_method(info)
    with archive.open(info) as stream:
        version = npy.read_magic(stream)
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"{info.filename} has .npy version {version}")
        shape, fortran_order, dtype = readers[version](stream)
        n_bytes = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or dtype.itemsize == 0 or n_bytes != info.file_size - stream.tell():
            raise ValueError(f"{info.filename} does not hold the {dtype} {shape} it declares")
        data = stream.read(n_bytes)
        if len(data) != n_bytes:
            raise EOFError(f"{info.filename} ends early")
    return ndarray(shape, dtype, buffer=data, order="F" if fortran_order else "C")
