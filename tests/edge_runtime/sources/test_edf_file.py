"""Own recordings, and EDF of others, played back without the workstation's readers."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from neurograsp.edge_runtime.cli.sources import read_frames
from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.recording.bdf import BdfHeader, BdfWriter, CountScale
from neurograsp.edge_runtime.recording.recorder import Stretch
from neurograsp.edge_runtime.sources.board_layout import LSB_UV
from neurograsp.edge_runtime.sources.edf_file import LOST, read_edf
from neurograsp.train.datasets import open_recordings

RATE_HZ, SECONDS = 100, 4
LOST_FRAMES = ((37, 40), (150, 250))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `neurograsp record` writes it, with frames that stand for lost ones."""
    path = tmp_path_factory.mktemp("recorded") / "subj1_session1.bdf"
    counts = np.random.default_rng(0).integers(-(2**23) + 1, 2**23, (RATE_HZ * SECONDS, 2)).astype(np.int32)
    lsb_uv = LSB_UV["CYTON_BOARD"]
    header = BdfHeader("1", "1", "cyton", datetime(2026, 3, 5), ("C3", "Cz"), RATE_HZ, CountScale.of(lsb_uv))
    with path.open("xb", buffering=0) as file:
        writer = BdfWriter(file, header)
        writer.annotate([Stretch(0, 120, "rest"), *(Stretch(*lost, LOST) for lost in LOST_FRAMES)])
        writer.write(counts)
        writer.finish()
    return path


def test_own_recordings_are_what_training_reads(recorded: Path) -> None:
    pytest.importorskip("mne")
    (recording,) = open_recordings(recorded)
    frames = read_frames(recorded)
    assert np.array_equal(frames.counts, recording.counts)
    assert np.array_equal(frames.frame_index, recording.frame_index)
    assert frames.channels == recording.channels
    assert (frames.rate_hz, frames.lsb_uv) == (recording.rate_hz, recording.lsb_uv)
    steps = np.diff(frames.frame_index)
    assert steps[steps > 1].tolist() == [4, 101]


def test_the_workstation_is_not_needed(recorded: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from neurograsp.edge_runtime.cli.sources import read_frames; "
        f"print(len(read_frames(Path({str(recorded)!r})).counts), "
        "*({'mne', 'scipy', 'tensorflow', 'neurograsp.train'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(RATE_HZ * SECONDS - 103)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(edits=st.lists(st.tuples(st.integers(0, 1500), st.binary(min_size=1, max_size=8)), max_size=4))
@example(edits=[(289, b"\n")])
def test_whatever_the_bytes_frames_or_one_line(
    recorded: Path, tmp_path: Path, edits: list[tuple[int, bytes]]
) -> None:
    data = bytearray(recorded.read_bytes())
    for at, new in edits:
        data[at : at + len(new)] = new
    (tmp_path / "a.bdf").write_bytes(data)
    try:
        frames = read_edf(tmp_path / "a.bdf")
    except RecordingError as error:
        assert "\n" not in str(error)
        assert "a.bdf" in str(error)
    else:
        assert frames.counts.shape == (len(frames.frame_index), len(frames.channels))
        assert (np.diff(frames.frame_index) > 0).all()


def test_what_is_no_such_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"a\.edf: no such recording"):
        read_frames(tmp_path / "a.edf")
    (tmp_path / "a.edf").write_text("song")
    with pytest.raises(RecordingError, match=r"a\.edf: not an EDF or BDF file"):
        read_frames(tmp_path / "a.edf")


def test_only_what_was_never_received_is_refused(tmp_path: Path, recorded: Path) -> None:
    data = recorded.read_bytes().replace(b"+0\x151.2\x14rest\x14", b"+0\x1599\x14BAD_lost\x14")
    (tmp_path / "a.bdf").write_bytes(data[: recorded.stat().st_size])
    with pytest.raises(RecordingError, match="nothing was received"):
        read_edf(tmp_path / "a.bdf")
