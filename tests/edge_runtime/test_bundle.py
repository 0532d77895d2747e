"""A bundle is untrusted input: what is not exactly what was written is refused before it is used."""

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toys import REPOSITORY

from neurograsp.convert.bundle_writer import npz_bytes, write_bundle
from neurograsp.edge_runtime.bundle import (
    MANIFEST,
    MANIFEST_HASH,
    manifest_hash_line,
    open_bundle,
    read_npz,
    verify_golden,
)
from neurograsp.edge_runtime.contract.errors import BundleError, CheckFailed, ConfigError

SHIPPED = REPOSITORY / "edge_runtime" / "samples" / "bundles" / "grasp-and-lift"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(SHIPPED, copy)
    return copy


def reseal(bundle: Path, change: Callable[[dict[str, object]], None] = lambda manifest: None) -> None:
    """Make manifest and hashes fit the files again, as an attacker without a key would."""
    manifest = json.loads((bundle / MANIFEST).read_bytes())
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    change(manifest)
    raw = json.dumps(manifest).encode()
    (bundle / MANIFEST).write_bytes(raw)
    (bundle / MANIFEST_HASH).write_bytes(manifest_hash_line(hashlib.sha256(raw).hexdigest()))


def zipped(bundle: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in bundle.iterdir():
            archive.write(file, file.name)
    return target


def test_the_shipped_bundle_reproduces() -> None:
    assert verify_golden(open_bundle(SHIPPED)) <= open_bundle(SHIPPED).manifest.golden.xnnpack_steps


def test_an_archive_is_the_same_bundle(bundle: Path, tmp_path: Path) -> None:
    archive = open_bundle(zipped(bundle, tmp_path / "bundle.zip"))
    assert archive.sha256 == open_bundle(bundle).sha256
    verify_golden(archive)


@pytest.mark.parametrize("name", sorted(file.name for file in SHIPPED.iterdir()))
def test_any_flipped_bit_is_refused(bundle: Path, name: str) -> None:
    original = (bundle / name).read_bytes()
    for position in np.linspace(0, len(original) - 1, 23).astype(int):
        damaged = bytearray(original)
        damaged[position] ^= 1 << int(position % 8)
        (bundle / name).write_bytes(damaged)
        with pytest.raises(BundleError, match=name if name != MANIFEST_HASH else "does not match"):
            open_bundle(bundle)


@pytest.mark.parametrize("name", sorted(file.name for file in SHIPPED.iterdir()))
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=name):
        open_bundle(bundle)


def test_a_foreign_file_is_refused(bundle: Path) -> None:
    (bundle / "hook.py").write_text("")
    with pytest.raises(BundleError, match="hook.py"):
        open_bundle(bundle)


def test_a_link_is_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / "model.tflite").rename(tmp_path / "elsewhere")
    (bundle / "model.tflite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match=r"model\.tflite is not a plain file"):
        open_bundle(bundle)


def test_an_oversized_file_is_not_read(bundle: Path) -> None:
    os.truncate(bundle / "float.tflite", 1 << 31)
    with pytest.raises(BundleError, match="larger than"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", ["../model.tflite", "/etc/passwd", "a/model.tflite", "model.tflite\\x"])
def test_an_archive_cannot_name_other_paths(bundle: Path, tmp_path: Path, name: str) -> None:
    archive = zipped(bundle, tmp_path / "bundle.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, b"x")
    with pytest.raises(BundleError, match="does not belong"):
        open_bundle(archive)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.tflite", b"\0" * (65 << 20))
    with pytest.raises(BundleError, match="too large"):
        open_bundle(tmp_path / "bomb.zip")


def test_a_truncated_archive_is_refused(bundle: Path, tmp_path: Path) -> None:
    archive = zipped(bundle, tmp_path / "bundle.zip")
    whole = archive.read_bytes()
    for size in np.linspace(0, len(whole) - 1, 15).astype(int):
        archive.write_bytes(whole[:size])
        with pytest.raises(BundleError):
            open_bundle(archive)


def test_another_schema_is_refused(bundle: Path) -> None:
    reseal(bundle, lambda manifest: manifest.update(schema="neurograsp.bundle/2"))
    with pytest.raises(BundleError, match=r"neurograsp\.bundle/2"):
        open_bundle(bundle)


def test_a_file_outside_of_the_format_cannot_be_listed(bundle: Path) -> None:
    def add(manifest: dict[str, object]) -> None:
        manifest["files"] = {**manifest["files"], "../x": "0" * 64}  # type: ignore[dict-item]

    reseal(bundle, add)
    with pytest.raises(BundleError, match="not the files of a bundle"):
        open_bundle(bundle)


@pytest.mark.parametrize("array", ["filtered", "logits"])
def test_golden_vectors_that_do_not_reproduce(bundle: Path, array: str) -> None:
    arrays = read_npz((bundle / "golden.npz").read_bytes(), "golden")
    arrays[array] = arrays[array].copy()
    arrays[array].flat[0] ^= 1
    (bundle / "golden.npz").write_bytes(npz_bytes(arrays))
    reseal(bundle)
    with pytest.raises(BundleError, match="does not reproduce"):
        verify_golden(open_bundle(bundle))


def test_another_network_under_the_same_manifest(bundle: Path) -> None:
    shutil.copy(bundle / "float.tflite", bundle / "model.tflite")
    reseal(bundle)
    with pytest.raises(BundleError, match="not int8"):
        verify_golden(open_bundle(bundle))


def test_a_network_that_is_none(bundle: Path) -> None:
    (bundle / "model.tflite").write_bytes(b"not a network")
    reseal(bundle)
    with pytest.raises(BundleError, match="LiteRT cannot load it"):
        verify_golden(open_bundle(bundle))


def test_python_objects_are_never_unpickled(bundle: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, counts=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BundleError, match="npz"):
        read_npz(buffer.getvalue(), "golden.npz")


def test_a_filter_that_could_overflow_is_refused(bundle: Path) -> None:
    def amplify(manifest: dict[str, object]) -> None:
        manifest["signal"]["stages"][0]["coefficients"][0][:3] = [2**31 - 1] * 3  # type: ignore[index]

    reseal(bundle, amplify)
    with pytest.raises(BundleError, match="overflow"):
        open_bundle(bundle)


def test_the_writer_reads_its_own_output_back(tmp_path: Path) -> None:
    shipped = open_bundle(SHIPPED)
    digest = write_bundle(tmp_path / "again", shipped.manifest, shipped.files)
    assert digest == shipped.sha256
    for file in SHIPPED.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()


def test_the_writer_leaves_nothing_when_the_check_fails(tmp_path: Path) -> None:
    shipped = open_bundle(SHIPPED)
    with pytest.raises(CheckFailed):
        write_bundle(tmp_path / "bad", shipped.manifest, {**shipped.files, "model.tflite": b"x"})
    assert list(tmp_path.iterdir()) == []


def test_the_writer_spares_other_folders(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    shipped = open_bundle(SHIPPED)
    with pytest.raises(ConfigError, match="something else"):
        write_bundle(tmp_path, shipped.manifest, shipped.files)
    assert (tmp_path / "precious").read_text() == "x"
