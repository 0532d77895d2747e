"""What must not leak: a label, a window, or the future."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from toys import CONFIG, Toy

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.event_scores import play
from neurograsp.train import run as training
from neurograsp.train.bundle_scores import score_bundle
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Labels, Recording, open_recordings
from neurograsp.train.datasets.recording import split_at_jumps
from neurograsp.train.evaluate import Replay
from neurograsp.train.run import train_run
from neurograsp.train.signal_fit import fit_signals
from neurograsp.train.splits import TAIL, Split, split
from neurograsp.train.windows import cut, training_set

SPLITS: tuple[Split, ...] = ("auto", "within-session", "cross-session", "cross-subject")
STRETCH = 400
"""Rows of a shuffled label: 1.6 s, so long that few are to be learnt by heart, and the end of a session
begins with one."""

TOLERANCE = 0.08
"""More than what the epoch that validates best has by chance."""

SEEDS = (0, 1)
QUICK = ("fit.epochs=0",)
BY_HEART = (
    *("fit.epochs=30", "fit.learning_rate=0.003", "fit.batch_size=32"),
    *("fit.noise=0", "fit.weight_decay=0", "fit.label_smoothing=0"),
    "network.options={filters=16, mixed_filters=16, head='flatten', dropout=0.0}",
)


def config(how: Split, *more: str) -> TrainConfig:
    return parse_config(TrainConfig, CONFIG, "toy.toml", overrides=[f"data.split={how}", *more])


@pytest.fixture(scope="module")
def people(toy_data: Path) -> list[Recording]:
    """Two people of two sessions; the second one's electrodes are the other way round."""
    own = open_recordings(toy_data / "data", None, [1, 2])
    return own + [replace(one, counts=np.ascontiguousarray(one.counts[:, ::-1]), subject="2") for one in own]


def shuffled(recordings: list[Recording], how: Split, flip: bool, seed: int) -> list[Recording]:
    """Labels that have nothing to do with the signal; with `flip` each one that validates is the other one.

    So without a leak what a model scores in both ways adds up to 1, however few the labels are.
    """
    rng = np.random.default_rng(seed)
    start = np.arange(0, recordings[0].n_frames - STRETCH + 1, STRETCH)
    late = start >= (1 - TAIL) * recordings[0].n_frames
    made = []
    for one in recordings:
        code = np.concatenate([rng.permutation(np.arange(n) % 2) for n in (sum(~late), sum(late))])
        other = one.session == "2" if how == "cross-session" else one.subject == "2"
        validates = late if how == "within-session" else np.full(len(start), other)
        code = np.where(validates & flip, 1 - code, code)
        made.append(replace(one, labels=Labels(("T0", "T1"), start, start + STRETCH, code)))
    return made


def score(
    how: Split, people: list[Recording], folder: Path, *more: str, seeds: tuple[int, ...] = (0,)
) -> dict[str, float]:
    """AUC of each model on shuffled labels, the mean over permutations and of both ways of each."""
    found = []
    for seed, flip in product(seeds, (False, True)):
        labelled = shuffled(people, how, flip, seed)
        found.append(train_run(config(how, *more), labelled, folder / f"{seed}-{flip}", CONFIG).metrics)
    return {model: fmean(one[model]["auc_macro"] for one in found) for model in found[0]}


def is_chance(auc: float) -> bool:
    return abs(auc - 0.5) < TOLERANCE


@pytest.fixture
def leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """What validates is trained on."""
    monkeypatch.setattr(training, "split", lambda recordings, *_: (recordings, recordings))


def test_shuffled_labels_score_chance(people: list[Recording], tmp_path: Path) -> None:
    assert is_chance(score("cross-session", people[:2], tmp_path, *QUICK)["linear"])


def test_shuffled_labels_would_show_a_leak(people: list[Recording], tmp_path: Path, leak: None) -> None:
    assert not is_chance(score("cross-session", people[:2], tmp_path, *QUICK)["linear"])


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(how, marks=pytest.mark.slow if how == "cross-session" else pytest.mark.long)
        for how in SPLITS[1:]
    ],
)
def test_shuffled_labels_score_chance_whatever_learns_them(
    how: Split, people: list[Recording], tmp_path: Path
) -> None:
    some = people if how == "cross-subject" else people[:2]
    found = score(how, some, tmp_path, *BY_HEART, seeds=SEEDS)
    assert {model: is_chance(auc) for model, auc in found.items()} == {"float": True, "linear": True}, found


@pytest.mark.long
def test_shuffled_labels_would_show_a_leak_to_whatever_learns_them(
    people: list[Recording], tmp_path: Path, leak: None
) -> None:
    found = score("cross-session", people[:2], tmp_path, *BY_HEART, seeds=SEEDS)
    assert {model: is_chance(auc) for model, auc in found.items()} == {"float": False, "linear": False}, found


@pytest.mark.parametrize("how", SPLITS)
def test_no_frame_is_behind_windows_of_both_sides(how: Split, people: list[Recording]) -> None:
    """Frame by frame, from the oldest that a window reaches back to."""
    made = config(how)
    sides = split(people, made.labels.kind, how)
    signals = fit_signals(made, sides[0], [one.subject for one in sides[1]])
    seen = []
    for side in sides:
        frames: set[tuple[str, str, int]] = set()
        for one in side:
            windows = cut(one, signals[one.subject], hop=1)
            for first, end in zip(windows.first, windows.end):
                reach = one.frame_index[first : end + 1]
                assert reach[-1] - reach[0] == end - first
                frames.update((one.subject, one.session, int(frame)) for frame in reach)
        seen.append(frames)
    assert all(seen)
    assert not seen[0] & seen[1]


@pytest.mark.parametrize("how", SPLITS)
def test_no_window_is_on_both_sides(how: Split, people: list[Recording], tmp_path: Path) -> None:
    """By what is in them: of noise no two windows are alike."""
    made = config(how, "labels.train_hop=1")
    sides = split(people, made.labels.kind, how)
    signals = fit_signals(made, sides[0], [one.subject for one in sides[1]])
    cuts = [
        training_set(side, signals, made.labels, made.actions, tmp_path / f"{number}.npy").x
        for number, side in enumerate(sides)
    ]
    train, validation = ({window.tobytes() for window in x[:]} for x in cuts)
    assert train and validation
    assert not train & validation


@pytest.fixture(scope="module")
def gapped(toy: Toy) -> Recording:
    """Rows 2003 and 3503 come after a gap: the first short enough to be filled in, the second not."""
    (whole,) = open_recordings(toy.data, None, [3])
    parts = [2003, 1500, whole.n_frames - 3503]
    frame_index = whole.frame_index + np.repeat([0, 3, 93], parts)
    return replace(whole, frame_index=frame_index, pieces=split_at_jumps(frame_index))


@pytest.fixture(scope="module")
def before(toy: Toy, gapped: Recording) -> dict[str, list[Replay]]:
    return score_bundle(open_bundle(toy.bundle), [gapped]).replays


@pytest.mark.parametrize("row", [1, 1001, 2003, 3400, 3504])
def test_the_future_changes_no_score_of_the_past(
    row: int, toy: Toy, gapped: Recording, before: dict[str, list[Replay]]
) -> None:
    """Filter, windows, networks and decision layer: bit for bit the same up to the last frame before it."""
    bundle = open_bundle(toy.bundle)
    rail = 2 ** (bundle.manifest.signal.adc_bits - 1)
    counts = gapped.counts.copy()
    counts[row:] = np.random.default_rng(row).integers(-rail, rail, counts[row:].shape)
    after = score_bundle(bundle, [replace(gapped, counts=counts)]).replays
    newest_s = gapped.frame_index[row - 1] / gapped.rate_hz
    for model in ("float", "int8", "linear"):
        (one,), (two,) = before[model], after[model]
        assert np.array_equal(one.stream.time_s, two.stream.time_s)
        past = one.stream.time_s <= newest_s
        assert np.array_equal(one.logits[past], two.logits[past])
        decision, actions = bundle.manifest.decision, bundle.manifest.signal.actions
        played = [play(scored.stream, decision, actions).action[past] for scored in (one, two)]
        assert np.array_equal(*played)
        assert past.all() or not np.array_equal(one.logits[~past], two.logits[~past])
