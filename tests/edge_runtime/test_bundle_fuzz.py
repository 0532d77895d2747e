"""Damaged and hostile archives: a BundleError or the same bundle, never another exception."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from toys import REPOSITORY, zip_of

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.contract.errors import BundleError

SHIPPED = REPOSITORY / "edge_runtime" / "samples" / "bundles" / "grasp-and-lift"


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


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compression_is_refused_whole_or_damaged(method: int, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    raw = bytearray(zip_of({"manifest.json": b"{}" * 1000}, method))
    for _ in range(2):
        path.write_bytes(raw)
        with pytest.raises(BundleError, match=f"compressed by method {method}, not deflate"):
            open_bundle(path)
        raw[70] ^= 0x10


def test_a_manifest_bomb_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(zip_of({"manifest.json": b"[" + b"[]," * (1 << 20) + b"[]]"}))
    assert path.stat().st_size < 100_000
    with pytest.raises(BundleError, match=r"manifest\.json is larger than 1 MiB"):
        open_bundle(path)


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000, "nul\0byte"])
def test_a_path_that_cannot_be_is_one_line(name: str) -> None:
    with pytest.raises(BundleError):
        open_bundle(Path(name))
