"""The decoding figures of docs/results.md, on the full sets that the samples in examples/data come from.

    python benchmarks/decoding.py --data DIR [--jobs gal new-person rest emg] [--network NAME] [--seeds 0 1]

DIR holds `way-eeg-gal-windows` (subjects 1-5), `physionet-eegmmidb-s001` and `myo-readings` (three people).
Trains and converts through the command line, scores the bundles through the board's pipeline, and prints a
row a seed and one with the mean. What is scored was neither trained nor validated on. `--network` takes
another network than the configurations name, with its own options (`OPTIONS`). Bundles are made with open
gates; which of these one would not have passed is said on stderr.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.classifier import probabilities
from neurograsp.edge_runtime.contract.manifest import Manifest
from neurograsp.edge_runtime.contract.run_folder import GateLimits
from neurograsp.edge_runtime.decoder_scores import balanced_accuracy, macro_auc
from neurograsp.firmware_bridge.strict import decode
from neurograsp.train.bootstrap import draw
from neurograsp.train.bundle_scores import score_bundle
from neurograsp.train.datasets import open_recordings
from neurograsp.train.evaluate import Replay
from neurograsp.train.models import NETWORKS

CONFIGS = Path(__file__).resolve().parents[1] / "examples" / "configs"
GAL, EEGMMIDB, MYO = "way-eeg-gal-windows", "physionet-eegmmidb-s001", "myo-readings"
PEOPLE = (1, 2, 3, 4, 5)
ARMS = (12345, 21547, 45612)
OPEN_GATES = ("--set", "gates.agreement=0", "--set", "gates.decisions=0")
"""What is measured is scores and times, those of networks that no board would be given too."""

OPTIONS: dict[str, dict[str, str]] = {"eegnet": {"head": "mean"}}
"""Of `--network`, where they are not the network's defaults."""

THREE_WAY = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]])
"""Reach; touch, load and lift; replace and release."""

Figures = dict[str, dict[str, float | None]]
"""Measure to model to value."""


class Scores(Protocol):
    """What is asked of scores: see `BundleScores`."""

    @property
    def figures(self) -> dict[str, dict[str, Any]]: ...

    @property
    def replays(self) -> dict[str, list[Replay]]: ...


class Bench(Protocol):
    """What a job trains and scores with."""

    def train(self, config: str, name: str, *overrides: str, start: str | None = None) -> None:
        """A run `name` from an example configuration."""

    def score(
        self, name: str, where: str, subject: int, sessions: Sequence[int], skip_s: float = 0.0
    ) -> Scores:
        """Score a run on sessions of one subject of a set."""


@dataclass(frozen=True)
class Bundles:
    """Networks, converted and scored as bundles.

    Attributes:
    data: folder of the sets.
    work: folder for runs and bundles.
    seed: of training and conversion.
    network: instead of those of the configurations.
    """

    data: Path
    work: Path
    seed: int
    network: str | None = None

    def train(self, config: str, name: str, *overrides: str, start: str | None = None) -> None:
        sets = [f"fit.seed={self.seed}", *overrides]
        if self.network is not None:
            options = ", ".join(f"{key} = {value!r}" for key, value in OPTIONS.get(self.network, {}).items())
            sets += [f"network.name={self.network}", f"network.options={{{options}}}"]
        given = [part for one in sets for part in ("--set", one)]
        source = ["--from", str(self.work / start)] if start else []
        neurograsp("train", str(CONFIGS / config), "--out", str(self.work / name), *source, *given)

    def score(
        self, name: str, where: str, subject: int, sessions: Sequence[int], skip_s: float = 0.0
    ) -> Scores:
        bundle = self.work / f"{name}.bundle"
        if not bundle.exists():
            neurograsp("convert", str(self.work / name), "--out", str(bundle), *OPEN_GATES)
            for gate in missed(open_bundle(bundle).manifest):
                print(f"seed {self.seed}, {name}: would not pass {gate}", file=sys.stderr)
        recordings = open_recordings(self.data / where, subject, sessions)
        return score_bundle(open_bundle(bundle), recordings, skip_s=skip_s)


def missed(manifest: Manifest) -> list[str]:
    """The gates that were open and that its kept network would not have passed."""
    limits = decode(GateLimits, manifest.provenance.config["convert"]["gates"], "convert.gates")
    shares = {"agreement": limits.agreement, "decisions": limits.decisions}
    return [
        f"{gate['name']}: {gate['figure']}, not at least {shares[gate['name']]:g}"
        for gate in manifest.scores["gates"]
        if gate["name"] in shares and float(gate["figure"].partition("%")[0]) / 100 < shares[gate["name"]]
    ]


def neurograsp(*arguments: str) -> None:
    command = [sys.executable, "-m", "neurograsp.edge_runtime.cli", *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"neurograsp {shlex.join(arguments)} ended with {done.returncode}")


def mean(many: Sequence[Figures]) -> Figures:
    return {
        measure: {model: mean_of([one[measure][model] for one in many]) for model in models}
        for measure, models in many[0].items()
    }


def mean_of(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def pick(scores: Scores, *measures: str) -> Figures:
    return {name: {model: one[name] for model, one in scores.figures.items()} for name in measures}


def above_linear(people: Sequence[Scores], measure: str) -> Figures:
    """Ends of the 95 % interval of how far a model is above the linear baseline, of the mean over people."""
    drawn = {
        model: draw({str(i): one.replays[model] for i, one in enumerate(people)}, "softmax")
        for model in people[0].replays
    }
    margins = {
        model: draws.margins(drawn["linear"])[measure] or (None, None) for model, draws in drawn.items()
    }
    return {
        f"{measure}_above_linear_{end}": {model: margin[i] for model, margin in margins.items()}
        for i, end in enumerate(("low", "high"))
    }


def three_way(replays: Sequence[Replay]) -> tuple[float | None, float | None]:
    """AUC and balanced accuracy of reach, grip and release: the sums of their events' probabilities."""
    logits = np.concatenate([one.logits[one.picked] for one in replays])
    truth = np.concatenate([one.truth for one in replays]) @ THREE_WAY.T
    scores: npt.NDArray[np.float64] = probabilities(logits, "softmax") @ THREE_WAY.T
    return macro_auc(truth, scores), balanced_accuracy(truth, scores)


def gal_figures(scores: Scores) -> Figures:
    grouped = {model: three_way(replays) for model, replays in scores.replays.items()}
    return {
        **pick(scores, "auc_macro", "accuracy", "auc_frame"),
        "auc_three_way": {model: auc for model, (auc, _) in grouped.items()},
        "balanced_three_way": {model: balanced for model, (_, balanced) in grouped.items()},
    }


def gal(bench: Bench) -> Figures:
    """Subjects 1-5 pooled on series 1-5 (6 validates), fitted to each, scored on series 7."""
    path, sessions = f"data.path={bench.data / GAL}", "data.sessions=[1,2,3,4,5,6]"
    bench.train("gal_people.toml", "people", path, sessions, f"data.subjects={list(PEOPLE)}")
    people = []
    for person in PEOPLE:
        name = f"person{person}"
        bench.train("gal_person.toml", name, path, sessions, f"data.subjects=[{person}]", start="people")
        people.append(bench.score(name, GAL, person, [7]))
    return {**mean([gal_figures(one) for one in people]), **above_linear(people, "auc_macro")}


def new_person(bench: Bench) -> Figures:
    """Each subject left out of the pool, then calibrated on series 1 and 2, scored on series 7.

    The last fifth of both series validates. Zero-shot, the network stays and the scale is fitted to the rest
    of them without labels. The linear model beside it has no part in that: it is trained there with labels.
    """
    path = f"data.path={bench.data / GAL}"
    found, people = [], []
    for person in PEOPLE:
        others, name = f"without{person}", f"new{person}"
        pool = [one for one in PEOPLE if one != person]
        bench.train("gal_people.toml", others, path, "data.sessions=[1,2,3,4,5,6]", f"data.subjects={pool}")
        own = (path, "data.sessions=[1,2]", f"data.subjects=[{person}]", "data.split=within-session")
        # Training with the quantization simulated would look at this person's labels.
        unlabelled = ("fit.epochs=0", "convert.method=ptq")
        bench.train("gal_person.toml", f"{name}-unlabelled", *own, *unlabelled, start=others)
        zero = bench.score(f"{name}-unlabelled", GAL, person, [7])
        bench.train("gal_person.toml", name, *own, start=others)
        calibrated = bench.score(name, GAL, person, [7])
        people.append(calibrated)
        found.append(
            {
                "auc_zero_shot": pick(zero, "auc_macro")["auc_macro"],
                "auc_calibrated": pick(calibrated, "auc_macro")["auc_macro"],
                "accuracy_calibrated": pick(calibrated, "accuracy")["accuracy"],
            }
        )
    return {**mean(found), **above_linear(people, "auc_macro")}


def rest(bench: Bench) -> Figures:
    """EEGMMIDB S001: R03 trains, R04 validates and sets the thresholds, R07 and R08 are scored."""
    bench.train("eegmmidb.toml", "rest", f"data.path={bench.data / EEGMMIDB}", "data.sessions=[3,4]")
    scores = bench.score("rest", EEGMMIDB, 1, [7, 8])
    settled = bench.score("rest", EEGMMIDB, 1, [7, 8], skip_s=1.0)
    return {
        **pick(scores, "auc_macro"),
        "auc_after_1_s": pick(settled, "auc_macro")["auc_macro"],
        **pick(scores, "event_tpr", "false_activations_per_min", "detection_latency_ms_p50"),
        **above_linear([scores], "auc_macro"),
    }


def emg(bench: Bench) -> Figures:
    """Myo, each of three people: session 1 trains (its end validates), session 2 is scored."""
    found, people = [], []
    for arm in ARMS:
        where = (f"data.path={bench.data / MYO}", f"data.subjects=[{arm}]", "data.sessions=[1]")
        bench.train("myo.toml", f"arm{arm}", *where)
        scores = bench.score(f"arm{arm}", MYO, arm, [2])
        people.append(scores)
        settled = bench.score(f"arm{arm}", MYO, arm, [2], skip_s=0.5)
        found.append(
            {
                **pick(scores, "balanced_accuracy"),
                "balanced_after_0.5_s": pick(settled, "balanced_accuracy")["balanced_accuracy"],
                **pick(scores, "auc_macro", "event_tpr", "false_activations_per_min"),
            }
        )
    return {**mean(found), **above_linear(people, "balanced_accuracy")}


JOBS: dict[str, Callable[[Bench], Figures]] = {"gal": gal, "new-person": new_person, "rest": rest, "emg": emg}


def main() -> None:
    parser = parser_of(__doc__, JOBS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--network", choices=NETWORKS, help="instead of those of the configurations")
    parser.add_argument("--json", type=Path, help="write all figures there")
    arguments = parser.parse_args()

    def bench_of(folder: Path, seed: int) -> Bench:
        return Bundles(arguments.data.resolve(), folder, seed, arguments.network)

    every = {
        job: print_rows(job, "float / int8 / linear", arguments.seeds, bench_of) for job in arguments.jobs
    }
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(every, indent=1) + "\n")


def parser_of(doc: str | None, jobs: Iterable[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--jobs", nargs="+", choices=tuple(jobs), default=list(jobs))
    return parser


def print_rows(
    job: str, models: str, seeds: Sequence[int], bench_of: Callable[[Path, int], Bench]
) -> dict[str, Figures]:
    """Run a job with each seed and print a row a seed and one with the mean.

    Args:
        job: one of `JOBS`.
        models: those whose figures stand in a cell.
        seeds: of training and conversion.
        bench_of: makes what trains and scores, from a folder to work in and a seed.

    Returns:
        Figures of each seed, and of "mean".
    """
    print(f"\n{job}: {(JOBS[job].__doc__ or '').partition(chr(10))[0]} {models}\n")
    found = []
    for seed in seeds:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            figures = JOBS[job](bench_of(Path(folder), seed))
        if not found:
            print("| seed | " + " | ".join(figures) + " | minutes |")
            print("| --- " * (len(figures) + 2) + "|")
        found.append(figures)
        print(f"| {seed} | {row(figures)} | {(time.monotonic() - begin) / 60:.1f} |", flush=True)
    print(f"| mean | {row(mean(found))} | |", flush=True)
    return {**{str(seed): one for seed, one in zip(seeds, found)}, "mean": mean(found)}


def row(figures: Figures) -> str:
    return " | ".join(
        " / ".join("-" if value is None else f"{value:.3f}" for value in values.values())
        for values in figures.values()
    )


if __name__ == "__main__":
    main()
