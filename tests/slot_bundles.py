"""Bundles that differ in their name alone: real ones, each with its own hash."""

import hashlib
import json
import shutil
from pathlib import Path

from toys import REPOSITORY

from neurograsp.edge_runtime.bundle import MANIFEST, MANIFEST_HASH, manifest_hash_line, open_bundle
from neurograsp.edge_runtime.deploy.archive import Archive, pack

SAMPLE = REPOSITORY / "edge_runtime/samples/bundles/grasp-and-lift"


def make_bundle(folder: Path, name: str, **changes: object) -> Path:
    """A copy of the package's bundle with another name, and other manifest keys."""
    path = folder / name
    shutil.copytree(SAMPLE, path)
    manifest = json.loads((path / MANIFEST).read_bytes())
    raw = json.dumps({**manifest, "name": name, **changes}).encode()
    (path / MANIFEST).write_bytes(raw)
    (path / MANIFEST_HASH).write_bytes(manifest_hash_line(hashlib.sha256(raw).hexdigest()))
    return path


def make_archive(folder: Path, name: str) -> Archive:
    return pack(open_bundle(make_bundle(folder, name)))
