"""The samples in the repository: complete, readable, small, licensed, and the same bytes as the full sets."""

import stat
from pathlib import Path

import pytest

from neurograsp.train.datasets import open_recordings

MAX_BYTES = 16_000_000
FOLDERS = ("examples/data", "edge_runtime/samples")


def sample_files(repository: Path) -> list[Path]:
    paths = [path for folder in FOLDERS for path in sorted((repository / folder).rglob("*"))]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def test_size_and_modes(repository: Path) -> None:
    files = sample_files(repository)
    assert 0 < sum(path.stat().st_size for path in files) <= MAX_BYTES
    for path in files:
        assert not path.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH), path


def test_series_7_is_a_link_to_the_packaged_one(repository: Path) -> None:
    link = repository / "examples/data/way-eeg-gal-windows/subj1_series7.npz"
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == (repository / "edge_runtime/samples/way-eeg-gal/subj1_series7.npz").resolve()
    (recording,) = open_recordings(link)
    assert (recording.subject, recording.session) == ("1", "7")


@pytest.mark.parametrize(
    ("folder", "sessions", "channels", "rate_hz"),
    [
        ("way-eeg-gal-windows", ["1", "2", "3", "4", "5", "6", "7"], 32, 500.0),
        ("physionet-eegmmidb-s001", ["3", "4", "7"], 64, 160.0),
        ("myo-readings", ["1", "2"], 8, 200.0),
    ],
)
def test_sample_folders(
    examples: Path, folder: str, sessions: list[str], channels: int, rate_hz: float
) -> None:
    recordings = open_recordings(examples / folder)
    assert [recording.session for recording in recordings] == sessions
    assert len({recording.subject for recording in recordings}) == 1
    for recording in recordings:
        assert recording.counts.shape[1] == channels
        assert recording.rate_hz == rate_hz
        assert set(recording.labels.code.tolist()) == set(range(len(recording.labels.names)))


@pytest.mark.parametrize(
    ("readme", "needed"),
    [
        ("examples/data/way-eeg-gal-windows", ("CC BY 4.0", "10.1038/sdata.2014.47")),
        ("edge_runtime/samples/way-eeg-gal", ("CC BY 4.0", "10.1038/sdata.2014.47")),
        ("examples/data/physionet-eegmmidb-s001", ("ODC-By 1.0", "Schalk", "Goldberger", "10.13026/C28G6P")),
        ("examples/data/myo-readings", ("MIT License", "Copyright (c) 2021 Alja\u017e", "WITHOUT WARRANTY")),
    ],
)
def test_licence_and_citation_lie_beside(repository: Path, readme: str, needed: tuple[str, ...]) -> None:
    text = (repository / readme / "README.md").read_text(encoding="utf-8")
    for words in needed:
        assert words in text


def test_same_bytes_as_the_full_sets(repository: Path, full_sets: Path) -> None:
    originals = {path.name: path for path in full_sets.rglob("*") if path.suffix in (".npz", ".edf")}
    for path in sample_files(repository):
        if path.suffix in (".npz", ".edf") and "bundles" not in path.parts:
            assert path.read_bytes() == originals[path.name].read_bytes(), path
