"""What a decoder loses without some of its input, and gains by changed training windows, see docs/results.md.

    python benchmarks/ablations.py --data DIR [--jobs gal rest emg] [--seeds 0 1] [--work WORK]

`gal`, `rest` and `emg` are the ablations; `tried-gal`, `tried-rest` and `tried-rest-back` what was tried, on
sessions that may choose; `projection` the article's network with and without what makes it cheap hop by hop.

Each variant is trained, converted and scored like the job it is a variant of (benchmarks/decoding.py), except
that people are trained alone, 20 epochs, without a refit, and quantized after training: so many runs are
affordable then, and a figure is to be compared with those of its own table only. What is scored was neither
trained nor validated on. WORK keeps runs and bundles, and what is there is not made again.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from decoding import ARMS, EEGMMIDB, GAL, MYO, PEOPLE, Bundles, Scores

from neurograsp.train.bootstrap import draw
from neurograsp.train.evaluate import MODELS

CHEAP = ("fit.epochs=20", "fit.refit=false", "convert.method=ptq")
GAL_FRONTAL = ("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8")
EEGMMIDB_FRONTAL = (
    *("Fp1", "Fpz", "Fp2", "AF7", "AF3", "AFz", "AF4", "AF8"),
    *("F7", "F5", "F3", "F1", "Fz", "F2", "F4", "F6", "F8"),
)
"""Names in Fp, AF and F, not in FT and FC: what the eyes reach most."""


@dataclass(frozen=True)
class Job:
    """Attributes:
    config: example configuration.
    where: set of recordings.
    subjects: each has a run of its own.
    trained: sessions; which of them validates is the configuration's business.
    scored: sessions.
    overrides: of every variant.
    variants: title to overrides.
    """

    config: str
    where: str
    subjects: tuple[int, ...]
    trained: tuple[int, ...]
    scored: tuple[int, ...]
    overrides: tuple[str, ...]
    variants: dict[str, tuple[str, ...]]


def band(low: float, high: float, order: int) -> str:
    """The GAL filters between two corners; `order` is the low-pass's."""
    return (
        f"signal.filters=[{{kind='highpass', hz=[{low}], order=2}}, "
        f"{{kind='lowpass', hz=[{high}], order={order}}}, {{kind='decimate', hz=[40.0], factor=5}}]"
    )


EEGNET = ("network.name='eegnet'", "network.options={head='mean'}")
"""What `rest` was measured with; eegmmidb.toml has a smaller network since."""

TRIED = {
    "as it is": (),
    "scaling 0.2": ("fit.scaling=0.2",),
    "channel dropout 0.1": ("fit.channel_dropout=0.1",),
}
TRIED_STATES = {**TRIED, "shift 4": ("fit.shift=4",), "border 0.5 s": ("labels.border_s=0.5",)}


def context(frames: int) -> tuple[str, ...]:
    return (f"signal.window={frames}",)


JOBS = {
    "gal": Job(
        "gal_windows.toml",
        GAL,
        PEOPLE,
        (1, 2, 3, 4, 5, 6),
        (7,),
        CHEAP,
        {
            "as it is: 1-40 Hz, 32 electrodes": (band(1.0, 40.0, 2),),
            "without 7 frontal electrodes": (band(1.0, 40.0, 2), f"data.without={list(GAL_FRONTAL)}"),
            "without > 35 Hz (order 8)": (band(1.0, 35.0, 8),),
            "with 0.1-1 Hz": (band(0.1, 40.0, 2),),
        },
    ),
    "rest": Job(
        "eegmmidb.toml",
        EEGMMIDB,
        (1,),
        (3, 4),
        (7, 8),
        (*CHEAP, *EEGNET),
        {
            "as it is: Laplacian, 8-30 Hz, 64 electrodes, 1 s": (),
            "without 17 frontal electrodes": (f"data.without={list(EEGMMIDB_FRONTAL)}",),
            "without the Laplacian": (
                "signal.filters=[{kind='bandpass', hz=[8.0, 30.0], order=2}, "
                "{kind='decimate', hz=[32.0], factor=2}]",
            ),
            "0.5 s": context(40),
            "2 s": context(160),
        },
    ),
    "emg": Job(
        "myo.toml",
        MYO,
        ARMS,
        (1,),
        (2,),
        ("fit.refit=false", "convert.method=ptq"),
        {"as it is: 0.25 s": (), "0.125 s": context(25), "0.5 s": context(100)},
    ),
    "tried-gal": Job("gal_windows.toml", GAL, PEOPLE, (1, 2, 3, 4, 5), (6,), CHEAP, TRIED),
    "projection": Job(
        "gal_windows.toml",
        GAL,
        PEOPLE[:3],
        (1, 2, 3, 4, 5),
        (6,),
        (*CHEAP, "network.name='article_cnn'", "fit.learning_rate=3e-4"),
        {"article_cnn": (), "with a projection to 16": ("network.options.projection=16",)},
    ),
    "tried-rest": Job("eegmmidb.toml", EEGMMIDB, (1,), (3,), (4,), (*CHEAP, *EEGNET), TRIED_STATES),
    "tried-rest-back": Job("eegmmidb.toml", EEGMMIDB, (1,), (4,), (3,), (*CHEAP, *EEGNET), TRIED_STATES),
}


def scored(bench: Bundles, job: Job, name: str, overrides: Sequence[str]) -> dict[int, Scores]:
    """One seed of a variant: the scores of each person's own bundle."""
    found = {}
    for subject in job.subjects:
        run = f"{name}-person{subject}-seed{bench.seed}"
        if not (bench.work / f"{run}.bundle").exists():
            bench.train(
                job.config,
                run,
                f"data.path={bench.data / job.where}",
                f"data.subjects=[{subject}]",
                f"data.sessions={list(job.trained)}",
                *job.overrides,
                *overrides,
            )
        found[subject] = bench.score(run, job.where, subject, job.scored)
    return found


def row(seeds: Sequence[dict[int, Scores]]) -> str:
    """Mean AUC over people and seeds; of int8 each seed's as well, and the mean of their intervals."""
    means = {
        model: [fmean(one.figures[model]["auc_macro"] for one in people.values()) for people in seeds]
        for model in MODELS
    }
    drawn = [
        draw({str(subject): one.replays["int8"] for subject, one in people.items()}, "softmax").intervals()[
            "auc_macro"
        ]
        for people in seeds
    ]
    low, high = np.mean([one for one in drawn if one is not None], axis=0)
    by_seed = ", ".join(f"{value:.3f}" for value in means["int8"])
    figures = " / ".join(f"{fmean(means[model]):.3f}" for model in MODELS)
    return f"{figures} | {by_seed} | {low:.3f}-{high:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--jobs", nargs="+", choices=tuple(JOBS), default=["gal", "rest", "emg"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--work", type=Path, help="keep runs and bundles there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = (arguments.work or Path(folder)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        for title in arguments.jobs:
            job = JOBS[title]
            print(f"\n| {title} | AUC float / int8 / linear | int8 by seed | 95 % interval of int8 |")
            print("| --- | --- | --- | --- |")
            for number, (variant, overrides) in enumerate(job.variants.items()):
                seeds = [
                    scored(Bundles(arguments.data.resolve(), work, seed), job, f"{title}{number}", overrides)
                    for seed in arguments.seeds
                ]
                print(f"| {variant} | {row(seeds)} |", flush=True)


if __name__ == "__main__":
    main()
