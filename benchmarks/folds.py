"""Networks told apart on R03 and R04 of EEGMMIDB S001 alone, so that R07 and R08 choose nothing.

    python benchmarks/folds.py --data DIR [--networks NAME ...] [--seeds 0 1] [--set KEY=VALUE] [--pairs]

DIR holds `physionet-eegmmidb-s001`. Two kinds of folds: one run trains and the other is scored ("run"); one
run and half of the other train and its other half is scored ("half"). No window reaches from one half into
the other. With `--pairs` R07 and R08 take part: two runs train and the other two are scored, all six ways,
with a 95 % interval of the mean over them, paired, from states drawn with replacement (`train/bootstrap.py`).
Trains `fit.epochs` of examples/configs/eegmmidb.toml without choosing an epoch, quantizes after training, and
prints the AUC float / int8 / linear baseline, mean over the folds of a kind.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
from decoding import OPTIONS

from neurograsp.convert import quantize
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.decoder_scores import macro_auc
from neurograsp.edge_runtime.lazy_windows import LazyWindows
from neurograsp.train.bootstrap import DRAWS, weighted_auc
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Recording, open_recordings
from neurograsp.train.fit import predict_logits
from neurograsp.train.fit_network import refit_network
from neurograsp.train.models import build
from neurograsp.train.models.committee import members_of
from neurograsp.train.models.filterbank_linear import fit_filterbank_linear
from neurograsp.train.signal_fit import fit_signals
from neurograsp.train.targets import action_codes, training_targets, truth_at
from neurograsp.train.window_set import WindowSet
from neurograsp.train.windows import cut

CONFIG = Path(__file__).resolve().parents[1] / "examples" / "configs" / "eegmmidb.toml"
MODELS = ("float", "int8", "linear")
RATE_HZ = 80.0
"""Kept frames."""

Logits = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Cut:
    """Every window of a recording.

    Attributes:
        windows: with the targets to train on.
        run: its name.
        active: (n, n_actions) bool, the truth.
        block: (n,) int64, number of the state that each lies in.
        first, end: (n,) rows of the oldest and of the newest frame.
        trains: (n,) bool, whether it is one to train on.
        within: (n,) bool, whether it is one to train the baseline on, which takes none across a border.
        scored: (n,) bool, whether the device would look at it and the labels say something.
        settled: (n,) bool, whether it lies in one state.
    """

    run: str
    windows: WindowSet
    active: npt.NDArray[np.bool_]
    block: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    trains: npt.NDArray[np.bool_]
    within: npt.NDArray[np.bool_]
    scored: npt.NDArray[np.bool_]
    settled: npt.NDArray[np.bool_]


def cut_all(config: TrainConfig, recording: Recording, fitted_to: list[Recording]) -> Cut:
    spec = fit_signals(config, fitted_to)[recording.subject]
    found, codes = cut(recording, spec, hop=1), action_codes(recording, config.actions)
    y, trains = training_targets(recording, codes, found.end, spec, config.labels)
    _, within = training_targets(recording, codes, found.end, spec, config.labels.hard)
    taken = found.number % config.labels.train_hop == 0
    truth = truth_at(recording, codes, found.end, spec.actions, config.labels.unlabelled)
    return Cut(
        recording.session,
        WindowSet(found.x, y),
        truth.active,
        truth.block,
        found.first,
        found.end,
        trains & taken,
        within & taken,
        truth.known & (found.number % spec.hop == 0),
        found.first >= truth.since,
    )


Fold = tuple[str, WindowSet, WindowSet, list[Cut]]
"""Kind, windows to train on, those of the baseline, and what is scored."""


def folds_of_two(config: TrainConfig, recordings: list[Recording]) -> Iterator[Fold]:
    for one, other in (recordings, recordings[::-1]):
        mine, theirs = cut_all(config, one, [one]), cut_all(config, other, [one])
        middle = other.n_frames // 2
        early, late = theirs.end < middle, theirs.first >= middle
        yield "run", *to_train_on([mine]), [theirs]
        for trains, scored in ((early, late), (late, early)):
            half = replace(theirs, trains=theirs.trains & trains, within=theirs.within & trains)
            yield "half", *to_train_on([mine, half]), [replace(theirs, scored=theirs.scored & scored)]


def pairs_of_four(config: TrainConfig, recordings: list[Recording]) -> Iterator[Fold]:
    for pair in combinations(recordings, 2):
        mine = [cut_all(config, one, list(pair)) for one in pair]
        rest = [cut_all(config, one, list(pair)) for one in recordings if one not in pair]
        yield " and ".join(one.session for one in pair), *to_train_on(mine), rest


def to_train_on(cuts: list[Cut]) -> tuple[WindowSet, WindowSet]:
    """Windows for the network, and for the baseline."""
    return joined([(one, one.trains) for one in cuts]), joined([(one, one.within) for one in cuts])


def joined(parts: list[tuple[Cut, npt.NDArray[np.bool_]]]) -> WindowSet:
    x = np.concatenate([part.windows.x[picked] for part, picked in parts])
    n, n_time, n_channels = x.shape
    last = np.arange(1, n + 1) * n_time - 1
    y = np.concatenate([part.windows.y[picked] for part, picked in parts])
    return WindowSet(LazyWindows(x.reshape(-1, n_channels), last, n_time), y)


def logits(
    config: TrainConfig, name: str, train: WindowSet, within: WindowSet, x: npt.NDArray[np.int8]
) -> list[Logits]:
    """Of a network, float and int8, and of the linear baseline, which `within` is for."""
    n_actions, seed = len(config.actions.names), config.fit.seed
    options = config.network.options if name == config.network.name else OPTIONS.get(name, {})
    network = build(name, *train.x.shape[1:], n_actions, seed=seed, **options)
    epochs = [config.fit.epochs] * (len(members_of(network)) or 1)
    refit_network(network, train, config.fit, config.actions.output, epochs)
    int8 = Classifier(quantize.ptq(network, train.x, seed=seed))
    linear = fit_filterbank_linear(within, RATE_HZ, config.actions.output)
    return [predict_logits(network, x), np.stack([int8.real_logits(one) for one in x]), linear.logits(x)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", default=["committee", "band_power", "eegnet"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--pairs", action="store_true", help="R07 and R08 too, see above")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as in train")
    arguments = parser.parse_args()
    config = parse_config(TrainConfig, CONFIG.read_text(), str(CONFIG), overrides=arguments.set)
    runs, folds = ([3, 4, 7, 8], pairs_of_four) if arguments.pairs else ([3, 4], folds_of_two)
    recordings = open_recordings(arguments.data / "physionet-eegmmidb-s001", 1, runs)
    print(f"| network, seed | folds | AUC, all windows, {' / '.join(MODELS)} | AUC, windows in one state |")
    print("| --- | --- | --- | --- |")
    for name in arguments.networks:
        for seed in arguments.seeds:
            seeded = replace(config, fit=replace(config.fit, seed=seed))
            found: dict[str, list[list[tuple[float, float]]]] = {}
            margins: list[npt.NDArray[np.float64]] = []
            for kind, train, within, held in folds(seeded, recordings):
                y = np.concatenate([one.active[one.scored] for one in held])
                settled = np.concatenate([one.settled[one.scored] for one in held])
                x = np.concatenate([one.windows.x[one.scored] for one in held])
                made = logits(seeded, name, train, within, x)
                found.setdefault(kind, []).append([(auc(y, s), auc(y[settled], s[settled])) for s in made])
                if arguments.pairs:
                    margins.append(margin_draws(held, *(s[:, 1] - s[:, 0] for s in made[1:])))
            if arguments.pairs:
                found["mean"] = [one for aucs in found.values() for one in aucs]
            for kind, aucs in found.items():
                cells = [
                    " / ".join(f"{fmean(one[i][j] for one in aucs):.3f}" for i in range(len(MODELS)))
                    for j in range(2)
                ]
                print(f"| {name}, {seed} | {kind} | {' | '.join(cells)} |", flush=True)
            if arguments.pairs:
                low, high = np.quantile(np.mean(margins, axis=0), [0.025, 0.975])
                print(f"| {name}, {seed} | int8 less linear, 95 % | {low:.3f} to {high:.3f} | |", flush=True)


def margin_draws(
    held: list[Cut], int8: npt.NDArray[np.float64], linear: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(DRAWS,) AUC of all windows, int8 less linear, on states drawn, of one run always the same."""
    weights = []
    for one in held:
        n_blocks = int(one.block[one.scored].max()) + 1
        rng = np.random.default_rng(int(one.run))
        drawn = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=DRAWS)
        weights.append(drawn[:, one.block[one.scored]].astype(np.float64))
    moves = np.concatenate([one.active[one.scored, 1] for one in held])
    both = [weighted_auc(moves, margin, np.concatenate(weights, axis=1)) for margin in (int8, linear)]
    return both[0] - both[1]


def auc(truth: npt.NDArray[np.bool_], scores: Logits) -> float:
    """Of two actions that exclude each other: the difference of their logits tells them apart."""
    margin = scores[:, 1] - scores[:, 0]
    found = macro_auc(truth, np.stack([-margin, margin], axis=1))
    assert found is not None
    return found


if __name__ == "__main__":
    main()
