"""A bundle as the one file that is sent."""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from neurograsp.edge_runtime.bundle import Bundle

EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Archive:
    """Attributes:
    data: zip archive with the bundle's files.
    sha256: of it.
    bundle_sha256, name: of the bundle.
    """

    data: bytes
    sha256: str
    bundle_sha256: str
    name: str


def pack(bundle: Bundle) -> Archive:
    """Of what was verified, and nothing else; the same bundle gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted({**bundle.files, **bundle.seals}.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
    data = buffer.getvalue()
    return Archive(data, hashlib.sha256(data).hexdigest(), bundle.sha256, bundle.manifest.name)


def file_sha256(path: Path) -> str | None:
    """None: it is not there, or cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
