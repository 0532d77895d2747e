"""What a Recording and its Labels refuse."""

from typing import Any

import numpy as np
import pytest

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps


def int64(*values: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def labels(**changes: Any) -> Labels:
    good = {"names": ("rest", "fist"), "start": int64(0, 4), "stop": int64(5, 10), "code": int64(0, 1)}
    return Labels(**(good | changes))


def recording(**changes: Any) -> Recording:
    good: dict[str, Any] = {
        "counts": np.zeros((10, 2), np.int32),
        "rate_hz": 4.0,
        "channels": ("C3", "C4"),
        "lsb_uv": None,
        "pieces": int64([0, 6], [6, 10]),
        "frame_index": np.r_[0:6, 20:24].astype(np.int64),
        "labels": labels(),
        "subject": "1",
        "session": "2",
        "source": "here.npz",
    }
    return Recording(**(good | changes))


def test_good_recording_and_helpers() -> None:
    good = recording()
    assert (good.n_frames, good.duration_s, len(good.labels)) == (10, 2.5, 2)
    assert list(good.iter_pieces()) == [slice(0, 6), slice(6, 10)]


def test_pieces_may_leave_rows_out_and_labels_may_be_none() -> None:
    none = Labels(names=(), start=int64(), stop=int64(), code=int64())
    assert len(recording(pieces=int64([1, 3], [7, 9]), labels=none).labels) == 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"counts": np.zeros((10, 2))}, "counts must be int32"),
        ({"counts": np.full((10, 2), np.nan)}, "counts must be int32"),
        ({"counts": [[0, 0]] * 10}, "counts must be int32"),
        ({"counts": np.zeros((10, 3), np.int32)}, "counts must be int32 (10, 2), not int32 (10, 3)"),
        ({"counts": np.zeros((10, 2, 1), np.int32)}, "counts must be int32"),
        ({"counts": np.zeros((2, 10), np.int32).T}, "C order"),
        ({"counts": np.zeros((0, 2), np.int32)}, "must have frames"),
        ({"channels": ("C3", "C3")}, "channel names"),
        ({"channels": ("C3", "")}, "channel names"),
        ({"rate_hz": float("nan")}, "rate"),
        ({"rate_hz": 0.0}, "rate"),
        ({"lsb_uv": float("nan")}, "uV"),
        ({"lsb_uv": -0.1}, "uV"),
        ({"frame_index": np.arange(9, dtype=np.int64)}, "frame_index must be int64 (10,)"),
        ({"frame_index": np.arange(10.0)}, "frame_index must be int64"),
        ({"frame_index": np.r_[0:5, 20:25].astype(np.int64)}, "split where it jumps"),
        ({"frame_index": np.r_[0:6, 5:9].astype(np.int64)}, "must rise"),
        ({"pieces": int64([0, 6], [5, 10])}, "without overlap"),
        ({"pieces": int64([6, 10], [0, 6])}, "in order"),
        ({"pieces": int64([0, 6], [6, 11])}, "0..10"),
        ({"pieces": int64([-1, 6], [6, 10])}, "0..10"),
        ({"pieces": int64([0, 6], [6, 6])}, "in order"),
        ({"pieces": int64([0, 10])}, "split where it jumps"),
        ({"pieces": np.zeros((0, 2), np.int64)}, "pieces"),
        ({"pieces": int64(0, 10)}, "pieces must be int64"),
        ({"labels": labels(stop=int64(5, 11))}, "label does not match: it ends at row 11 of 10"),
    ],
)
def test_broken_recording_is_named(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(RecordingError) as caught:
        recording(**changes)
    assert str(caught.value).startswith("here.npz: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"start": int64(0)}, "stop must be int64 (1,)"),
        ({"code": int64(0)}, "code must be int64 (2,)"),
        ({"code": np.array([0.0, 1.0])}, "code must be int64"),
        ({"start": np.array([0, np.nan])}, "start must be int64"),
        ({"start": [0, 4]}, "start must be int64"),
        ({"code": int64(0, 2)}, "outside 0..1"),
        ({"code": int64(-1, 0)}, "outside 0..1"),
        ({"stop": int64(0, 10)}, "stop after it starts"),
        ({"start": int64(-1, 4)}, "row 0 or later"),
        ({"names": ("rest", "rest")}, "distinct"),
    ],
)
def test_broken_labels(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(RecordingError, match="labels: ") as caught:
        labels(**changes)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("frames", "pieces"),
    [([3], [[0, 1]]), ([3, 4, 5], [[0, 3]]), ([3, 4, 6, 9], [[0, 2], [2, 3], [3, 4]])],
)
def test_split_at_jumps(frames: list[int], pieces: list[list[int]]) -> None:
    found = split_at_jumps(int64(*frames))
    assert found.tolist() == pieces
    assert found.dtype == np.int64
