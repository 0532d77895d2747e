"""The samples in the repository: complete, readable, small, licensed, and the bytes that were measured on."""

import hashlib
import stat
from pathlib import Path

import pytest

from neurograsp.train.datasets import open_recordings

MAX_BYTES = 16_000_000
FOLDERS = ("examples/data", "edge_runtime/samples")
LINK = "examples/data/way-eeg-gal-windows/subj1_series7.npz"
SHA256 = {
    "subj1_series1.npz": "08da1ce48bd6ded55b1c50ef354091e6d39ce2b4ae8f7b5155a3322515f19766",
    "subj1_series2.npz": "0d1bfae194f579559c3f6dcf6c0bbb87db63367a7c485e57dc292dc3d8ec219a",
    "subj1_series3.npz": "2ae76267cf89ed79040a86d0032fc7ad9d62666f267e752654005db8f9490e45",
    "subj1_series4.npz": "3cd5a7a4c7746db34701166734d5e49f0ea7a88cfc5af4e305d64145a1647ac7",
    "subj1_series5.npz": "d666e99ce1b8b10a36ecf3524da8f9aab068db1d318b7502e86e0af228a6f065",
    "subj1_series6.npz": "ad7d53de4a8c84f088d543cc3fcc68ea393b3690068a4db3c9bc3a2fec2b5950",
    "subj1_series7.npz": "31d8411f294fac83fd591f187aa89c96c36ec3d422dfc115181c576bc592d314",
    "S001R03.edf": "3427c8d01bff1380bc9ab9f27a35ece2af5dfadf3e291bbc05eb66e4dadbfe2e",
    "S001R04.edf": "3d161f88e1c00632585287d2ce584c2bc0f08862438eb255ea8723e00fac693d",
    "S001R07.edf": "6320a941815eb7a0bc632e32c07c88b6e2281a0e2f177e8f49e2d0a16231145c",
    "p12345_session1.npz": "aeb771bd98572815950249a8ba96415aa7eb881fa3ee80d3ca15ba4f8997d8c6",
    "p12345_session2.npz": "ca53a9d58cb2315dd2af6cf95f10ccbd4ed44ebbc6124e4e938fa5213ef257ea",
}


def sample_files(repository: Path) -> list[Path]:
    paths = [path for folder in FOLDERS for path in sorted((repository / folder).rglob("*"))]
    return [path for path in paths if path.is_file() and path != repository / LINK]


def test_size_and_modes(repository: Path) -> None:
    files = sample_files(repository)
    assert 0 < sum(path.stat().st_size for path in files) <= MAX_BYTES
    for path in files:
        assert not path.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH), path


def test_series_7_is_the_packaged_one(repository: Path) -> None:
    """A link in a checkout; an sdist holds a copy."""
    link = repository / LINK
    packaged = repository / "edge_runtime/samples/way-eeg-gal/subj1_series7.npz"
    if (repository / ".git").exists():
        assert not link.readlink().is_absolute()
        assert link.resolve() == packaged.resolve()
    assert link.read_bytes() == packaged.read_bytes()
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


def test_not_a_byte_differs(repository: Path) -> None:
    """What every figure in README.md was measured on."""
    files = [path for path in sample_files(repository) if path.suffix in (".npz", ".edf")]
    recordings = [path for path in files if "bundles" not in path.parts]
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in recordings} == SHA256
