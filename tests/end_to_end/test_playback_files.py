"""`--source playback:FILE` takes every format that training takes, with the same counts."""

from pathlib import Path

import numpy as np
import pytest
from toys import REPOSITORY

from neurograsp.edge_runtime.cli.sources import read_frames
from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets import open_recordings

DATA = REPOSITORY / "examples/data"
FILES = (
    "way-eeg-gal-windows/subj1_series7.npz",
    "physionet-eegmmidb-s001/S001R07.edf",
    "myo-readings/p12345_session2.npz",
)


@pytest.mark.parametrize("name", FILES)
def test_playback_reads_what_training_reads(name: str) -> None:
    (recording,) = open_recordings(DATA / name)
    frames = read_frames(DATA / name)
    assert np.array_equal(frames.counts, recording.counts)
    assert np.array_equal(frames.frame_index, recording.frame_index)
    assert (frames.rate_hz, frames.channels) == (recording.rate_hz, recording.channels)


@pytest.mark.parametrize("name", ["subj1_series7.npz", "anything.npz"])
def test_a_damaged_file_is_called_damaged(tmp_path: Path, name: str) -> None:
    whole = (DATA / FILES[0]).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match=f"{name}: damaged"):
        read_frames(path)


def test_missing_and_foreign_files_are_called_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere\.npz: no such"):
        read_frames(tmp_path / "nowhere.npz")
    (tmp_path / "song.mp3").write_bytes(b"ID3")
    with pytest.raises(RecordingError, match=r"song\.mp3"):
        read_frames(tmp_path / "song.mp3")
    with pytest.raises(RecordingError, match="folder"):
        read_frames(tmp_path)
