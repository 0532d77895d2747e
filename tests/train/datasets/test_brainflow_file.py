"""A real recording of BrainFlow's synthetic board: microvolts, markers, gaps; one line for what is wrong."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal

from neurograsp.edge_runtime.sources.brainflow_library import load_brainflow
from neurograsp.train.datasets import Recording, brainflow_file, open_recordings

MARKERS = (1.0, 2.5, 9.0)
COUNTER, STAMP, MARKER = 0, 30, 31


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, bytes, bytes]:
    """What the board gave (32, n), as `write_file` wrote it, and as its streamer did."""
    pytest.importorskip("brainflow")
    brainflow = load_brainflow()
    from brainflow.data_filter import DataFilter

    folder = tmp_path_factory.mktemp("brainflow")
    board = brainflow.BoardShim(brainflow.BoardIds.SYNTHETIC_BOARD, brainflow.BrainFlowInputParams())
    board.prepare_session()
    board.start_stream(45_000, f"file://{folder / 'streamed.csv'}:w")
    try:
        for number, marker in enumerate(MARKERS, 1):
            while board.get_board_data_count() < 40 * number:
                time.sleep(0.002)
            board.insert_marker(marker)
        while board.get_board_data_count() < 200:
            time.sleep(0.002)
        board.stop_stream()
        data = board.get_board_data()
    finally:
        board.release_session()
    DataFilter.write_file(data, str(folder / "written.csv"), "w")
    return data, (folder / "written.csv").read_bytes(), (folder / "streamed.csv").read_bytes()


def describe(folder: Path, content: bytes, name: str = "sub-P1_day2", **description: Any) -> Path:
    (folder / f"{name}.csv").write_bytes(content)
    path = folder / f"{name}.brainflow.json"
    path.write_text(json.dumps({"board": "synthetic", **description}))
    return path


def stretches(one: Recording) -> list[tuple[int, int, str]]:
    labels = one.labels
    rows = zip(labels.start.tolist(), labels.stop.tolist(), labels.code.tolist())
    return [(start, stop, labels.names[code]) for start, stop, code in rows]


def altered(data: Any, rows: Any = None, **columns: Any) -> bytes:
    """The file with other numbers in some columns, and only some of its rows."""
    table = data.T.copy()
    for name, values in columns.items():
        table[:, int(name.removeprefix("column"))] = values
    lines = ["\t".join(f"{value:.6f}" for value in row) for row in (table if rows is None else table[rows])]
    return "".join(f"{line}\n" for line in lines).encode()


def test_what_the_board_gave(tmp_path: Path, recorded: tuple[Any, bytes, bytes]) -> None:
    data, written, streamed = recorded
    for name, content in (("written", written), ("streamed", streamed)):
        path = describe(tmp_path, content, f"sub-P1_{name}", labels={"1": "rest", "2.5": "fist", "9": ""})
        (one,) = open_recordings(path)
        assert (one.subject, one.session) == ("P1", name)
        assert (one.rate_hz, one.lsb_uv) == (250.0, 0.01)
        assert one.channels[:3] == ("Fz", "C3", "Cz")
        assert np.array_equal(one.counts, np.rint(np.round(data[1:17].T, 6) * 100))
        assert one.pieces.tolist() == [[0, data.shape[1]]]
        rows = np.flatnonzero(data[MARKER]).tolist()
        assert stretches(one) == [(rows[0], rows[1], "rest"), (rows[1], rows[2], "fist")]


def test_markers_without_a_name_and_named_channels(
    tmp_path: Path, recorded: tuple[Any, bytes, bytes]
) -> None:
    names = [f"X{i}" for i in range(16)]
    (one,) = open_recordings(describe(tmp_path, recorded[1], channels=names))
    assert one.labels.names == ("1", "2.5", "9")
    assert one.labels.stop.tolist()[-1] == len(one.counts)
    assert list(one.channels) == names


def test_lost_repeated_and_late_frames(tmp_path: Path, recorded: tuple[Any, bytes, bytes]) -> None:
    data, written, _ = recorded
    (whole,) = open_recordings(describe(tmp_path, written))
    order = [*range(50), *range(60, 100), 99, 98, *range(100, data.shape[1])]
    (one,) = open_recordings(describe(tmp_path, altered(data, order)))
    kept = [*range(50), *range(60, data.shape[1])]
    assert one.frame_index.tolist() == whole.frame_index[kept].tolist()
    assert np.array_equal(one.counts, whole.counts[kept])
    assert one.pieces.tolist() == [[0, 50], [50, len(kept)]]


def test_a_counter_that_counts_something_else(
    tmp_path: Path, recorded: tuple[Any, bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    data = recorded[0]
    stamps = 1e9 + np.arange(data.shape[1]) / 250 + np.where(np.arange(data.shape[1]) >= 70, 2.0, 0)
    content = altered(data, column0=0.0, column30=stamps)
    (one,) = open_recordings(describe(tmp_path, content))
    assert one.pieces.tolist() == [[0, 70], [70, data.shape[1]]]
    assert int(one.frame_index[70] - one.frame_index[69]) == 501
    assert "its frame counter is not understood; gaps are those of its time stamps" in caplog.text


def test_a_last_line_without_an_end(tmp_path: Path, recorded: tuple[Any, bytes, bytes]) -> None:
    data, written, _ = recorded
    (one,) = open_recordings(describe(tmp_path, written[:-100]))
    assert len(one.counts) == data.shape[1] - 1


def test_the_cache_knows_the_description_too(
    tmp_path: Path, recorded: tuple[Any, bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = describe(tmp_path, recorded[1], labels={"1": "rest"})
    first = open_recordings(path)[0].labels.names
    with monkeypatch.context() as patched:
        patched.setattr(brainflow_file, "_read", None)
        assert open_recordings(path)[0].labels.names == first
    path = describe(tmp_path, recorded[1], labels={"1": "another"})
    assert "another" in open_recordings(path)[0].labels.names


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ({"board": "synthetik"}, "board 'synthetik' is not one of BrainFlow's; did you mean"),
        ({"board": "cyton"}, "32 columns between tabs, but this board has 24; name the board"),
        ({"board": "playback_file"}, "BrainFlow gives it no columns of its own; name the amplifier"),
        ({"channels": ["C3"]}, "1 names of channels, but the board synthetic has 16 electrodes"),
        ({"channels": ["C3"] * 16}, "must be distinct"),
        ({"label": {}}, "unknown key 'label'; did you mean 'labels'?"),
        ({"labels": {"1": 5}}, "labels.1: expected a text"),
    ],
)
def test_descriptions_that_do_not_fit(
    tmp_path: Path, recorded: tuple[Any, bytes, bytes], description: dict[str, Any], expected: str
) -> None:
    path = describe(tmp_path, recorded[1], **description)
    blamed = path.with_name("sub-P1_day2.csv") if description == {"board": "cyton"} else path
    assert expected in refusal(path, blamed)


def test_files_that_are_missing_or_damaged(tmp_path: Path, recorded: tuple[Any, bytes, bytes]) -> None:
    data, written, _ = recorded
    path = describe(tmp_path, written)
    table = path.with_name("sub-P1_day2.csv")
    for content in (b"", b"\n", b"a\tb\n", written.replace(b"\t", b","), written.replace(b".", b"x", 1)):
        table.write_bytes(content)
        refusal(path, table)
    for column in (1, COUNTER, STAMP, MARKER):
        table.write_bytes(altered(data, **{f"column{column}": np.nan}))
        assert "no number" in refusal(path, table)
    path.write_bytes(b"[1")
    assert "not valid JSON" in refusal(path)
    path.write_bytes(b" " * 70_000)
    assert "it names a board and its markers" in refusal(path)
    path.write_bytes(b"[" * 50_000)
    refusal(path)
    path = describe(tmp_path, written)
    path.with_name("sub-P1_day2.tsv").write_bytes(written)
    assert "2 of sub-P1_day2.csv, sub-P1_day2.tsv, sub-P1_day2.txt beside it" in refusal(path)
