"""XDF: one signal, units, gaps, markers on another clock; one line for whatever is wrong."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from refusals import refusal
from xdf_writer import Xdf, chunk

from neurograsp.train.datasets import Recording, open_recordings, xdf, xdf_chunks

RATE_HZ, N_FRAMES, BEGIN_S = 250, 1000, 5000.0
STAMPS = BEGIN_S + np.arange(N_FRAMES) / RATE_HZ
MICROVOLTS = (("C3", "microvolts", "EEG"), ("Cz", "uV", "EEG"), ("trigger", "none", "STIM"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def values(n_frames: int = N_FRAMES, n_channels: int = 3) -> npt.NDArray[np.float64]:
    """Whole quarters, which float32 holds exactly."""
    return np.random.default_rng(5).integers(-4000, 4000, (n_frames, n_channels)) / 4


def stretches(one: Recording) -> list[tuple[int, int, str]]:
    labels = one.labels
    rows = zip(labels.start.tolist(), labels.stop.tolist(), labels.code.tolist())
    return [(start, stop, labels.names[code]) for start, stop, code in rows]


def test_a_session_of_labrecorder(tmp_path: Path) -> None:
    marks = [(BEGIN_S + 1, "rest"), (BEGIN_S + 2, "fist"), (BEGIN_S + 3, ""), (BEGIN_S + 3.5, "rest")]
    path = tmp_path / "sub-P7_ses-S001_task-Default_run-001_eeg.xdf"
    (one,) = open_recordings(Xdf().signal(values(), STAMPS, channels=MICROVOLTS).markers(marks).write(path))
    assert (one.subject, one.session) == ("P7", "ses-S001_task-Default_run-001")
    assert (one.rate_hz, one.lsb_uv, one.channels) == (250.0, 0.01, ("C3", "Cz"))
    assert np.array_equal(one.counts, values()[:, :2] * 100)
    assert one.frame_index.tolist() == list(range(N_FRAMES))
    assert stretches(one) == [(250, 500, "rest"), (500, 750, "fist"), (875, 1000, "rest")]


def test_markers_on_the_clock_of_another_computer(tmp_path: Path) -> None:
    marks = [(101.0, "rest"), (102.0, "fist")]
    file = Xdf().signal(values(), STAMPS).markers(marks, offsets=[BEGIN_S - 100] * 5)
    (one,) = open_recordings(file.write(tmp_path / "a.xdf"))
    assert stretches(one) == [(250, 500, "rest"), (500, 1000, "fist")]


def test_several_streams_of_markers_and_none(tmp_path: Path) -> None:
    file = Xdf().signal(values(), STAMPS)
    assert len(open_recordings(file.write(tmp_path / "none.xdf"))[0].labels) == 0
    file.markers([(BEGIN_S - 1, "early"), (BEGIN_S + 2, "grip"), (BEGIN_S + 9, "late")])
    file.markers([(BEGIN_S + 1, "left"), (BEGIN_S + 1.5, "right")], name="Side")
    (one,) = open_recordings(file.write(tmp_path / "two.xdf"))
    assert stretches(one) == [
        (0, 500, "early"),
        (250, 375, "left"),
        (375, 1000, "right"),
        (500, 1000, "grip"),
    ]


@pytest.mark.parametrize("lost", [63, 250, 5000])
def test_lost_frames_are_a_jump_of_the_counter(tmp_path: Path, lost: int) -> None:
    rng = np.random.default_rng(0)
    stamps = STAMPS + rng.uniform(0, 0.01, N_FRAMES) + np.where(np.arange(N_FRAMES) >= 400, lost / RATE_HZ, 0)
    (one,) = open_recordings(Xdf().signal(values(), stamps).write(tmp_path / "a.xdf"))
    assert one.pieces.tolist() == [[0, 400], [400, 1000]]
    assert int(one.frame_index[400] - one.frame_index[399]) == pytest.approx(lost + 1, abs=2)


def test_packets_in_bursts_are_no_gaps(tmp_path: Path) -> None:
    bursts = np.repeat(STAMPS[::25], 25)
    for number, file in enumerate(
        (Xdf().signal(values(), bursts), Xdf().signal(values(), STAMPS, every_stamp=False))
    ):
        (one,) = open_recordings(file.write(tmp_path / f"{number}.xdf"))
        assert one.pieces.tolist() == [[0, N_FRAMES]]


@pytest.mark.parametrize(
    ("form", "units", "factor", "lsb_uv"),
    [
        ("int16", None, 1, None),
        ("int32", None, 1, None),
        ("int16", "microvolts", 1, 1.0),
        ("int32", "nanovolts", 1, 1e-3),
        ("float32", None, 100, None),
        ("double64", "mV", 100_000, 0.01),
        ("double64", "furlongs", 100, None),
    ],
)
def test_units(tmp_path: Path, form: str, units: str | None, factor: int, lsb_uv: float | None) -> None:
    whole = np.rint(values())
    channels = [(name, units, "") for name in ("C3", "C4", "Cz")] if units else []
    (one,) = open_recordings(
        Xdf().signal(whole, STAMPS, form=form, channels=channels).write(tmp_path / "a.xdf")
    )
    assert np.array_equal(one.counts, whole * factor)
    assert one.lsb_uv == lsb_uv
    assert one.channels == (("C3", "C4", "Cz") if units else ("EEG1", "EEG2", "EEG3"))


def test_emg_where_there_is_no_eeg(tmp_path: Path) -> None:
    file = Xdf().signal(values(), STAMPS, kind="EMG").signal(values(), STAMPS, kind="Gaze")
    assert open_recordings(file.write(tmp_path / "a.xdf"))[0].channels == ("EMG1", "EMG2", "EMG3")


def test_the_second_reading_is_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Xdf().signal(values(), STAMPS).markers([(BEGIN_S, "a")]).write(tmp_path / "a.xdf")
    (first,) = open_recordings(path)
    monkeypatch.setattr(xdf, "_load", None)
    (second,) = open_recordings(path)
    assert np.array_equal(first.counts, second.counts)
    assert (stretches(first), first.lsb_uv) == (stretches(second), second.lsb_uv)


def signal(**options: Any) -> Xdf:
    content = options.pop("content", values())
    return Xdf().signal(content, options.pop("stamps", STAMPS), **options)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (Xdf(), "no stream of the type EEG or EMG among no stream at all"),
        (signal(kind="Gaze").markers([]), "among Amp (Gaze), Cues (Markers)"),
        (signal(name="A").signal(values(), STAMPS, name="B"), "2 streams of EEG (A, B); record or save one"),
        (signal(rate_hz=0), "Amp has no regular rate, but 0 Hz"),
        (signal(rate_hz=float("nan")), "no regular rate, but nan Hz"),
        (signal(content=values(0)), "the stream Amp is empty"),
        (signal(channels=MICROVOLTS[:2]), "2 descriptions for 3 channels"),
        (signal(channels=[("a", "uV", "ACC")] * 3), "no channel of the type EEG or EMG"),
        (signal(channels=[("a", "uV", "EEG")] * 3), "must be distinct"),
        (signal(channels=[("a", "uV", ""), ("b", "uV", ""), ("c", "", "")]), "channels of several units"),
        (signal(content=values() / 1e6), "which may be volts; name the unit"),
        (signal(content=values() * np.nan), "no number"),
        (signal(content=np.full((9, 3), 1e30), stamps=STAMPS[:9]), "beyond 21 V"),
        (signal(stamps=STAMPS[::-1]), "went backwards"),
        (signal(stamps=np.full(N_FRAMES, np.nan)), "went backwards"),
        (signal(stamps=np.linspace(0, 3, N_FRAMES)), "frames are 3.003 ms apart, announced are 250 Hz"),
        (signal().markers([(BEGIN_S + 9, "a"), (BEGIN_S + 10, "b")]), "all 2 markers lie outside the signal"),
        (signal().markers([(1.0, "a")]), "all 1 markers lie outside the signal"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, file: Xdf, expected: str) -> None:
    assert expected in refusal(file.write(tmp_path / "a.xdf"))


def test_files_that_are_no_xdf_or_cut_off(tmp_path: Path) -> None:
    whole = signal().markers([(BEGIN_S, "a")]).data
    path = tmp_path / "a.xdf"
    for content in (b"", b"XDF", b"RIFF" * 99, whole[:5], whole[:60], whole[:-1], whole[: len(whole) // 2]):
        path.write_bytes(content)
        assert "damaged or no XDF file" in refusal(path)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(3, b"\x01\0\0\0" + b"\x08" + b"\xff" * 8),
        chunk(3, b"\x07\0\0\0" + b"\x01\x01\0"),
        chunk(4, b"\x01\0\0\0" + bytes(8)),
        chunk(2, b"\x01\0\0\0<info/>"),
        chunk(2, b"\x09\0\0\0<!DOCTYPE a [<!ENTITY b 'c'>]><info>&b;</info>"),
        chunk(2, b"\x09\0\0\0<info>" + b"<a>" * 9),
        chunk(2, b"\x09\0\0\0<info><channel_count>9999999</channel_count></info>"),
        b"\x02\0\0",
        b"\x08" + b"\xff" * 8,
    ],
)
def test_chunks_that_lie(tmp_path: Path, extra: bytes) -> None:
    path = tmp_path / "a.xdf"
    path.write_bytes(signal().data + extra)
    assert "damaged or no XDF file" in refusal(path)


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xdf_chunks, "MAX_BYTES", 1000)
    assert "MB; record shorter sessions" in refusal(signal().write(tmp_path / "a.xdf"))


def test_what_pyxdf_repairs_is_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_recordings(signal(stamps=np.linspace(0, 4.1, N_FRAMES)).write(tmp_path / "a.xdf"))
    assert caplog.messages == []
    assert logging.getLogger("pyxdf").level == logging.NOTSET
