"""Open and verify a bundle: a directory, or the same files in one zip archive.

A bundle is untrusted input. Only known names are read, the declared size of each file is checked
before that file is read, nothing is extracted, numpy never unpickles, and but for the manifest's own
hash no byte is used before its SHA-256 is checked.
"""

import hashlib
import io
import stat
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.classifier import KEEP_STATE, Classifier, Network
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import BundleError
from neurograsp.edge_runtime.contract.manifest import Manifest, parse_manifest
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.npz import DAMAGE, NpzError, check_method, one_line, read_npz
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.quality import SignalQuality
from neurograsp.edge_runtime.signature import is_signed_by
from neurograsp.edge_runtime.stream_classifier import StreamClassifier
from neurograsp.firmware_bridge.strict import show

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MANIFEST = "manifest.json"
MANIFEST_HASH = "manifest.sha256"
SIGNATURE = "manifest.sig"
SEALS = frozenset({MANIFEST, MANIFEST_HASH, SIGNATURE})
"""What the manifest cannot list."""

REQUIRED = frozenset({"model.tflite", "golden.npz"})
OPTIONAL = frozenset({"stream.tflite", "report.html", "float.tflite", "linear.npz"})

MAX_FILE = 64 * 2**20
MAX_MANIFEST = 2**20
MAX_GOLDEN_COUNTS = 2**21
"""Channels times frames; a board filters so many in seconds."""

NO_ACTION = -1


@dataclass(frozen=True)
class Golden:
    """One contiguous stretch on its whole way through the pipeline.

    Attributes:
        counts: (n_frames, n_channels) int32, frame numbers 0, 1, ...
        filtered: (n_kept, n_channels) int8, what the filter makes of them.
        windows: (n_windows, window, n_channels) int8, every window that is cut from that.
        logits: (n_windows, n_actions) int8, under LiteRT's reference kernels.
        decisions: (n_windows,) int8, index of the active action after each window, NO_ACTION for none.
    """

    counts: npt.NDArray[np.int32]
    filtered: npt.NDArray[np.int8]
    windows: npt.NDArray[np.int8]
    logits: npt.NDArray[np.int8]
    decisions: npt.NDArray[np.int8]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte has been checked against its manifest.

    Attributes:
        files: what the manifest lists.
        seals: manifest, its hash and, where there is one, its signature.
        sha256: of the manifest.
        signature: whether a key was there to check it with.
    """

    path: Path
    manifest: Manifest
    files: dict[str, bytes]
    seals: dict[str, bytes]
    sha256: str
    signature: Literal["none", "not checked", "valid"]

    @property
    def golden(self) -> Golden:
        """Raises BundleError unless every array has the type and shape that the manifest gives."""
        where = f"{self.path}: golden.npz"
        names = tuple(field.name for field in fields(Golden))
        try:
            arrays = read_npz(io.BytesIO(self.files["golden.npz"]), names, max_bytes=MAX_FILE)
        except NpzError as error:
            raise BundleError(f"{where}: {error}") from error
        spec, n_windows = self.manifest.signal, self.manifest.golden.windows
        n_channels = len(spec.channels)
        n_frames = arrays["counts"].shape[0] if arrays["counts"].ndim else 0
        if n_frames * n_channels > MAX_GOLDEN_COUNTS or windows_in(n_frames, spec) != n_windows:
            raise BundleError(
                f"{where}: {n_frames} frames do not give {n_windows} windows, or are too many; convert again"
            )
        wanted: dict[str, tuple[str, tuple[int, ...]]] = {
            "counts": ("<i4", (n_frames, n_channels)),
            "filtered": ("|i1", (n_frames // spec.decimation, n_channels)),
            "windows": ("|i1", (n_windows, spec.window, n_channels)),
            "logits": ("|i1", (n_windows, len(spec.actions.names))),
            "decisions": ("|i1", (n_windows,)),
        }
        for name, (dtype, shape) in wanted.items():
            array = arrays[name]
            if array.dtype.str != dtype or array.shape != shape:
                raise BundleError(
                    f"{where}: {name} is {array.dtype} {array.shape}, not {dtype[1:]} {shape}; convert again"
                )
        return Golden(**arrays)

    @property
    def _forget(self) -> bool:
        return not KEEP_STATE.isdisjoint(self.manifest.network.operators)

    def classifier(self, *, reference_kernels: bool = False) -> Classifier:
        """The network of whole windows."""
        blob = self.files["model.tflite"]
        classifier = Classifier(blob, reference_kernels=reference_kernels, forget=self._forget)
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

    def streamed(self, *, reference_kernels: bool = False) -> StreamClassifier | None:
        """The network computed one hop at a time, where the bundle has that form."""
        if "stream.tflite" not in self.files:
            return None
        blob = self.files["stream.tflite"]
        streamed = StreamClassifier(blob, reference_kernels=reference_kernels, forget=self._forget)
        spec, facts = self.manifest.signal, self.manifest.network
        if spec.hop > spec.window:
            raise BundleError(f"{self.path}: stream.tflite with a hop longer than the window")
        if streamed.input_shape != (1, spec.hop, len(spec.channels), 1):
            raise BundleError(f"{self.path}: stream.tflite does not take hops of the manifest's signal")
        if not streamed.is_int8 or streamed.n_actions != len(spec.actions.names):
            raise BundleError(f"{self.path}: stream.tflite does not give int8 logits of the actions")
        if streamed.output_quantization != (facts.output_scale, facts.output_zero_point):
            raise BundleError(f"{self.path}: stream.tflite has another output scale than the manifest says")
        return streamed

    def network(self) -> Network:
        """What the board runs: hop by hop where the bundle has that form, otherwise window by window."""
        return self.streamed() or self.classifier()

    def pipeline(self, decision: DecisionSpec | None = None, network: Network | None = None) -> Pipeline:
        """The board's whole way from counts to decisions.

        Args:
            decision: with other thresholds than the manifest's, from a calibration.
            network: instead of `network()`.
        """
        network = network or self.network()
        signal, decision = self.manifest.signal, decision or self.manifest.decision
        quality = SignalQuality(signal, self.manifest.quality)
        restart = network.restart if isinstance(network, StreamClassifier) else None
        return Pipeline(signal, decision, network.real_logits, restart, quality)


def open_bundle(path: Path, key: "Ed25519PublicKey | None" = None) -> Bundle:
    """Read a bundle and check schema and hashes.

    Args:
        path: folder or archive.
        key: with one, the signature is checked too, before anything in the manifest is looked at.

    Raises:
        BundleError: what is wrong with it; nothing of it may be used then.
    """
    try:
        files = _read_archive(path) if path.is_file() else _read_folder(path)
    except OSError as error:
        raise BundleError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from error
    for name in (MANIFEST, MANIFEST_HASH):
        if name not in files:
            raise BundleError(f"{path}: {name} is missing; this is not a bundle")
    digest = hashlib.sha256(files[MANIFEST]).hexdigest()
    if files[MANIFEST_HASH] != manifest_hash_line(digest):
        raise BundleError(f"{path}: manifest.json does not match manifest.sha256; copy the bundle again")
    signature = _check_signature(files, key, path)
    manifest = parse_manifest(files[MANIFEST], str(path))
    listed = set(manifest.files)
    if REQUIRED - listed or listed - REQUIRED - OPTIONAL:
        raise BundleError(f"{path}: the manifest lists {show(sorted(listed))}, not the files of a bundle")
    if ("stream.tflite" in listed) != (manifest.stream is not None):
        raise BundleError(f"{path}: stream.tflite and the manifest's stream belong together; convert again")
    content = {name: data for name, data in files.items() if name not in SEALS}
    if set(content) != listed:
        odd = sorted(set(content) ^ listed)
        raise BundleError(f"{path}: {', '.join(odd)}: missing, or not in the manifest; copy the bundle again")
    for name, data in sorted(content.items()):
        if hashlib.sha256(data).hexdigest() != manifest.files[name]:
            raise BundleError(f"{path}: {name} does not match its SHA-256; copy the bundle again")
    seals = {name: data for name, data in files.items() if name in SEALS}
    return Bundle(path, manifest, content, seals, digest, signature)


def _check_signature(
    files: dict[str, bytes], key: "Ed25519PublicKey | None", path: Path
) -> Literal["none", "not checked", "valid"]:
    signature = files.get(SIGNATURE)
    if key is None:
        return "none" if signature is None else "not checked"
    if signature is None:
        raise BundleError(f"{path}: not signed, and only signed bundles are taken here; convert with --sign")
    if not is_signed_by(key, files[MANIFEST], signature):
        raise BundleError(
            f"{path}: not signed with the key that is trusted here, or changed since; sign with that key, "
            "or copy the bundle again"
        )
    return "valid"


def windows_in(n_frames: int, spec: SignalSpec) -> int:
    """How many windows the pipeline cuts from one contiguous stretch."""
    return max(0, (n_frames // spec.decimation - spec.window) // spec.hop + 1)


def run_golden(
    signal: SignalSpec, decision: DecisionSpec, classifier: Classifier, counts: npt.NDArray[np.int32]
) -> Golden:
    """What filter, pipeline, network and decision layer make of counts (n_frames, n_channels)."""
    windows: list[npt.NDArray[np.int8]] = []
    logits: list[npt.NDArray[np.int8]] = []

    def scorer(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        windows.append(window)
        logits.append(classifier.logits(window))
        return classifier.dequantize(logits[-1])

    made = Pipeline(signal, decision, scorer).push(counts, np.arange(len(counts)))
    names = signal.actions.names
    return Golden(
        counts=counts,
        filtered=FilterChain(signal).process(counts),
        windows=np.stack(windows),
        logits=np.stack(logits),
        decisions=np.array(
            [NO_ACTION if one.action is None else names.index(one.action) for one in made], np.int8
        ),
    )


def largest_difference(golden: Golden, other: Golden) -> int:
    """Between the logits of the same windows under two sets of kernels, in int8 steps."""
    return int(np.abs(other.logits.astype(int) - golden.logits).max())


def verify_golden(bundle: Bundle) -> int:
    """Reproduce the golden vectors: the whole way bit for bit under the reference kernels; under the kernels
    that will run the logits within the stated steps, and the same decisions as far as at conversion. Hop by
    hop the same logits must come out.

    Returns:
        the largest difference seen under the kernels that will run, in int8 steps.

    Raises:
        BundleError: something does not reproduce.
    """
    golden = bundle.golden
    manifest = bundle.manifest
    reference = bundle.classifier(reference_kernels=True)
    here = run_golden(manifest.signal, manifest.decision, reference, golden.counts)
    for name, what in (
        ("filtered", "the filter does"),
        ("windows", "the cutting of windows does"),
        ("logits", "the network does"),
        ("decisions", "the decisions do"),
    ):
        if not np.array_equal(getattr(here, name), getattr(golden, name)):
            raise BundleError(
                f"{bundle.path}: {what} not reproduce the golden vectors on this machine; convert the run "
                "again, with the version that runs here"
            )
    for reference_kernels in (True, False):
        streamed = bundle.streamed(reference_kernels=reference_kernels)
        if streamed is None:
            continue
        whole = bundle.classifier(reference_kernels=reference_kernels)
        wanted = np.stack([whole.logits(window) for window in golden.windows])
        if not np.array_equal(streamed.follow(golden.filtered, manifest.signal.window), wanted):
            raise BundleError(
                f"{bundle.path}: hop by hop the network gives other logits than window by window on this "
                "machine; convert the run again, with the version that runs here"
            )
    fast = run_golden(manifest.signal, manifest.decision, bundle.classifier(), golden.counts)
    worst = largest_difference(golden, fast)
    allowed = manifest.golden.xnnpack_steps
    if worst > allowed:
        raise BundleError(
            f"{bundle.path}: the network is {worst} steps off its golden vectors, {allowed} allowed"
        )
    first = slice(manifest.golden.decided_alike)
    if not np.array_equal(fast.decisions[first], golden.decisions[first]):
        raise BundleError(
            f"{bundle.path}: the kernels that would run here decide otherwise than the golden vectors; "
            "convert the run again, with the version that runs here"
        )
    return worst


def manifest_hash_line(digest: str) -> bytes:
    """Content of manifest.sha256, as `sha256sum --check` reads it."""
    return f"{digest}  {MANIFEST}\n".encode()


def _read_folder(path: Path) -> dict[str, bytes]:
    if not path.is_dir():
        raise BundleError(f"{path}: no such bundle")
    if not (path / MANIFEST).is_file():
        raise BundleError(f"{path}: {MANIFEST} is missing; name what `neurograsp convert --out` wrote")
    files = {}
    for entry in sorted(path.iterdir()):
        status = entry.lstat()
        _check_member(entry.name, status.st_size, path)
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path}: {entry.name} is not a plain file")
        files[entry.name] = entry.read_bytes()
    return files


def _read_archive(path: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _check_member(member.filename, member.file_size, path)
                check_method(member)
                if member.filename in files:
                    raise BundleError(f"{path}: {member.filename} is there twice")
                files[member.filename] = archive.read(member)
    except DAMAGE as error:
        raise BundleError(f"{path}: not a readable bundle archive: {one_line(error)}") from error
    return files


def _check_member(name: str, size: int, path: Path) -> None:
    if name not in REQUIRED | OPTIONAL | SEALS:
        raise BundleError(f"{path}: {show(name)} does not belong in a bundle")
    limit = MAX_MANIFEST if name in SEALS else MAX_FILE
    if size > limit:
        raise BundleError(f"{path}: {name} is larger than {limit >> 20} MiB")
