"""Damaged and hostile archives: a BundleError or the same bundle, never another exception."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from toys import REPOSITORY

from neurograsp.edge_runtime.bundle import open_bundle, read_npz
from neurograsp.edge_runtime.contract.errors import BundleError

SHIPPED = REPOSITORY / "edge_runtime" / "samples" / "bundles" / "grasp-and-lift"


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def archive() -> bytes:
    return zip_of({file.name: file.read_bytes() for file in sorted(SHIPPED.iterdir())})


def test_an_archive_with_one_flipped_byte(archive: bytes, tmp_path: Path) -> None:
    """Spread over all, and every byte of the directory at the end, where names and sizes are."""
    whole = open_bundle(SHIPPED)
    path = tmp_path / "bundle.zip"
    directory = archive.index(b"PK\x01\x02")
    spread = np.linspace(0, directory, 150).astype(int)
    for position in {*spread.tolist(), *range(directory, len(archive))}:
        damaged = bytearray(archive)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        try:
            opened = open_bundle(path)
        except BundleError as error:
            assert str(error).startswith(str(path))
        else:
            assert (opened.sha256, opened.files) == (whole.sha256, whole.files)


def test_an_npz_with_one_flipped_byte() -> None:
    """Its hash would refuse it; whoever makes the hash fit must not get further than an error."""
    raw = (SHIPPED / "golden.npz").read_bytes()
    directory = raw.index(b"PK\x01\x02")
    spread = np.linspace(0, directory, 300).astype(int)
    for position in {*range(200), *spread.tolist(), *range(directory, len(raw))}:
        damaged = bytearray(raw)
        damaged[position] ^= 1 << (position % 8)
        try:
            read_npz(bytes(damaged), "golden.npz")
        except BundleError as error:
            assert str(error).startswith("golden.npz")


def npy(shape: str, descr: str = "|i1", body: bytes = b"\0" * 16) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


@pytest.mark.parametrize(
    "array",
    [
        npy("(1152921504606846976,)"),
        npy("(4294967296, 4294967296)"),
        npy("(1099511627776,)"),
        npy("(-1,)"),
        npy("(17,)"),
        npy("(1, __import__('os'))"),
        npy("(1,)", descr="|O"),
        npy("(1,)", descr="nonsense"),
        npy("(" * 5000 + "1"),
        b"",
        b"\x93NUMPY\x09\x00",
        b"not an array",
    ],
    ids=lambda raw: raw[10:60].decode("latin-1").strip() or "empty",
)
def test_arrays_that_lie(array: bytes) -> None:
    with pytest.raises(BundleError, match=r"^golden\.npz"):
        read_npz(zip_of({"counts.npy": array}), "golden.npz")


def test_arrays_over_the_cap_are_not_unpacked() -> None:
    bomb = zip_of({f"{number}.npy": b"\0" * (30 << 20) for number in range(3)})
    assert len(bomb) < 1 << 20
    with pytest.raises(BundleError, match="more than 64 MiB"):
        read_npz(bomb, "golden.npz")


def test_an_encrypted_or_foreign_member_is_refused() -> None:
    raw = bytearray(zip_of({"counts.npy": npy("(16,)")}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + offset] |= 1
    with pytest.raises(BundleError):
        read_npz(bytes(raw), "golden.npz")
