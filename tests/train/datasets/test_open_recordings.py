"""Which files of a folder are read, in which order, and what is said when they are not there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal

from neurograsp.train.datasets import open_recordings


def save_myo(folder: Path, subject: str, session: str) -> None:
    np.savez(
        folder / f"p{subject}_session{session}.npz",
        emg=np.zeros((400, 8), np.int8),
        label=np.zeros(400, np.uint8),
        recording=np.zeros(400, np.uint8),
        sfreq=200.0,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for subject, session in (("2", "10"), ("2", "9"), ("10", "9"), ("1", "2")):
        save_myo(tmp_path, subject, session)
    (tmp_path / "README.md").write_text("not a recording")
    return tmp_path


def keys(path: Path, **selection: Any) -> list[tuple[str, str]]:
    return [(r.subject, r.session) for r in open_recordings(path, **selection)]


def test_sorted_by_number(folder: Path) -> None:
    assert keys(folder) == [("1", "2"), ("2", "9"), ("2", "10"), ("10", "9")]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"subjects": [2]}, [("2", "9"), ("2", "10")]),
        ({"subjects": ["02"]}, [("2", "9"), ("2", "10")]),
        ({"subjects": 10}, [("10", "9")]),
        ({"subjects": "10"}, [("10", "9")]),
        ({"sessions": ("9",)}, [("2", "9"), ("10", "9")]),
        ({"subjects": [10, 2, 2], "sessions": [9]}, [("2", "9"), ("10", "9")]),
    ],
)
def test_selection(folder: Path, selection: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert keys(folder, **selection) == expected


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"subjects": [2, 3, 4]}, "no subject 3, 4; there are 1, 2, 10"),
        ({"sessions": [1]}, "no session 1; there are 2, 9, 10"),
        ({"subjects": [2, 10], "sessions": [9, 10]}, "subject 10 has no session 10; there are 9"),
        ({"subjects": []}, "no subject selected; there are 1, 2, 10"),
        ({"sessions": []}, "no session selected; there are 2, 9, 10"),
    ],
)
def test_absent_is_an_error_that_lists_what_is_there(
    folder: Path, selection: dict[str, Any], expected: str
) -> None:
    assert expected in refusal(folder, **selection)


def test_a_file_honours_the_selection(folder: Path) -> None:
    path = folder / "p2_session9.npz"
    assert keys(path, subjects=[2], sessions=[9]) == [("2", "9")]
    assert "no session 8; there are 9" in refusal(path, sessions=[8])


def test_the_same_session_twice(folder: Path) -> None:
    save_myo(folder, "02", "9")
    assert "the same subject and session" in refusal(folder)


def test_nothing_there(tmp_path: Path) -> None:
    assert "no such file or folder" in refusal(tmp_path / "absent")
    assert "no recording of a known format; known are: WAY-EEG-GAL" in refusal(tmp_path)
    other = tmp_path / "subj1_series1.csv"
    other.touch()
    message = refusal(other)
    for example in ("subj1_series1.npz", "S001R03.npz", "p12345_session1.npz", "EDF/EDF+"):
        assert example in message


def test_two_npz_formats_in_one_folder(folder: Path) -> None:
    (folder / "subj1_series1.npz").touch()
    assert "several formats (WAY-EEG-GAL event windows; Myo armband session)" in refusal(folder)


def test_a_folder_of_two_formats_is_refused(folder: Path) -> None:
    (folder / "edf").mkdir()
    (folder / "edf/S001R03.edf").touch()
    assert len(open_recordings(folder)) == 4
    (folder / "S001R03.edf").touch()
    assert "several formats" in refusal(folder)


def test_dangling_link_is_not_a_recording(tmp_path: Path) -> None:
    (tmp_path / "subj1_series7.npz").symlink_to("absent.npz")
    assert "known format" in refusal(tmp_path)
    assert "no such file" in refusal(tmp_path / "subj1_series7.npz")


def test_subfolders_are_not_looked_into(full_sets: Path) -> None:
    """One holds the same series in another format."""
    assert keys(full_sets / "way-eeg-gal-windows", subjects=[1], sessions=[1]) == [("1", "1")]
