"""Scores of the three example configurations on recordings that training never saw, for some seeds.

    python benchmarks/seeds.py --seeds 0 1 2

Trains, converts and evaluates through the command line, and prints one table: a row a seed and one with
mean and range; AUC, balanced accuracy and the controller's figures for float, int8 and linear baseline.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
JOBS = {
    "gal_windows": ("way-eeg-gal-windows", "1", "7"),
    "eegmmidb": ("physionet-eegmmidb-s001", "1", "7"),
    "myo": ("myo-readings", "12345", "2"),
}
MEASURES = ("auc_macro", "balanced_accuracy", "event_tpr", "false_activations_per_min")

MODELS = ("float", "int8", "linear")


def neurograsp(*arguments: str) -> str:
    command = [sys.executable, "-m", "neurograsp.edge_runtime.cli", *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"neurograsp {shlex.join(arguments)} ended with {done.returncode}")
    return done.stdout


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
            every = []
            for seed in arguments.seeds:
                scores, chosen = score(job, seed, Path(folder))
                every.append(scores)
                print(f"| {job} | {seed} | {chosen} | {row([scores])} |", flush=True)
            if len(every) > 1:
                print(f"| {job} | mean (range) | | {row(every)} |", flush=True)


def row(every: list[dict[str, Any]]) -> str:
    """A cell a measure; of several seeds the mean and, in brackets, the smallest and the largest."""
    return " | ".join(
        " / ".join(figure([scores[name][model] for scores in every]) for model in MODELS) for name in MEASURES
    )


def figure(values: list[float | None]) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return "-"
    if len(there) == 1:
        return f"{there[0]:.3f}"
    return f"{fmean(there):.3f} ({min(there):.3f}-{max(there):.3f})"


if __name__ == "__main__":
    main()
