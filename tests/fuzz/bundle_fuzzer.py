"""A coverage-guided fuzzer (atheris, libFuzzer) against the opening of a bundle.

    python tests/fuzz/bundle_fuzzer.py CORPUS -max_total_time=60 -rss_limit_mb=2048 -timeout=20

Every input is one file of a real bundle, or the archive itself, changed at will; the bundle is sealed with
its hashes again, since behind them is where the readers are. Allowed is a `BundleError` or a bundle; not
another exception, not a file beside the archive, not much memory, not many seconds. LiteRT is not run: a
network of made-up bytes is native code's business (SAFETY.md).
"""

import hashlib
import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["neurograsp", "zipfile"]):
    from neurograsp.edge_runtime.bundle import (
        MANIFEST,
        MANIFEST_HASH,
        SIGNATURE,
        manifest_hash_line,
        open_bundle,
    )
    from neurograsp.edge_runtime.contract.errors import BundleError
    from neurograsp.edge_runtime.network_graph import read_graph

SAMPLE = Path(__file__).parents[2] / "edge_runtime" / "samples" / "bundles" / "grasp-and-lift"
FILES = {path.name: path.read_bytes() for path in sorted(SAMPLE.iterdir())}
SMALL = {**FILES, "report.html": b"", "float.tflite": b"", "linear.npz": b""}
KINDS = ("archive", MANIFEST, "golden.npz", "model.tflite", "stream.tflite", SIGNATURE)


def sealed(kind: str, body: bytes) -> bytes:
    """An archive with one file changed and every hash as it should be."""
    files = {**SMALL, kind: body}
    if kind != MANIFEST:
        tree = json.loads(files[MANIFEST])
        tree["files"] = {name: hashlib.sha256(files[name]).hexdigest() for name in tree["files"]}
        files[MANIFEST] = json.dumps(tree).encode()
    files[MANIFEST_HASH] = manifest_hash_line(hashlib.sha256(files[MANIFEST]).hexdigest())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """One input of each kind that opens: a byte for the kind, then the file."""
    bodies = {**FILES, "archive": sealed("report.html", b""), SIGNATURE: b"\0" * 64}
    return {kind: bytes([number]) + bodies[kind] for number, kind in enumerate(KINDS)}


def check(folder: Path, data: bytes) -> None:
    kind, body = KINDS[data[0] % len(KINDS)] if data else "archive", data[1:]
    path = folder / "bundle.zip"
    path.write_bytes(body if kind == "archive" else sealed(kind, body))
    try:
        bundle = open_bundle(path)
        bundle.golden  # noqa: B018
        for name in ("model.tflite", "stream.tflite"):
            if name in bundle.files:
                graph = read_graph(bundle.files[name], name)
                assert graph.arena_bytes >= 0
    except BundleError:
        pass
    assert list(folder.iterdir()) == [path]


def main() -> None:
    corpus = next((Path(one) for one in sys.argv[1:] if not one.startswith("-")), None)
    if corpus is None:
        sys.exit("name a folder for the corpus")
    corpus.mkdir(parents=True, exist_ok=True)
    for kind, data in seeds().items():
        (corpus / f"seed-{kind}").write_bytes(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        atheris.Setup(sys.argv, lambda data: check(folder, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
