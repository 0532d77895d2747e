"""Scores of the three example configurations on recordings that training never saw, for some seeds.

    python benchmarks/seeds.py --seeds 0 1 2

Trains, converts and evaluates through the command line, and prints one table: a row a seed, AUC,
balanced accuracy and the controller's figures for float, int8 and the linear baseline.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
JOBS = {
    "gal_windows": ("way-eeg-gal-windows", "1", "7"),
    "eegmmidb": ("physionet-eegmmidb-s001", "1", "7"),
    "myo": ("myo-readings", "12345", "2"),
}
MEASURES = ("auc_macro", "balanced_accuracy", "event_tpr", "false_activations_per_min")


def neurograsp(*arguments: str) -> str:
    command = [sys.executable, "-m", "neurograsp.edge_runtime.cli", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def score(job: str, seed: int, folder: Path) -> tuple[dict[str, Any], str]:
    data, subject, session = JOBS[job]
    run, bundle = str(folder / f"{job}-{seed}"), str(folder / f"{job}-{seed}.bundle")
    config = str(ROOT / "examples" / "configs" / f"{job}.toml")
    neurograsp("train", config, "--out", run, "--set", f"fit.seed={seed}")
    chosen = json.loads(neurograsp("convert", run, "--out", bundle, "--json"))["chosen"]
    recordings = str(ROOT / "examples" / "data" / data)
    scores = neurograsp(
        "evaluate", bundle, recordings, "--subjects", subject, "--sessions", session, "--json"
    )
    return json.loads(scores), chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", nargs="+", choices=tuple(JOBS), default=list(JOBS))
    arguments = parser.parse_args()
    print("| job | seed | kept | " + " | ".join(f"{m} float / int8 / linear" for m in MEASURES) + " |")
    print("| --- " * (3 + len(MEASURES)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for job in arguments.jobs:
            for seed in arguments.seeds:
                scores, chosen = score(job, seed, Path(folder))
                cells = [
                    " / ".join(
                        "-" if scores[name][model] is None else f"{scores[name][model]:.3f}"
                        for model in ("float", "int8", "linear")
                    )
                    for name in MEASURES
                ]
                print(f"| {job} | {seed} | {chosen} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
