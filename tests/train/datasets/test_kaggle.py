"""Kaggle series: the same numbers as the competition's files, fast, and one line for whatever is wrong."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets import Recording, kaggle, open_recordings

DATA, EVENTS = "subj3_series2_data.csv", "subj3_series2_events.csv"
IDS = (0, 1, 2, 3, 7, 8, 9)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    folder = tmp_path / "series"
    folder.mkdir()
    rows = "".join(f"subj3_series2_{i},{10 * i},{-i}\n" for i in IDS)
    (folder / DATA).write_text(f"id,Fp1,C3\n{rows}")
    marks = {0: "1,0", 1: "1,1", 2: "0,1", 3: "0,1", 7: "0,1", 9: "1,0"}
    rows = "".join(f"subj3_series2_{i},{marks.get(i, '0,0')}\n" for i in IDS)
    (folder / EVENTS).write_text(f"id,HandStart,LiftOff\n{rows}")
    return folder


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_numbers_gaps_and_runs_of_labels(pair: Path) -> None:
    (one,) = open_recordings(pair)
    assert (one.subject, one.session, one.rate_hz, one.lsb_uv) == ("3", "2", 500.0, None)
    assert one.channels == ("Fp1", "C3")
    assert one.counts.tolist() == [[10 * i, -i] for i in IDS]
    assert one.frame_index.tolist() == list(IDS)
    assert one.pieces.tolist() == [[0, 4], [4, 7]]
    assert one.labels.names == ("HandStart", "LiftOff")
    # A run ends where frames are missing, though both sides are ones.
    runs = zip(one.labels.start.tolist(), one.labels.stop.tolist(), one.labels.code.tolist())
    assert list(runs) == [(0, 2, 0), (1, 4, 1), (4, 5, 1), (6, 7, 0)]


def test_the_competitions_file_is_what_the_windows_were_made_from(full_sets: Path) -> None:
    folder = full_sets / "way-eeg-gal-windows"
    (kaggle_one,) = open_recordings(folder / "kaggle-format-example")
    (windows,) = open_recordings(folder, 1, 1)
    for name in ("counts", "frame_index", "pieces"):
        assert np.array_equal(getattr(kaggle_one, name), getattr(windows, name)), name
    assert kaggle_one.channels == windows.channels
    assert kaggle_one.labels.names == windows.labels.names
    found = [
        {*zip(one.labels.start.tolist(), one.labels.stop.tolist(), one.labels.code.tolist())}
        for one in (kaggle_one, windows)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [DATA, EVENTS])
def test_compressed_files_and_line_ends(pair: Path, packed: str, line_end: str) -> None:
    (plain,) = open_recordings(pair)
    text = (pair / packed).read_text().replace("\n", line_end)
    (pair / f"{packed}.gz").write_bytes(gzip.compress(text.encode()))
    (pair / packed).unlink()
    (again,) = open_recordings(pair)
    assert np.array_equal(plain.counts, again.counts)
    assert np.array_equal(plain.labels.start, again.labels.start)


def test_the_second_reading_is_from_the_cache(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = open_recordings(pair)
    monkeypatch.setattr(kaggle, "_read_table", None)
    (second,) = open_recordings(pair)
    for name in ("counts", "frame_index", "pieces", "channels"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert np.array_equal(first.labels.code, second.labels.code)
    assert second.counts.dtype == np.int32


def test_a_changed_file_is_read_again(pair: Path) -> None:
    open_recordings(pair)
    replace(pair / DATA, "_7,70,", "_7,71,")
    assert open_recordings(pair)[0].counts[4, 0] == 71
    replace(pair / EVENTS, "_9,1,0", "_9,0,0")
    assert len(open_recordings(pair)[0].labels) == 3


@pytest.mark.parametrize("damage", ["empty", "short", "stamp", "missing", "no counts", "two rows of labels"])
def test_a_damaged_cache_is_no_matter(pair: Path, cache: Path, damage: str) -> None:
    (first,) = open_recordings(pair)
    (counts,) = cache.rglob("counts.npy")
    if damage == "empty":
        counts.write_bytes(b"")
    elif damage == "short":
        counts.write_bytes(counts.read_bytes()[:-4])
    elif damage == "stamp":
        counts.with_name("stamp.json").write_bytes(b"{")
    elif damage == "no counts":
        np.save(counts, np.zeros(0, np.int16))
    elif damage == "two rows of labels":
        np.save(counts.with_name("label_rows.npy"), np.zeros((2, 0), np.int64))
    else:
        counts.unlink()
    (again,) = open_recordings(pair)
    assert np.array_equal(first.counts, again.counts)


def test_without_room_for_a_cache_the_reading_goes_on(
    pair: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert len(open_recordings(pair)[0].counts) == len(IDS)
    (line,) = caplog.messages
    assert line.endswith(f"{DATA}: read, but not kept in the cache: No space left on device")
    assert not any(path.is_file() for path in cache.rglob("*"))
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert len(open_recordings(pair)[0].counts) == len(IDS)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "expanduser", lambda path: (_ for _ in ()).throw(RuntimeError("no home")))
    assert len(open_recordings(pair)[0].counts) == len(IDS)


@pytest.mark.parametrize(
    ("file", "old", "new", "text"),
    [
        (DATA, "_3,", "_2,", "its 7 ids are not the 7"),
        (EVENTS, "_9,1,0\n", "_9,1,0\nsubj3_series2_10,0,0\n", "its 8 ids are not the 7"),
        (DATA, "subj3_series2_8", "subj4_series2_8", "could not convert string 'subj4_series2_8'"),
        (DATA, ",70,", ",70.5,", "not a table of integers"),
        (DATA, ",70,", ",,", "not a table of integers"),
        (DATA, ",70,", ",", "not a table of integers"),
        (DATA, ",70,", ",99999999999,", "more than 32 bits"),
        (DATA, ",70,", f",{2**31},", "more than 32 bits"),
        (DATA, ",70,", f",{-(2**31) - 1},", "more than 32 bits"),
        (DATA, ",70,", f",{-(2**63)},", "more than 32 bits"),
        (DATA, ",70,", ",99999999999999999999,", "not a table of integers"),
        (DATA, "id,Fp1,C3", "id,Fp1,Fp1", "names of the columns, each once"),
        (DATA, "id,Fp1,C3", "id,Fp1,C3,C4", "3 columns under 4 names"),
        (DATA, "id,Fp1,C3\n", "", "the first line must be id and the names"),
        (DATA, "subj3_series2_0,", "0,", "an id is like subj1_series1_0, not '0,0,0"),
        (EVENTS, "_9,1,0", "_9,2,0", "HandStart in row 8 is 2, not 0 or 1"),
    ],
)
def test_what_is_wrong_is_named(pair: Path, file: str, old: str, new: str, text: str) -> None:
    replace(pair / file, old, new)
    assert text in refusal(pair)


@pytest.mark.parametrize("files", [(DATA,), (EVENTS,), (DATA, EVENTS)])
@pytest.mark.parametrize("other", ["subj1_series2_", "subj3_series12_"])
def test_ids_of_another_series_than_the_name(pair: Path, files: tuple[str, ...], other: str) -> None:
    for file in files:
        (pair / file).write_text((pair / file).read_text().replace("subj3_series2_", other))
    said = f"{files[0]}: its ids are of {other[:-1]}, its name is of subject 3, series 2"
    assert said in refusal(pair)


def test_the_ends_of_32_bits_are_kept(pair: Path) -> None:
    replace(pair / DATA, ",70,", f",{-(2**31)},")
    replace(pair / DATA, ",80,", f",{2**31 - 1},")
    assert open_recordings(pair)[0].counts[4:6, 0].tolist() == [-(2**31), 2**31 - 1]


def test_ids_that_are_twice_or_out_of_order(pair: Path) -> None:
    for file in (DATA, EVENTS):
        replace(pair / file, "subj3_series2_8,", "subj3_series2_7,")
    assert "data.csv: id 7 in row 7 is there twice or out of order" in refusal(pair)


def test_files_that_are_missing_or_no_table(pair: Path) -> None:
    for content in (b"", b"id", b"id,Fp1,C3\n", b"\x00" * 100, b"id,a\n" + b"," * 50):
        (pair / DATA).write_bytes(content)
        refusal(pair)
    (pair / EVENTS).unlink()
    assert "subj3_series2_events.csv is not beside it, which has the labels" in refusal(pair)


def test_a_truncated_archive_and_a_bomb(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress((pair / DATA).read_bytes())
    (pair / DATA).unlink()
    (pair / f"{DATA}.gz").write_bytes(packed[:-9])
    assert "cannot be read" in refusal(pair)
    monkeypatch.setattr(kaggle, "MAX_BYTES", 1000)
    (pair / f"{DATA}.gz").write_bytes(gzip.compress(bytes(10**6)))
    assert "MB; a series has about 25 MB" in refusal(pair)


@pytest.mark.parametrize("seed", range(300))
def test_whatever_the_bytes_a_recording_or_one_line(pair: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    path = pair / (DATA, EVENTS)[seed % 2]
    content = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(content)))
        kind = rng.integers(4)
        if kind == 0:
            content[at] = int(rng.integers(256))
        elif kind == 1:
            del content[at : at + int(rng.integers(1, 40))]
        elif kind == 2:
            content[at:at] = content[int(rng.integers(len(content))) :][:40]
        else:
            content[at:at] = bytes(rng.choice(list(b",\n\r-_.e+9\"'#"), 3).tolist())
    path.write_bytes(content)
    try:
        (found,) = open_recordings(pair)
    except RecordingError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(found, Recording)


def test_both_forms_of_one_series_are_refused(pair: Path) -> None:
    with (pair / DATA).open("rb") as plain, gzip.open(pair / f"{DATA}.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    assert "the same subject and session as" in refusal(pair)
