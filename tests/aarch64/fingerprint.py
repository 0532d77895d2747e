"""Prints, as JSON, what this machine computes from the recording and the bundle in the package."""

import hashlib
import json
import platform
from typing import Any

import numpy.typing as npt

from neurograsp.edge_runtime.bundle import open_bundle, run_golden
from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.edge_runtime.dsp import kernel, twin
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.sources.delta_npz import read_delta_npz

N_FRAMES = 2000


def digest(*arrays: npt.NDArray[Any]) -> str:
    """SHA-256 of little-endian integers."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return total.hexdigest()


def main() -> None:
    bundle = open_bundle(PRETRAINED)
    manifest = bundle.manifest
    counts = read_delta_npz(PRETRAINED_RECORDING).counts[:N_FRAMES]
    filters = {"numpy": twin} | ({} if kernel.compiled is None else {"C": kernel.compiled})
    made = run_golden(
        manifest.signal, manifest.decision, bundle.classifier(reference_kernels=True), bundle.golden.counts
    )
    report = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "filter": {
            name: digest(FilterChain(manifest.signal, module).process(counts))
            for name, module in filters.items()
        },
        "golden": digest(made.filtered, made.windows, made.logits, made.decisions),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
