"""A bundle is untrusted input: what is not exactly what was written is refused before it is used."""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import REPOSITORY, toy_signal

from neurograsp.convert.bundle_writer import npz_bytes, write_bundle
from neurograsp.edge_runtime.bundle import (
    MANIFEST,
    MANIFEST_HASH,
    manifest_hash_line,
    open_bundle,
    verify_golden,
    windows_in,
)
from neurograsp.edge_runtime.contract.errors import BundleError, CheckFailed, ConfigError
from neurograsp.edge_runtime.contract.signal_spec import FirStage
from neurograsp.edge_runtime.pipeline import WindowCutter

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


def test_another_folder_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(BundleError, match="manifest.json is missing; name what `neurograsp convert"):
        open_bundle(tmp_path)


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
    with pytest.raises(BundleError, match="larger than"):
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


def golden_arrays(bundle: Path) -> dict[str, Any]:
    with np.load(bundle / "golden.npz") as loaded:
        return dict(loaded)


def replace_golden(bundle: Path, arrays: dict[str, Any]) -> None:
    (bundle / "golden.npz").write_bytes(npz_bytes(arrays))
    reseal(bundle)


@pytest.mark.parametrize("array", ["counts", "filtered", "windows", "logits", "decisions"])
def test_golden_vectors_that_do_not_reproduce(bundle: Path, array: str) -> None:
    arrays = golden_arrays(bundle)
    arrays[array].flat[0] ^= 1
    replace_golden(bundle, arrays)
    with pytest.raises(BundleError, match="not reproduce"):
        verify_golden(open_bundle(bundle))


def test_windows_of_another_signal_are_refused_whatever_their_logits(bundle: Path) -> None:
    arrays = golden_arrays(bundle)
    arrays["windows"] = np.random.default_rng(0).integers(-128, 128, arrays["windows"].shape, np.int8)
    reference = open_bundle(bundle).classifier(reference_kernels=True)
    arrays["logits"] = np.stack([reference.logits(window) for window in arrays["windows"]])
    replace_golden(bundle, arrays)
    with pytest.raises(BundleError, match="cutting of windows does not reproduce"):
        verify_golden(open_bundle(bundle))


def test_other_thresholds_than_those_of_the_golden_decisions_are_refused(bundle: Path) -> None:
    def raise_thresholds(manifest: dict[str, Any]) -> None:
        manifest["decision"]["on"] = [0.99] * 6

    reseal(bundle, raise_thresholds)
    with pytest.raises(BundleError, match="decisions do not reproduce"):
        verify_golden(open_bundle(bundle))


def test_the_shipped_golden_vectors_have_something_to_show() -> None:
    golden = open_bundle(SHIPPED).golden
    assert len(set(golden.decisions.tolist())) > 3
    assert {-128, 127} <= set(golden.windows.ravel().tolist())
    assert np.abs(golden.windows[0]).max() < 127


@pytest.mark.parametrize(
    ("array", "change", "text"),
    [
        ("counts", lambda a: a[:-10], "430 frames do not give 30 windows"),
        ("counts", lambda a: a.astype(np.int64), r"counts is int64 \(440, 32\), not i4"),
        ("counts", lambda a: a.ravel(), "do not give 30 windows"),
        ("counts", lambda a: np.zeros((1 << 18, 32), np.int32), "too many"),
        ("counts", lambda a: np.int32(3), "0 frames"),
        ("filtered", lambda a: a[:-1], "filtered is"),
        ("windows", lambda a: a[:-1], "windows is"),
        ("logits", lambda a: a[:, :-1], "logits is"),
        ("decisions", lambda a: a.astype(np.int32), "decisions is int32"),
        ("decisions", lambda a: None, "no array 'decisions'"),
    ],
)
def test_golden_vectors_of_other_shape(
    bundle: Path, array: str, change: Callable[[Any], Any], text: str
) -> None:
    arrays = golden_arrays(bundle)
    arrays[array] = change(arrays[array])
    replace_golden(bundle, {name: made for name, made in arrays.items() if made is not None})
    with pytest.raises(BundleError, match=text):
        verify_golden(open_bundle(bundle))


@pytest.mark.parametrize(
    ("decimation", "window", "hop", "n_frames"),
    [(1, 10, 5, 9), (1, 10, 5, 10), (3, 10, 5, 61), (3, 10, 10, 59), (6, 7, 3, 400)],
)
def test_windows_are_counted_as_they_are_cut(decimation: int, window: int, hop: int, n_frames: int) -> None:
    factors = {1: (), 3: (3,), 6: (3, 2)}[decimation]
    stages = tuple(FirStage("fir", "decimate", None, (2**15,), factor) for factor in factors)
    spec = toy_signal(stages, window=window, hop=hop)
    cut = list(WindowCutter(spec).push(np.zeros((n_frames, 2), np.int32)))
    assert windows_in(n_frames, spec) == len(cut)


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


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["signal"]["stages"][0].update(type=[]),
        lambda manifest: manifest["network"].update(macs=10**400),
        lambda manifest: manifest.update(name="\ud800"),
        lambda manifest: manifest.update(name="\x1b]0;x\x07\n"),
        lambda manifest: manifest.update(scores=nested(900)),
        lambda manifest: manifest.update(scores={"x\n": 1}),
        lambda manifest: manifest["provenance"].update(config={"x": 10**400}),
        lambda manifest: manifest.update(files={"x" * 500_000: "0" * 64}),
        lambda manifest: manifest.update(files={f"x{number}": "0" * 64 for number in range(1000)}),
        lambda manifest: manifest.update(schema="x" * 500_000),
        lambda manifest: manifest["signal"]["actions"]["names"].__setitem__(0, ""),
    ],
)
def test_a_hostile_but_well_sealed_manifest_is_one_line(bundle: Path, change: Callable[[Any], None]) -> None:
    reseal(bundle, change)
    with pytest.raises(BundleError) as caught:
        verify_golden(open_bundle(bundle))
    message = str(caught.value).removeprefix(str(bundle))
    assert message.isprintable()
    assert len(message) < 400


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
