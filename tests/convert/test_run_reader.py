"""Run folders that are not what training writes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import Toy

from neurograsp.convert.run_reader import read_run
from neurograsp.edge_runtime.contract.errors import ConfigError


@pytest.fixture
def run(toy: Toy, tmp_path: Path) -> Path:
    shutil.copytree(toy.run, tmp_path / "run")
    return tmp_path / "run"


def test_what_training_writes_is_read(run: Path) -> None:
    read = read_run(run)
    assert read.x_train.shape[1:] == (50, 16)
    assert len(read.x_train) == len(read.y_train)
    assert [len(stream.truth) for stream in read.streams] == [len(s.picked) for s in read.streams]


@pytest.mark.parametrize(
    ("file", "name", "change"),
    [
        ("windows", "last_train", lambda last: last[:3]),
        ("windows", "last_train", lambda last: last + 10**6),
        ("windows", "last_validation", lambda last: last.astype(np.int32)),
        ("windows", "y_train", lambda y: y.astype(str)),
        ("windows", "y_train", lambda y: y * np.float32("nan")),
        ("streams", "golden_counts", lambda x: x.astype(float)),
        ("streams", "0.truth", lambda x: x + np.uint8(99)),
        ("streams", "0.picked", lambda x: x - 1000),
        ("streams", "0.time_s", lambda x: x * np.nan),
        ("streams", "0.restart", lambda x: x[1:]),
        ("streams", "0.event_action", None),
    ],
)
def test_damaged_arrays_are_named(run: Path, file: str, name: str, change: Any) -> None:
    path = run / f"{file}.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    array = arrays.pop(name)
    if change is not None:
        arrays[name] = change(array)
    np.savez(path, **arrays)
    with pytest.raises(
        ConfigError, match=rf"damaged run \({file}\.npz: [a-z0-9].* (is|holds|missing).*train again"
    ):
        read_run(run)


def test_damaged_frames_are_named(run: Path) -> None:
    path = run / "frames_train.npy"
    frames = np.load(path)
    for damaged in (frames.astype(np.int16), frames[:, 1:], frames[:, 0]):
        np.save(path, damaged)
        with pytest.raises(ConfigError, match=r"frames_train\.npy is not int8 n x 16\); train again"):
            read_run(run)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])
    with pytest.raises(ConfigError, match="damaged run"):
        read_run(run)


def test_files_that_are_something_else(run: Path) -> None:
    with (run / "streams.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ConfigError, match=r"streams\.npz is not an archive"):
        read_run(run)
    (run / "model.keras").unlink()
    with pytest.raises(ConfigError, match=r"model\.keras is missing"):
        read_run(run)
    (run / "run.json").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="damaged run"):
        read_run(run)
