"""Write a bundle, and open it with the device's own code before calling it done."""

import hashlib
import io
import zipfile
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.bundle import (
    MANIFEST,
    MANIFEST_HASH,
    SIGNATURE,
    Golden,
    manifest_hash_line,
    open_bundle,
    verify_golden,
)
from neurograsp.edge_runtime.contract.errors import BundleError, CheckFailed
from neurograsp.edge_runtime.contract.manifest import Manifest, render_manifest
from neurograsp.edge_runtime.files import whole_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_bundle(
    out: Path, manifest: Manifest, files: dict[str, bytes], key: "Ed25519PrivateKey | None" = None
) -> str:
    """Write the folder whole or not at all.

    Args:
        out: folder to make.
        manifest: its `files` are filled in here.
        files: every file but the manifest.
        key: to sign with.

    Returns:
        SHA-256 of the manifest, which stands for the bundle.

    Raises:
        ConfigError: `out` holds something else or cannot be written.
        CheckFailed: the device's own code refuses what was written.
    """
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    raw = render_manifest(replace(manifest, files=digests))
    digest = hashlib.sha256(raw).hexdigest()
    with whole_folder(out, MANIFEST) as folder:
        seals = {MANIFEST: raw, MANIFEST_HASH: manifest_hash_line(digest)}
        if key is not None:
            seals[SIGNATURE] = key.sign(raw)
        for name, data in {**files, **seals}.items():
            (folder / name).write_bytes(data)
        try:
            verify_golden(open_bundle(folder, None if key is None else key.public_key()))
        except BundleError as error:
            raise CheckFailed(f"{out}: the bundle does not pass the board's own checks: {error}") from error
    return digest


def golden_npz(golden: Golden) -> bytes:
    return npz_bytes({field.name: getattr(golden, field.name) for field in fields(golden)})


def npz_bytes(arrays: dict[str, npt.NDArray[np.generic]]) -> bytes:
    """An npz whose bytes depend on the arrays alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", ZIP_EPOCH), content.getvalue())
    return buffer.getvalue()
