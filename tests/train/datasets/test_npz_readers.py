"""The three npz formats: what is read is what the format says, and labels that do not match are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal

from neurograsp.train.datasets import Recording, open_recordings

Change = Callable[[dict[str, Any]], None]


def first(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


def altered(original: Path, tmp_path: Path, change: Change) -> Path:
    """A copy of the file with its arrays changed in place or replaced."""
    with np.load(original, allow_pickle=False) as stored:
        arrays = {key: stored[key].copy() for key in stored.files}
    change(arrays)
    path = tmp_path / original.name
    np.savez(path, **arrays)
    return path


def check_pieces_against_counter(recording: Recording) -> None:
    inside = np.zeros(recording.n_frames, bool)
    for piece in recording.iter_pieces():
        inside[piece] = True
        assert np.all(np.diff(recording.frame_index[piece]) == 1)
    assert inside.all()
    for start, stop in zip(recording.labels.start, recording.labels.stop, strict=True):
        assert np.all(np.diff(recording.frame_index[start:stop]) == 1)


@pytest.fixture(scope="module")
def gal_file(examples: Path) -> Path:
    return examples / "way-eeg-gal-windows/subj1_series3.npz"


@pytest.fixture(scope="module")
def myo_file(examples: Path) -> Path:
    return first(examples / "myo-readings", "*.npz")


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """A small EEGMMIDB run."""
    path = tmp_path / "original/S007R03.npz"
    path.parent.mkdir()
    signal = np.random.default_rng(3).integers(-200, 200, (64, 1600)).astype(np.int16)
    np.savez(
        path,
        eeg_delta=np.diff(signal, axis=1, prepend=np.zeros((64, 1), np.int16)),
        channels=np.array([f"E{i}" for i in range(64)]),
        sfreq=160.0,
        event_onset_s=np.array([0.0, 4.2, 8.3]),
        event_duration_s=np.array([4.2, 4.1, 1.7]),
        event_code=np.array([0, 2, 1], np.uint8),
        task="execute_left_right_fist",
    )
    return path


def test_gal(gal_file: Path) -> None:
    (recording,) = open_recordings(gal_file)
    with np.load(gal_file) as stored:
        windows, events = stored["windows"], stored["events"]
        np.testing.assert_array_equal(recording.frame_index, stored["frame"])
    assert (recording.subject, recording.session, recording.lsb_uv) == ("1", "3", None)
    assert (recording.rate_hz, recording.counts.shape) == (500.0, (len(events), 32))
    assert recording.labels.names[0] == "HandStart"
    assert recording.labels.names[-1] == "BothReleased"
    check_pieces_against_counter(recording)
    np.testing.assert_array_equal(recording.frame_index[recording.labels.start], windows[:, 2])
    np.testing.assert_array_equal(recording.labels.stop - recording.labels.start, windows[:, 3])
    np.testing.assert_array_equal(recording.labels.code, windows[:, 0])
    assert np.diff(recording.pieces, axis=1).min() >= 149


def shift_windows(arrays: dict[str, Any]) -> None:
    arrays["windows"][:, 2] += 1


def lose_window(arrays: dict[str, Any]) -> None:
    arrays["windows"] = np.delete(arrays["windows"], 4, axis=0)


def swap_codes(arrays: dict[str, Any]) -> None:
    arrays["windows"][[0, 1], 0] = arrays["windows"][[1, 0], 0]


def replace(key: str, make: Callable[[Any], Any]) -> Change:
    def change(arrays: dict[str, Any]) -> None:
        arrays[key] = make(arrays[key])

    return change


def cell(key: str, index: Any, value: Any) -> Change:
    def change(arrays: dict[str, Any]) -> None:
        arrays[key][index] = value

    return change


def remove(key: str) -> Change:
    def change(arrays: dict[str, Any]) -> None:
        del arrays[key]

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (shift_windows, "does not match"),
        (lose_window, "does not match: 'windows' and 'events' differ at frame"),
        (swap_codes, "does not match: 'windows' and 'events' differ at frame"),
        (cell("events", (10, 3), 1), "label 'LiftOff' does not match"),
        (cell("windows", (0, 0), 6), "label window 0"),
        (cell("windows", (0, 3), 0), "label window 0"),
        (cell("windows", (-1, 3), 400), "not all of them are in the recording"),
        (cell("windows", (2, 3), 2**31 - 1), "label window 2"),
        (cell("windows", (0, 2), 2**31 - 1), "label window 0"),
        (replace("events", lambda events: events[:-1]), "does not match"),
        (replace("events", lambda events: events[:, :5]), "does not match"),
        (replace("events", lambda events: events.astype(str)), "does not match"),
        (replace("windows", lambda windows: windows[:, :3]), "'windows' must be integers (m, 4)"),
        (replace("windows", lambda windows: windows.astype(float)), "'windows' must be integers (m, 4)"),
        (replace("event_names", lambda names: names[[0, 0, 1, 2, 3, 4]]), "'event_names' must be distinct"),
        (remove("windows"), "no array 'windows'"),
        (replace("eeg_delta", lambda delta: delta[:31]), "names 32 channels and 'eeg_delta' has 31"),
        (replace("eeg_delta", lambda delta: delta[:, :-5]), "'frame' must be"),
        (replace("sfreq", lambda _: np.nan), "'sfreq' must be one number of hertz above 0, not nan"),
    ],
)
def test_gal_that_does_not_fit(gal_file: Path, tmp_path: Path, change: Change, expected: str) -> None:
    assert expected in refusal(altered(gal_file, tmp_path, change))


def test_gal_window_over_a_gap_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "subj1_series1.npz"
    np.savez(
        path,
        eeg_delta=np.zeros((2, 3), np.int16),
        frame=np.array([10, 11, 20]),
        events=np.ones((3, 1), np.uint8),
        windows=np.array([[0, 0, 10, 11]]),
        channels=np.array(["a", "b"]),
        event_names=np.array(["HandStart"]),
        sfreq=500.0,
    )
    assert "label window 0" in refusal(path)


def test_eegmmidb(run_file: Path) -> None:
    (recording,) = open_recordings(run_file)
    assert (recording.subject, recording.session, recording.lsb_uv) == ("7", "3", 1.0)
    assert recording.labels.names == ("T0", "T1", "T2")
    assert recording.labels.start.tolist() == [0, 672, 1328]
    assert recording.labels.stop.tolist() == [672, 1328, 1600]
    assert recording.labels.code.tolist() == [0, 2, 1]
    assert recording.pieces.tolist() == [[0, 1600]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            cell("event_onset_s", 2, 9.0),
            "label 2 (code 1, 9.0 s for 1.7 s) does not match a recording of 10 s",
        ),
        (cell("event_onset_s", 1, np.nan), "label 1"),
        (cell("event_onset_s", 0, -0.1), "label 0"),
        (cell("event_duration_s", 1, 0.0), "label 1"),
        (cell("event_duration_s", 1, np.inf), "label 1"),
        (cell("event_code", 1, 3), "label 1 (code 3"),
        (replace("event_code", lambda code: code[:-1]), "events do not match"),
        (replace("event_code", lambda code: code.astype(float)), "integer codes"),
        (replace("event_onset_s", lambda onset: onset.astype(str)), "seconds as floats"),
        (remove("event_code"), "no array 'event_code'"),
    ],
)
def test_eegmmidb_that_does_not_fit(run_file: Path, tmp_path: Path, change: Change, expected: str) -> None:
    assert expected in refusal(altered(run_file, tmp_path, change))


def test_myo(myo_file: Path) -> None:
    (recording,) = open_recordings(myo_file)
    with np.load(myo_file) as stored:
        emg, label, part = stored["emg"], stored["label"], stored["recording"]
    np.testing.assert_array_equal(recording.counts, emg)
    assert (recording.rate_hz, recording.lsb_uv, len(recording.channels)) == (200.0, None, 8)
    assert recording.labels.names[0] == "rest"
    assert recording.labels.names[7] == "fist"
    check_pieces_against_counter(recording)
    assert len(recording.pieces) == 8
    for k, piece in enumerate(recording.iter_pieces()):
        assert np.all(part[piece] == k)
    jumps = np.diff(recording.frame_index)
    assert jumps[jumps != 1].tolist() == [201] * 7
    spread = np.full(len(emg), -1)
    for start, stop, code in zip(
        recording.labels.start, recording.labels.stop, recording.labels.code, strict=True
    ):
        spread[start:stop] = code
    np.testing.assert_array_equal(spread, label)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (cell("label", 500, 8), "label 8 does not match the 8 gestures"),
        (replace("label", lambda label: label[:-1]), "does not match"),
        (replace("label", lambda label: label.astype(float)), "does not match"),
        (replace("recording", lambda part: part[1:]), "label array 'recording'"),
        (replace("emg", lambda emg: emg[:, :7]), "'emg' must be int8 (n, 8)"),
        (replace("emg", lambda emg: emg.astype(np.int16)), "'emg' must be int8 (n, 8)"),
        (replace("emg", lambda emg: emg[:0]), "'emg' must be int8 (n, 8)"),
        (replace("sfreq", lambda _: -np.inf), "'sfreq'"),
    ],
)
def test_myo_that_does_not_fit(myo_file: Path, tmp_path: Path, change: Change, expected: str) -> None:
    assert expected in refusal(altered(myo_file, tmp_path, change))


def test_every_recording_of_the_full_sets(full_sets: Path) -> None:
    gal = open_recordings(full_sets / "way-eeg-gal-windows", subjects=[2, 5])
    assert [(r.subject, r.session) for r in gal] == [(s, str(n)) for s in "25" for n in range(1, 8)]
    runs = open_recordings(full_sets / "physionet-eegmmidb-s001")
    assert [r.session for r in runs] == ["1", "2", "3", "4", "7", "8"]
    assert [len(r.labels) for r in runs] == [1, 1, 30, 30, 30, 30]
    myo = open_recordings(full_sets / "myo-readings", sessions=[2])
    assert [r.subject for r in myo] == ["12345", "21547", "45612"]
    for recording in (*gal, *runs, *myo):
        check_pieces_against_counter(recording)
