"""The device-side reader of differenced recordings, on good and on hostile files."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.sources import delta_npz
from neurograsp.edge_runtime.sources.delta_npz import read_delta_npz, read_npz

SAMPLE = Path(__file__).parents[2] / "edge_runtime/samples/way-eeg-gal/subj1_series7.npz"


def arrays(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    good = {
        "eeg_delta": rng.integers(-32768, 32767, (3, 40), dtype=np.int16, endpoint=True),
        "sfreq": np.float64(500.0),
        "channels": np.array(["C3", "Cz", "C4"]),
        "frame": np.r_[5:25, 100:120].astype(np.int32),
    }
    return {key: value for key, value in (good | changes).items() if value is not None}


def save(tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "recording.npz"
    np.savez_compressed(path, **arrays(**changes))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        read_delta_npz(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert caught.value.exit_code == 4
    return message


def test_wrap_around_sum_is_undone_exactly(tmp_path: Path) -> None:
    signal = np.array([[32767, -32768, 0, -1], [1, 2, 3, 4]], dtype=np.int16)
    delta = np.diff(signal, axis=1, prepend=np.zeros((2, 1), np.int16))
    frames = read_delta_npz(
        save(tmp_path, eeg_delta=delta, channels=np.array(["a", "b"]), frame=None, sfreq=np.int64(250))
    )
    np.testing.assert_array_equal(frames.counts, signal.T)
    assert frames.counts.dtype == np.int32
    assert frames.counts.flags.c_contiguous
    np.testing.assert_array_equal(frames.frame_index, np.arange(4))
    assert (frames.rate_hz, frames.channels) == (250.0, ("a", "b"))


def test_frame_counter_keeps_its_gaps(tmp_path: Path) -> None:
    frames = read_delta_npz(save(tmp_path))
    assert frames.frame_index.dtype == np.int64
    np.testing.assert_array_equal(frames.frame_index, np.r_[5:25, 100:120])


def test_fortran_order_and_uncompressed(tmp_path: Path) -> None:
    path = tmp_path / "fortran.npz"
    content = arrays(eeg_delta=np.asfortranarray(arrays()["eeg_delta"]))
    np.savez(path, **content)
    np.testing.assert_array_equal(read_delta_npz(path).counts, read_delta_npz(save(tmp_path)).counts)


def test_shipped_sample() -> None:
    frames = read_delta_npz(SAMPLE)
    assert frames.counts.shape == (23098, 32)
    assert frames.rate_hz == 500.0
    assert frames.channels[:2] == ("Fp1", "Fp2")
    assert np.flatnonzero(np.diff(frames.frame_index) > 1).size > 50
    with np.load(SAMPLE, allow_pickle=False) as stored:
        expected = np.cumsum(stored["eeg_delta"], axis=1, dtype=np.int16)
    np.testing.assert_array_equal(frames.counts.T, expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sfreq": np.float64("nan")}, "'sfreq' must be one number of hertz above 0, not nan"),
        ({"sfreq": np.float64("inf")}, "'sfreq'"),
        ({"sfreq": np.float64(0)}, "'sfreq'"),
        ({"sfreq": np.float64(-500)}, "'sfreq'"),
        ({"sfreq": np.array([500.0, 500.0])}, "'sfreq'"),
        ({"sfreq": np.array("500")}, "'sfreq'"),
        ({"sfreq": None}, "no array 'sfreq'"),
        ({"eeg_delta": None, "channels": None}, "no array 'eeg_delta', 'channels'"),
        ({"eeg_delta": np.zeros((3, 40), np.float64)}, "must be int16"),
        ({"eeg_delta": np.full((3, 40), np.nan)}, "must be int16"),
        ({"eeg_delta": np.zeros((3, 40), np.int32)}, "must be int16"),
        ({"eeg_delta": np.zeros(40, np.int16)}, "must be int16"),
        ({"eeg_delta": np.zeros((3, 0), np.int16)}, "must be int16"),
        ({"channels": np.array(["C3", "Cz"])}, "names 2 channels and 'eeg_delta' has 3"),
        ({"channels": np.array(["C3", "Cz", "Cz"])}, "distinct names"),
        ({"channels": np.array(["C3", "Cz", ""])}, "distinct names"),
        ({"channels": np.array([1, 2, 3])}, "distinct names"),
        ({"channels": np.array("C3")}, "distinct names"),
        ({"frame": np.arange(39)}, "'frame' must be 40 integers"),
        ({"frame": np.arange(40.0)}, "'frame' must be 40 integers"),
        ({"frame": np.r_[0:20, 19:39]}, "'frame' does not rise at row 20 (value 19)"),
        ({"frame": np.arange(-1, 39)}, "'frame' does not rise at row 0 (value -1)"),
        ({"frame": np.arange(40, dtype=np.uint64) + np.uint64(2**63 - 20)}, "at most 2^53 is possible"),
        ({"frame": np.arange(40) + 2**53 - 38}, "'frame' goes up to 9007199254740993, at most 2^53"),
    ],
)
def test_wrong_content_is_one_clear_line(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    assert expected in refusal(save(tmp_path, **changes))


def test_pickles_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path, channels=np.array(["C3", "Cz", {"x": 1}], dtype=object))
    assert "damaged or not an .npz" in refusal(path)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    assert "no such recording" in refusal(tmp_path / "absent.npz")
    assert "cannot be read" in refusal(tmp_path)
    empty = tmp_path / "empty.npz"
    empty.touch()
    assert "damaged" in refusal(empty)
    text = tmp_path / "text.npz"
    text.write_text("../elsewhere/subj1_series7.npz")
    assert "damaged" in refusal(text)


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.9, 0.999])
def test_truncated_archive(tmp_path: Path, keep: float) -> None:
    path = save(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    assert "damaged" in refusal(path)


def test_any_flipped_byte_is_read_unchanged_or_refused(tmp_path: Path) -> None:
    path = save(tmp_path)
    data = path.read_bytes()
    good = read_delta_npz(path)
    for position in range(0, len(data), 3):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x41]) + data[position + 1 :])
        try:
            frames = read_delta_npz(path)
        except RecordingError as error:
            assert "\n" not in str(error)
            continue
        np.testing.assert_array_equal(frames.counts, good.counts)
        assert frames.channels == good.channels


def npy_bytes(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array)
    return stream.getvalue()


def test_shape_that_is_not_in_the_file_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "liar.npz"
    header = npy_bytes(np.zeros((3, 40), np.int16)).replace(b"(3, 40)", b"(3, 9999999999)", 1)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("eeg_delta.npy", header)
        archive.writestr("sfreq.npy", npy_bytes(np.array(500.0)))
        archive.writestr("channels.npy", npy_bytes(np.array(["a", "b", "c"])))
    assert "damaged" in refusal(path)


def test_size_caps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path)
    monkeypatch.setattr(delta_npz, "MAX_BYTES", 500)
    assert "over the limit of 64 arrays and 500 bytes; split it" in refusal(path)
    monkeypatch.undo()
    np.savez(path, **arrays(), **{f"extra{i}": np.zeros(1) for i in range(64)})
    assert "68 arrays" in refusal(path)


def test_zip_bomb_is_refused_by_its_declared_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    zeros = bytes(1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("junk.npy", "w") as junk:
        for _ in range(delta_npz.MAX_BYTES // len(zeros) + 1):
            junk.write(zeros)
    assert path.stat().st_size < 1 << 20
    assert "over the limit" in refusal(path)


def test_optional_arrays_are_left_out(tmp_path: Path) -> None:
    path = save(tmp_path, frame=None)
    assert set(read_npz(path, ("sfreq",), optional=("frame", "channels"))) == {"sfreq", "channels"}


def test_needs_numpy_only() -> None:
    script = (
        "import sys, neurograsp.edge_runtime.sources.delta_npz\n"
        "heavy = {'scipy', 'mne', 'tensorflow', 'matplotlib', 'brainflow'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
