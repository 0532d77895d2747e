"""`neurograsp info`: the block to paste into an issue."""

import argparse
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version

HELP = "print versions and machine, to paste into an issue"
EXAMPLE = "neurograsp info"

PACKAGES = (
    "neurograsp",
    "numpy",
    "ai-edge-litert",
    "pyserial",
    "brainflow",
    "tensorflow",
    "tensorflow-cpu",
    "tf-keras",
    "tensorflow-model-optimization",
    "scipy",
    "scikit-learn",
    "mne",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def collect() -> dict[str, str | None]:
    """Versions of what is installed, None for what is not, and facts of the machine."""
    from neurograsp.edge_runtime.dsp import kernel

    found: dict[str, str | None] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "filter kernel": "C" if kernel.compiled else "numpy",
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def run(arguments: argparse.Namespace) -> int:
    found = collect()
    if arguments.json:
        print(json.dumps(found))
        return 0
    for name, value in found.items():
        print(f"{name:<30} {value or 'not installed'}")
    return 0
