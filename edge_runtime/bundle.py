"""Open and verify a bundle: a directory, or the same files in one zip archive.

A bundle is untrusted input. Only known names are read, every size is capped before anything is
read, nothing is extracted, numpy never unpickles, and no byte is used before its SHA-256 is checked.
"""

import hashlib
import io
import stat
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.errors import BundleError
from neurograsp.edge_runtime.contract.manifest import Manifest, parse_manifest
from neurograsp.edge_runtime.dsp.chain import FilterChain

MANIFEST = "manifest.json"
MANIFEST_HASH = "manifest.sha256"
REQUIRED = frozenset({"model.tflite", "golden.npz"})
OPTIONAL = frozenset({"report.html", "float.tflite", "linear.npz"})

MAX_FILE = 64 * 2**20
MAX_ARRAY = 64 * 2**20

_DAMAGE = (
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile and numpy raise on bytes that somebody else wrote."""


@dataclass(frozen=True)
class Golden:
    """Attributes:
    counts: (n_frames, n_channels) int32, one contiguous stretch.
    filtered: (n_kept, n_channels) int8, what the filter makes of them.
    windows: (n_windows, window, n_channels) int8.
    logits: (n_windows, n_actions) int8, under LiteRT's reference kernels.
    """

    counts: npt.NDArray[np.int32]
    filtered: npt.NDArray[np.int8]
    windows: npt.NDArray[np.int8]
    logits: npt.NDArray[np.int8]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte has been checked against its manifest."""

    path: Path
    manifest: Manifest
    files: dict[str, bytes]
    sha256: str

    @property
    def golden(self) -> Golden:
        arrays = read_npz(self.files["golden.npz"], f"{self.path}: golden.npz")
        wanted = {"counts": "<i4", "filtered": "|i1", "windows": "|i1", "logits": "|i1"}
        for name, dtype in wanted.items():
            if name not in arrays or arrays[name].dtype.str != dtype:
                raise BundleError(f"{self.path}: golden.npz: array {name!r} is missing or not {dtype}")
        return Golden(**{name: arrays[name] for name in wanted})

    def classifier(self, *, reference_kernels: bool = False) -> Classifier:
        classifier = Classifier(self.files["model.tflite"], reference_kernels=reference_kernels)
        facts = self.manifest.network
        if classifier.input_shape != facts.input_shape or classifier.n_actions != len(
            self.manifest.signal.actions.names
        ):
            raise BundleError(f"{self.path}: model.tflite has other shapes than the manifest says")
        if not classifier.is_int8:
            raise BundleError(f"{self.path}: model.tflite is not int8 at its input and output")
        if classifier.output_quantization != (facts.output_scale, facts.output_zero_point):
            raise BundleError(f"{self.path}: model.tflite has another output scale than the manifest says")
        return classifier


def open_bundle(path: Path) -> Bundle:
    """Read a bundle and check schema and hashes.

    Raises:
        BundleError: what is wrong with it; nothing of it may be used then.
    """
    files = _read_archive(path) if path.is_file() else _read_folder(path)
    for name in (MANIFEST, MANIFEST_HASH):
        if name not in files:
            raise BundleError(f"{path}: {name} is missing; this is not a bundle")
    digest = hashlib.sha256(files[MANIFEST]).hexdigest()
    if files[MANIFEST_HASH] != manifest_hash_line(digest):
        raise BundleError(f"{path}: manifest.json does not match manifest.sha256; copy the bundle again")
    manifest = parse_manifest(files[MANIFEST], str(path))
    listed = set(manifest.files)
    if REQUIRED - listed or listed - REQUIRED - OPTIONAL:
        raise BundleError(f"{path}: the manifest lists {sorted(listed)}, not the files of a bundle")
    content = {name: data for name, data in files.items() if name not in (MANIFEST, MANIFEST_HASH)}
    if set(content) != listed:
        odd = sorted(set(content) ^ listed)
        raise BundleError(f"{path}: {', '.join(odd)}: missing, or not in the manifest; copy the bundle again")
    for name, data in sorted(content.items()):
        if hashlib.sha256(data).hexdigest() != manifest.files[name]:
            raise BundleError(f"{path}: {name} does not match its SHA-256; copy the bundle again")
    return Bundle(path, manifest, content, digest)


def verify_golden(bundle: Bundle) -> int:
    """Reproduce the golden vectors: the filter and the reference kernels bit for bit, and the kernels
    that will run within the stated steps.

    Returns:
        the largest difference seen under the kernels that will run, in int8 steps.

    Raises:
        BundleError: something does not reproduce.
    """
    golden = bundle.golden
    spec = bundle.manifest.signal
    facts = bundle.manifest.golden
    shape = (facts.windows, spec.window, len(spec.channels))
    if golden.windows.shape != shape or golden.logits.shape != (facts.windows, len(spec.actions.names)):
        raise BundleError(f"{bundle.path}: golden.npz has other shapes than the manifest says")
    if golden.counts.ndim != 2 or golden.counts.shape[1] != len(spec.channels):
        raise BundleError(f"{bundle.path}: golden.npz has other channels than the manifest says")
    filtered = FilterChain(spec).process(golden.counts)
    if not np.array_equal(filtered, golden.filtered):
        raise BundleError(f"{bundle.path}: the filter does not reproduce its golden vector on this machine")
    reference = bundle.classifier(reference_kernels=True)
    running = bundle.classifier()
    worst = 0
    for window, expected in zip(golden.windows, golden.logits):
        if not np.array_equal(reference.logits(window), expected):
            raise BundleError(f"{bundle.path}: the network does not reproduce its golden vector bit for bit")
        difference = running.logits(window).astype(int) - expected
        worst = max(worst, int(np.abs(difference).max()))
    if worst > facts.xnnpack_steps:
        raise BundleError(
            f"{bundle.path}: the network is {worst} steps off its golden vector, "
            f"{facts.xnnpack_steps} allowed"
        )
    return worst


def manifest_hash_line(digest: str) -> bytes:
    """Content of manifest.sha256, as `sha256sum --check` reads it."""
    return f"{digest}  {MANIFEST}\n".encode()


def read_npz(data: bytes, where: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays of an npz that is not trusted: no pickle, sizes checked before they are read.

    Raises:
        BundleError: damaged, too large, or with Python objects in it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_ARRAY:
                raise BundleError(f"{where}: more than {MAX_ARRAY >> 20} MiB of arrays")
        with np.load(io.BytesIO(data), allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except _DAMAGE as error:
        raise BundleError(f"{where}: not a readable npz: {error}") from error
    foreign = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise BundleError(f"{where}: {foreign[0]!r} is not an array")
    return arrays


def _read_folder(path: Path) -> dict[str, bytes]:
    if not path.is_dir():
        raise BundleError(f"{path}: no such bundle")
    files = {}
    for entry in sorted(path.iterdir()):
        _check_name(entry.name, path)
        status = entry.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path}: {entry.name} is not a plain file")
        if status.st_size > MAX_FILE:
            raise BundleError(f"{path}: {entry.name} is larger than {MAX_FILE >> 20} MiB")
        try:
            files[entry.name] = entry.read_bytes()
        except OSError as error:
            raise BundleError(f"{path}: {entry.name} cannot be read: {error.strerror}") from error
    return files


def _read_archive(path: Path) -> dict[str, bytes]:
    files = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _check_name(member.filename, path)
                if member.file_size > MAX_FILE or member.filename in files:
                    raise BundleError(f"{path}: {member.filename} is too large or there twice")
                files[member.filename] = archive.read(member)
    except _DAMAGE as error:
        raise BundleError(f"{path}: not a readable bundle archive: {error}") from error
    return files


def _check_name(name: str, path: Path) -> None:
    if name not in REQUIRED | OPTIONAL | {MANIFEST, MANIFEST_HASH}:
        raise BundleError(f"{path}: {name!r} does not belong in a bundle")
