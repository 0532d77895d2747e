"""WAY-EEG-GAL series as they were published: events on their frames, one line for whatever is wrong."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from refusals import refusal

from neurograsp.train.datasets import gal_mat, mat_file, open_recordings

RATE_HZ, N_FRAMES = 500, 8000
CHANNELS = ("Fp1", "C3", "PO10")
# The first columns of the published table, and what is of use of the others, in its order.
COLUMNS = (
    *("Part", "Run", "Lift", "CurW", "CurS", "PrevW", "PrevS", "StartTime", "LEDOn", "LEDOff", "BlockType"),
    *(
        "tFirstDigitTouch",
        "tBothStartLoadPhase",
        "tLiftOff",
        "tReplace",
        "tBothReleased",
        "GF_Max",
        "tHandStart",
    ),
)
LIFTS = (
    {"Run": 1, "StartTime": 3.0, "tHandStart": 2.4, "tFirstDigitTouch": 3.0, "tBothStartLoadPhase": 3.1},
    {"Run": 2, "StartTime": 2.0, "tHandStart": 2.5, "tFirstDigitTouch": 3.25, "tBothStartLoadPhase": 3.334},
    {"Run": 2, "StartTime": 9.0, "tHandStart": 2.1, "tFirstDigitTouch": 2.9, "tBothStartLoadPhase": np.nan},
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def cells(names: tuple[str, ...]) -> Any:
    return np.array(names, dtype=object)


def signal(scale: float = 1.0) -> Any:
    """Double, as MATLAB stores numbers unless told otherwise."""
    return np.random.default_rng(3).integers(-3000, 3000, (N_FRAMES, len(CHANNELS))).astype(float) * scale


def table(**changes: Any) -> Any:
    later = {"tLiftOff": 3.5, "tReplace": 6.0, "tBothReleased": 6.25, "LEDOn": 2.0}
    return np.array([[{**later, **one, **changes}.get(name, 0.0) for name in COLUMNS] for one in LIFTS])


def series(**changes: Any) -> dict[str, Any]:
    """A struct `hs`, with the other modalities."""
    eeg = {"names": cells(CHANNELS)[None], "sig": signal(), "samplingrate": RATE_HZ, **changes}
    emg = {"names": cells(("AD", "BR"))[None], "sig": np.zeros((8 * N_FRAMES, 2)), "samplingrate": 4000}
    kin = {
        "names": cells(("Px1 - position x sensor 1",))[None],
        "sig": np.zeros((N_FRAMES, 1)),
        "samplingrate": 500,
    }
    return {"name": "AB", "participant": 3, "series": 2, "emg": emg, "eeg": eeg, "kin": kin}


def write(folder: Path, hs: Any = None, lifts: Any = None, names: Any = None, **options: Any) -> Path:
    path = folder / "HS_P3_S2.mat"
    scipy.io.savemat(path, {"hs": series() if hs is None else hs}, do_compression=True, **options)
    named = cells(COLUMNS)[:, None] if names is None else names
    content = {"P": {"AllLifts": table() if lifts is None else lifts, "ColNames": named}}
    scipy.io.savemat(folder / "P3_AllLifts.mat", content, do_compression=True)
    return path


def stretches(one: Any) -> list[tuple[str, int, int]]:
    labels = one.labels
    rows = zip(labels.code.tolist(), labels.start.tolist(), labels.stop.tolist())
    return [(labels.names[code], start, stop) for code, start, stop in rows]


def test_integers_unit_and_events_on_the_series_clock(tmp_path: Path) -> None:
    (one,) = open_recordings(write(tmp_path))
    assert np.array_equal(one.counts, signal())
    assert (one.rate_hz, one.lsb_uv, one.channels) == (500.0, 0.1, CHANNELS)
    assert (one.subject, one.session) == ("3", "2")
    assert one.labels.names == gal_mat.EVENTS
    # Cue at 2 s and at 9 s of the series; a time of 2.5 s is half a second after the cue.
    assert stretches(one) == [
        ("HandStart", 1175, 1325),
        ("FirstDigitTouch", 1550, 1700),
        ("BothStartLoadPhase", 1592, 1742),
        ("LiftOff", 1675, 1825),
        ("Replace", 2925, 3075),
        ("BothReleased", 3050, 3200),
        ("HandStart", 4475, 4625),
        ("FirstDigitTouch", 4875, 5025),
        ("LiftOff", 5175, 5325),
        ("Replace", 6425, 6575),
        ("BothReleased", 6550, 6700),
    ]


def test_the_events_are_those_of_the_other_editions(examples: Path) -> None:
    (windows,) = open_recordings(examples / "way-eeg-gal-windows", 1, 7)
    assert windows.labels.names == gal_mat.EVENTS


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_however_the_integers_are_stored(tmp_path: Path, dtype: Any) -> None:
    (one,) = open_recordings(write(tmp_path, series(sig=signal().astype(dtype))))
    assert np.array_equal(one.counts, signal())


def test_numbers_that_are_no_integers_become_hundredths_of_a_microvolt(tmp_path: Path) -> None:
    (one,) = open_recordings(write(tmp_path, series(sig=signal(0.2))))
    assert one.lsb_uv == 0.01
    assert np.array_equal(one.counts, signal(2.0))


def test_an_uncompressed_file_and_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path)
    scipy.io.savemat(path, {"other": np.zeros(3), "hs": series()})
    (first,) = open_recordings(path)
    monkeypatch.setattr(gal_mat, "_read", None)
    (second,) = open_recordings(path)
    for name in ("counts", "frame_index", "pieces", "channels", "lsb_uv"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert stretches(first) == stretches(second)


def test_a_folder_as_it_was_published(tmp_path: Path) -> None:
    write(tmp_path)
    for name in ("WS_P3_S2.mat", "HS_P3_ST.mat"):
        (tmp_path / name).write_bytes(b"not looked at")
    assert [(one.subject, one.session) for one in open_recordings(tmp_path)] == [("3", "2")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"hs": series(sig=np.full((9, 3), np.nan))}, "no number"),
        ({"hs": series(sig=np.full((9, 3), 1e12))}, "beyond 21 V"),
        ({"hs": series(sig="text")}, "hs.eeg.sig must be a table of numbers"),
        ({"hs": series(sig=np.zeros((0, 3)))}, "hs.eeg.sig must be a table of numbers"),
        ({"hs": series(names=np.arange(3))}, "hs.eeg.names must be a list of texts"),
        ({"hs": series(names=cells(("C3", "C3", "Cz"))[None])}, "must be distinct"),
        ({"hs": series(names=cells(("C3", "C4"))[None])}, "3 columns under 2 names"),
        ({"hs": series(samplingrate=np.nan)}, "samplingrate is nan Hz"),
        ({"hs": {"name": "AB"}}, "no eeg.sig in it"),
        ({"hs": 5}, "no eeg.sig in it"),
        ({"lifts": table(tLiftOff=40.0)}, "LiftOff at 40 s lies outside the 16 s recorded"),
        ({"lifts": table(StartTime=-5.0)}, "lies outside"),
        ({"lifts": table(Run=4)}, "no lift of series 2 in it"),
        ({"lifts": table()[:, :5]}, "5 columns under 18 names"),
        ({"names": cells(("x",) * len(COLUMNS))}, "missing: Run, StartTime, LEDOn, tHandStart"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: dict[str, Any], expected: str) -> None:
    path = write(tmp_path, **content)
    blamed = path if "hs" in content else tmp_path / "P3_AllLifts.mat"
    assert expected in refusal(path, blamed)


def test_files_that_are_missing_or_none(tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    for content in (b"", b"x" * 500, whole[:100], whole[:130], whole[:-9], whole[: len(whole) // 2]):
        path.write_bytes(content)
        refusal(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512))
    assert "MATLAB 7.3 (HDF5) is not read; load it in MATLAB and save it with -v7" in refusal(path)
    path.write_bytes(whole[:128])
    assert "no variable 'hs'" in refusal(path)
    (tmp_path / "P3_AllLifts.mat").unlink()
    assert "P3_AllLifts.mat is not beside it, which has the events" in refusal(path)


def test_what_unpacks_to_more_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path)
    header = path.read_bytes()[:128]
    monkeypatch.setattr(mat_file, "MAX_BYTES", 1 << 20)
    bomb = zlib.compress(struct.pack("<II", 14, 50 << 20) + bytes(50 << 20))
    path.write_bytes(header + struct.pack("<II", 15, len(bomb)) + bomb)
    assert "more than 1 MB" in refusal(path)
    inner = io.BytesIO()
    scipy.io.savemat(inner, {"hs": 1}, do_compression=True)
    nested = zlib.compress(inner.getvalue()[128:])
    path.write_bytes(header + struct.pack("<II", 15, len(nested)) + nested)
    assert "an element is not of the size it declares" in refusal(path)
