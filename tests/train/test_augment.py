"""What makes training windows differ: by how much, where not, and twice the same."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from toys import lazy, toy_signal

from neurograsp.edge_runtime.lazy_windows import LazyWindows
from neurograsp.train.augment import distorted, mixed, shifted
from neurograsp.train.config import ActionsConfig, LabelsConfig
from neurograsp.train.datasets import Labels, Recording
from neurograsp.train.fit import batches
from neurograsp.train.window_set import WindowSet
from neurograsp.train.windows import training_set

N_CHANNELS = 8


def ones(n: int = 4000) -> WindowSet:
    return WindowSet(lazy(np.full((n, 3, N_CHANNELS), 16, np.int8)), np.ones((n, 1), np.float32))


def drawn(scaling: float, channel_dropout: float, seed: tuple[int, int] = (0, 1)) -> npt.NDArray[np.float32]:
    windows = ones()
    made = distorted(batches(windows, np.arange(len(windows)), 64), scaling, channel_dropout, seed)
    x: npt.NDArray[np.float32] = np.concatenate([x.numpy() for x, _ in made])
    return x


def test_nothing_to_do_leaves_the_batches() -> None:
    windows = ones(10)
    plain = batches(windows, np.arange(10), 4)
    assert distorted(plain, 0.0, 0.0, (0, 1)) is plain
    assert mixed(plain, 0.0, (0, 1)) is plain
    assert shifted(windows, 3, np.random.default_rng(0)) is windows


def test_electrodes_are_silenced_for_a_whole_window() -> None:
    x = drawn(0.0, 0.25)
    assert set(np.unique(x)) == {0, 16}
    assert (x == x[:, :1]).all()
    assert (x[:, 0] == 0).mean(axis=0) == pytest.approx(np.full(N_CHANNELS, 0.25), abs=0.03)


def test_windows_are_scaled_as_a_whole() -> None:
    x = drawn(0.3, 0.0)
    assert (x == x[:, :1, :1]).all()
    size = np.log(x[:, 0, 0] / 16)
    assert size.mean() == pytest.approx(0, abs=0.02)
    assert size.std() == pytest.approx(0.3, rel=0.05)


def test_both_are_drawn_independently_and_repeat() -> None:
    x = drawn(0.3, 0.25)
    assert np.array_equal(x, drawn(0.3, 0.25))
    for other in ((0, 2), (1, 1)):
        assert not np.array_equal(x, drawn(0.3, 0.25, other))
    silent, size = x[:, 0] == 0, x[:, 0].max(axis=1)
    for channel in silent.T:
        assert abs(np.corrcoef(channel, size)[0, 1]) < 0.06


def test_two_windows_and_their_targets_are_mixed_alike() -> None:
    """Each window holds its own number, so that the mixture shows which two and how much of each."""
    n = 120
    x = np.repeat(np.arange(n, dtype=np.int8), 6).reshape(n, 3, 2)
    windows = WindowSet(lazy(x), np.eye(n, dtype=np.float32))
    plain = batches(windows, np.arange(n), 40)
    made = [mixed(plain, 0.4, seed) for seed in ((0, 1), (0, 1), (0, 2))]
    (x1, y1), (x2, y2), (x3, _) = ([np.concatenate(part) for part in zip(*one)] for one in made)
    assert np.array_equal(x1, x2)
    assert np.array_equal(y1, y2)
    assert not np.array_equal(x1, x3)
    assert (x1 == x1[:, :1, :1]).all()
    assert y1.sum(axis=1) == pytest.approx(1)
    assert y1 @ np.arange(n) == pytest.approx(x1[:, 0, 0], rel=1e-4)
    share = y1[np.arange(n), np.arange(n)]
    assert share.min() >= 0.5
    b = np.random.default_rng(0).beta(0.4, 0.4, 100_000)
    assert share.mean() == pytest.approx(np.maximum(b, 1 - b).mean(), abs=0.03)
    others = [{*np.flatnonzero(row)} - {i} for i, row in enumerate(y1)]
    assert all(one <= {*range(i // 40 * 40, i // 40 * 40 + 40)} for i, one in enumerate(others))


def recording() -> Recording:
    """Rest and fist by turns, 40 rows each, in two pieces, the second from row 200.

    A window of 10 rows is an example from the tenth row of its label on.
    """
    start = np.arange(0, 400, 40)
    return Recording(
        counts=np.zeros((400, 2), np.int32),
        rate_hz=250.0,
        channels=("C0", "C1"),
        lsb_uv=1.0,
        pieces=np.array([[0, 200], [200, 400]]),
        frame_index=np.arange(400) + np.repeat([0, 100], 200),
        labels=Labels(("rest", "fist"), start, start + 40, np.arange(10) % 2),
        subject="1",
        session="1",
        source="here",
    )


@pytest.mark.parametrize("most", [2, 6, 1000])
def test_windows_move_within_their_label(most: int, tmp_path: Path) -> None:
    actions: Any = ActionsConfig(("rest", "fist"), ("REST", "FIST"), "softmax", "rest")
    signal = {"1": toy_signal(window=10)}
    labels = LabelsConfig("states", train_hop=7)
    windows = training_set([recording()], signal, labels, actions, tmp_path / "frames.npy")
    ends = []
    for seed in range(300):
        moved = shifted(windows, most, np.random.default_rng(seed))
        assert moved.y is windows.y
        ends.append(moved.x.last)
    for row, reached in zip(windows.x.last, np.stack(ends, axis=1)):
        label = row // 40 * 40
        wanted = range(max(row - most, label + 9), min(row + most + 1, label + 40))
        assert set(reached) == set(wanted)


def test_soft_targets_stay_where_they_are(tmp_path: Path) -> None:
    """A window whose target is between two states moves to no other target."""
    actions: Any = ActionsConfig(("rest", "fist"), ("REST", "FIST"), "softmax", "rest")
    labels = LabelsConfig("states", train_hop=1, border_s=5 / 250)
    windows = training_set(
        [recording()], {"1": toy_signal(window=10)}, labels, actions, tmp_path / "frames.npy"
    )
    moved = shifted(windows, 1000, np.random.default_rng(0))
    target_at = dict(zip(windows.x.last.tolist(), windows.y[:, 1].tolist()))
    assert [target_at[last] for last in moved.x.last.tolist()] == windows.y[:, 1].tolist()
    between = (windows.y[:, 1] > 0) & (windows.y[:, 1] < 1)
    assert between.any()
    assert np.array_equal(moved.x.last[between], windows.x.last[between])


def test_moved_windows_are_cut_where_they_say() -> None:
    frames = np.arange(30, dtype=np.int8).reshape(-1, 1)
    windows = WindowSet(
        LazyWindows(frames, np.array([4, 20]), 3), np.ones((2, 1), np.float32), np.array([[2, 0], [0, 5]])
    )
    moved = shifted(windows, 5, np.random.default_rng(3))
    assert np.array_equal(moved.x[:][:, -1, 0], moved.x.last)
