"""Formats that MNE reads, from real files: numbers to a hundredth of a microvolt, pauses, labels."""

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mne
import numpy as np
import numpy.typing as npt
import pytest
from refusals import refusal

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets import Recording, open_recordings

RATE_HZ, N_FRAMES = 200, 1000


def microvolts(n_channels: int = 3) -> npt.NDArray[np.float64]:
    """(n_channels, N_FRAMES) in whole tenths."""
    return np.random.default_rng(0).integers(-20_000, 20_000, (n_channels, N_FRAMES)) / 10


def brainvision(folder: Path, markers: list[tuple[str, str, int, int]]) -> Path:
    """Three channels of 16-bit integers, a tenth of a microvolt each; markers by position from 1."""
    counts = np.rint(microvolts() * 10).astype("<i2")
    (folder / "P7.eeg").write_bytes(counts.T.tobytes())
    lines = [f"Mk{i}={kind},{text},{at},{n},0" for i, (kind, text, at, n) in enumerate(markers, 1)]
    (folder / "P7.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        "DataFile=P7.eeg\n\n[Marker Infos]\n" + "\n".join(lines) + "\n"
    )
    channels = "\n".join(f"Ch{i}={name},,0.1,\u00b5V" for i, name in enumerate(("Fp1", "C3", "Cz"), 1))
    (folder / "P7.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        "DataFile=P7.eeg\nMarkerFile=P7.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\n"
        f"NumberOfChannels=3\nSamplingInterval={1_000_000 / RATE_HZ:.0f}\n\n"
        f"[Binary Infos]\nBinaryFormat=INT_16\n\n[Channel Infos]\n{channels}\n",
        encoding="utf-8",
    )
    return folder / "P7.vhdr"


def fif(path: Path, annotations: Any = None, **types: str) -> Path:
    """Channels Fp1, C3, Cz, of type EEG unless said otherwise, saved by MNE."""
    kinds = [types.get(name, "eeg") for name in ("Fp1", "C3", "Cz")]
    info = mne.create_info(["Fp1", "C3", "Cz"], RATE_HZ, kinds)
    info["subject_info"] = {"his_id": "P 7"}
    raw = mne.io.RawArray(microvolts() * 1e-6, info, verbose="ERROR")
    if annotations is not None:
        raw.set_annotations(annotations)
    raw.save(path, fmt="double", verbose="ERROR")
    return path


def gdf(path: Path) -> Path:
    """Version 1.25 by hand: two channels of 16-bit integers, an event each at rows 100 and 300."""
    counts = np.rint(microvolts(2) * 10).astype("<i2")
    header = b"GDF 1.25" + b"P7".ljust(80) + b"".ljust(80) + b"2026010112000000" + struct.pack("<q", 256 * 3)
    header += bytes(24 + 20) + struct.pack("<qIII", N_FRAMES // RATE_HZ, 1, 1, 2)
    names = b"".join(name.ljust(16) for name in (b"Fp1", b"C3"))
    ends = struct.pack("<dd", *(2 * (-3276.8,))) + struct.pack("<dd", *(2 * (3276.7,)))
    ends += struct.pack("<qq", *(2 * (-32768,))) + struct.pack("<qq", *(2 * (32767,)))
    signals = names + b" " * 160 + b"uV      " * 2 + ends + b" " * 160
    signals += struct.pack("<II", RATE_HZ, RATE_HZ) + struct.pack("<II", 3, 3) + bytes(64)
    records = counts.reshape(2, -1, RATE_HZ).transpose(1, 0, 2)
    events = (
        struct.pack("<B3sI", 1, bytes(3), 2) + struct.pack("<II", 101, 301) + struct.pack("<HH", 769, 770)
    )
    path.write_bytes(header + signals + records.tobytes() + events)
    return path


def stretches(one: Recording) -> list[tuple[int, int, str]]:
    labels = one.labels
    return [
        (int(start), int(stop), labels.names[code])
        for start, stop, code in zip(labels.start, labels.stop, labels.code)
    ]


def test_brainvision(tmp_path: Path) -> None:
    path = brainvision(
        tmp_path,
        [
            ("New Segment", "", 1, 1),
            ("Stimulus", "S  1", 101, 50),
            ("New Segment", "", 401, 1),
            ("Stimulus", "S  2", 501, 1),
        ],
    )
    (one,) = open_recordings(path)
    assert np.array_equal(one.counts, np.rint(microvolts() * 100).T)
    assert (one.lsb_uv, one.rate_hz, one.channels) == (0.01, 200.0, ("Fp1", "C3", "Cz"))
    assert (one.subject, one.session) == ("unknown", "P7")
    assert one.pieces.tolist() == [[0, 400], [400, 1000]]
    assert int(one.frame_index[400] - one.frame_index[399]) == 1 + RATE_HZ
    assert stretches(one) == [(100, 150, "Stimulus/S  1"), (500, 501, "Stimulus/S  2")]


def test_fif_with_pauses_and_bad_stretches(tmp_path: Path) -> None:
    notes = mne.Annotations(
        [0.5, 1.0, 2.0, 2.5, 3.0, 4.0],
        [0.25, 0.5, 0.0, 0.5, 0.0, 0.5],
        ["reach", "BAD_ACQ_SKIP", "EDGE boundary", "BAD muscle", "grip", "reach"],
    )
    (one,) = open_recordings(fif(tmp_path / "day1_raw.fif", notes))
    assert one.subject == "P-7"
    assert len(one.counts) == N_FRAMES - 100
    assert one.pieces.tolist() == [[0, 200], [200, 300], [300, 900]]
    assert one.frame_index[[199, 200, 299, 300]].tolist() == [199, 300, 399, 400 + RATE_HZ]
    assert np.array_equal(one.counts, np.delete(np.rint(microvolts() * 100).T, np.s_[200:300], axis=0))
    assert stretches(one) == [(100, 150, "reach"), (500, 501, "grip"), (700, 800, "reach")]


@pytest.mark.parametrize(
    ("name", "subject", "session"),
    [
        ("sub-01_ses-2train_eeg.fif", "1", "2train"),
        ("sub-A3_ses-1_task-grasp_run-2_eeg.fif", "A3", "1_task-grasp_run-2"),
        ("sub-4_task-rest_eeg.fif", "4", "task-rest"),
        ("sub-4_eeg.fif", "P-7", "sub-4_eeg"),
    ],
)
def test_names_of_bids_say_subject_and_session(tmp_path: Path, name: str, subject: str, session: str) -> None:
    (one,) = open_recordings(fif(tmp_path / name))
    assert (one.subject, one.session) == (subject, session)


def test_a_recording_that_was_cropped_keeps_its_labels(tmp_path: Path) -> None:
    """MNE then counts annotations from the start of the measurement, and samples from the first kept."""
    info = mne.create_info(3, RATE_HZ, "eeg")
    raw = mne.io.RawArray(microvolts() * 1e-6, info, verbose="ERROR")
    raw.set_meas_date(datetime(2026, 1, 1, tzinfo=UTC))
    raw.set_annotations(mne.Annotations([2.0], [0.5], ["reach"], orig_time=raw.info["meas_date"]))
    raw.crop(1.0).save(tmp_path / "a_raw.fif", verbose="ERROR")
    (one,) = open_recordings(tmp_path / "a_raw.fif")
    assert stretches(one) == [(200, 300, "reach")]


def test_triggers_stand_in_for_annotations(tmp_path: Path) -> None:
    info = mne.create_info(["C3", "STI"], RATE_HZ, ["eeg", "stim"])
    data = np.concatenate([microvolts(1) * 1e-6, np.zeros((1, N_FRAMES))])
    data[1, 100:110] = 5
    data[1, 300:310] = 7
    mne.io.RawArray(data, info, verbose="ERROR").save(tmp_path / "a_raw.fif", verbose="ERROR")
    (one,) = open_recordings(tmp_path / "a_raw.fif")
    assert one.channels == ("C3",)
    assert stretches(one) == [(100, 101, "5"), (300, 301, "7")]


def test_gdf(tmp_path: Path) -> None:
    (one,) = open_recordings(gdf(tmp_path / "a.gdf"))
    assert one.counts == pytest.approx(np.rint(microvolts(2) * 100).T, abs=1)
    assert one.channels == ("Fp1", "C3")
    assert stretches(one) == [(100, 101, "769"), (300, 301, "770")]


def test_channels_that_are_no_electrodes_are_left_out(tmp_path: Path) -> None:
    (one,) = open_recordings(fif(tmp_path / "a_raw.fif", Fp1="eog", Cz="emg"))
    assert one.channels == ("C3", "Cz")
    path = fif(tmp_path / "b_raw.fif", Fp1="eog", C3="ecg", Cz="misc")
    assert "no channel of the types eeg, emg, ecog, seeg, dbs among ecg, eog, misc" in refusal(path)


def test_damaged_files(tmp_path: Path) -> None:
    path = brainvision(tmp_path, [])
    (tmp_path / "P7.eeg").unlink()
    assert "MNE cannot read it" in refusal(path)
    path.write_bytes(b"\xff\xfe nothing")
    assert "MNE cannot read it" in refusal(path)
    whole = fif(tmp_path / "a_raw.fif").read_bytes()
    for n in (0, 100, len(whole) // 2):
        (tmp_path / "a_raw.fif").write_bytes(whole[:n])
        assert "MNE cannot read it" in refusal(tmp_path / "a_raw.fif")


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_header_says_a_recording_or_one_line(tmp_path: Path, seed: int) -> None:
    path = brainvision(tmp_path, [("Stimulus", "S  1", 101, 50)])
    rng = np.random.default_rng(seed)
    target = path.with_suffix((".vhdr", ".vmrk")[seed % 2])
    content = bytearray(target.read_bytes())
    for _ in range(3):
        content[int(rng.integers(60, len(content)))] = int(rng.choice(list(b"019,;=\n-.[]")))
    target.write_bytes(content)
    try:
        open_recordings(path)
    except RecordingError as error:
        assert "\n" not in str(error)
