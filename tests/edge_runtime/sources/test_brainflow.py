"""The real BrainFlow: its playback board, its synthetic board, its names."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from toys import toy_signal

from neurograsp.edge_runtime.contract.errors import ConfigError, SourceError
from neurograsp.edge_runtime.sources.base import Block, Source
from neurograsp.edge_runtime.sources.brainflow_board import (
    BrainFlowSource,
    PlaybackSource,
    board_id_of,
    rows_of,
)
from neurograsp.edge_runtime.sources.brainflow_library import load_brainflow
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.edge_runtime.sources.fit import to_counts

pytest.importorskip("brainflow")


def frames(
    n_frames: int, n_channels: int, rate_hz: float = 250.0, index: npt.NDArray[np.int64] | None = None
) -> DeltaFrames:
    rng = np.random.default_rng(0)
    counts = rng.integers(-(2**23), 2**23, (n_frames, n_channels)).astype(np.int32)
    counts[0], counts[1] = -(2**23), 2**23 - 1
    if index is None:
        index = np.arange(n_frames, dtype=np.int64)
    channels = tuple(f"C{i}" for i in range(n_channels))
    return DeltaFrames(counts, index, rate_hz, channels, toy_signal().lsb_uv, "recording.npz")


def drain(source: Source, patience_s: float = 20.0) -> Block:
    """Everything up to the end of the recording."""
    blocks, end = [], time.monotonic() + patience_s
    while not source.finished():
        assert time.monotonic() < end, "the recording does not end"
        blocks.append(source.read())
        time.sleep(0.002)
    return Block(
        np.concatenate([block.counts for block in blocks]),
        np.concatenate([block.frame_index for block in blocks]),
    )


@pytest.mark.parametrize("n_channels", [3, 32, 64])
def test_playback_gives_every_count_and_frame_number(n_channels: int) -> None:
    """At high speed, with gaps in the frame numbers that no time is spent in."""
    index = np.r_[7:500, 10_000:10_400, 3_000_000:3_000_107].astype(np.int64)
    recording = frames(1000, n_channels, index=index)
    source = PlaybackSource(recording, toy_signal(n_channels=n_channels), speed=50.0)
    try:
        begin = time.monotonic()
        source.start()
        got = drain(source)
        assert time.monotonic() - begin < 4.0
    finally:
        source.stop()
        source.stop()
    assert got.counts.dtype == np.int32
    assert np.array_equal(got.counts, recording.counts)
    assert np.array_equal(got.frame_index, index)


def test_playback_takes_the_channels_of_the_bundle_by_name() -> None:
    recording = frames(500, 40)
    source = PlaybackSource(
        recording, replace(toy_signal(n_channels=3), channels=("C39", "c0", "C7")), speed=50
    )
    try:
        source.start()
        assert np.array_equal(drain(source).counts, recording.counts[:, [39, 0, 7]])
    finally:
        source.stop()


def test_playback_keeps_real_time() -> None:
    source = PlaybackSource(frames(250, 2), toy_signal())
    try:
        source.start()
        begin = time.monotonic()
        drain(source)
        assert 0.9 < time.monotonic() - begin < 2.0
    finally:
        source.stop()


def test_playback_cleans_up() -> None:
    source = PlaybackSource(frames(10, 2), toy_signal())
    folder = Path(source._folder.name)
    assert (folder / "recording.tsv").is_file()
    source.stop()
    assert not folder.exists()


def test_a_recording_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^recording\.npz: 500 Hz, but the bundle was trained at 250 Hz$"):
        PlaybackSource(frames(10, 2, rate_hz=500.0), toy_signal())
    with pytest.raises(ConfigError, match="no channel 'C2'"):
        PlaybackSource(frames(10, 2), toy_signal(n_channels=3))
    without_unit = replace(toy_signal(), lsb_uv=None)
    with pytest.raises(
        ConfigError, match="counts of 1 uV, but the bundle was trained on counts without a unit"
    ):
        PlaybackSource(frames(10, 2), without_unit)
    with pytest.raises(ConfigError, match="at most 128 channels"):
        PlaybackSource(frames(10, 129), toy_signal(n_channels=3))


def test_a_live_board_delivers_counts_with_rising_numbers() -> None:
    """BrainFlow's synthetic board is a board like any other: 16 electrodes, 250 Hz, one byte of counter."""
    spec = replace(toy_signal(n_channels=16), lsb_uv=0.25)
    source = BrainFlowSource("synthetic", "", spec)
    try:
        source.start()
        blocks, end = [], time.monotonic() + 1.5
        while time.monotonic() < end:
            blocks.append(source.read())
            time.sleep(0.02)
    finally:
        source.stop()
    index = np.concatenate([block.frame_index for block in blocks])
    counts = np.concatenate([block.counts for block in blocks])
    assert 250 < len(index) < 450
    assert set(np.diff(index)) == {1}
    assert counts.dtype == np.int32
    assert counts.shape == (len(index), 16)
    assert (counts.std(axis=0) > 1).all()


def test_a_live_board_must_fit_the_bundle() -> None:
    with pytest.raises(ConfigError, match="16 channels at 250 Hz, but the bundle was trained on 2 channels"):
        BrainFlowSource("synthetic", "", toy_signal())
    with pytest.raises(ConfigError, match="at 500 Hz"):
        BrainFlowSource("synthetic", "", toy_signal(n_channels=16, rate_hz=500.0))
    without_unit = replace(toy_signal(n_channels=16), lsb_uv=None)
    with pytest.raises(ConfigError, match="unknown unit"):
        BrainFlowSource("synthetic", "", without_unit)


def test_rows_of_a_board_by_name_or_as_they_come() -> None:
    named = {"eeg_channels": [1, 2, 4], "eeg_names": "Fp1,C3, Cz"}
    assert rows_of(named, ("cz", "Fp1")) == [4, 1]
    assert rows_of(named, ("A", "B", "C")) == [1, 2, 4]
    assert rows_of(named, ("Cz", "P4")) is None
    unnamed = {"emg_channels": [3, 5]}
    assert rows_of(unnamed, ("flexor", "extensor")) == [3, 5]
    assert rows_of(unnamed, ("flexor",)) is None
    source = BrainFlowSource("synthetic", "", replace(toy_signal(n_channels=2), channels=("C4", "C3")))
    assert source._rows == [4, 2]


@pytest.mark.parametrize("name", ["playback-file", "streaming", "no"])
def test_what_is_no_board_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^board {name}: .*playback:FILE") as caught:
        BrainFlowSource(name, "", toy_signal())
    assert "\n" not in str(caught.value)


class Numbered:
    """A board whose frames carry these counter values, a second in each read."""

    def __init__(self, n_rows: int, counter_row: int, numbers: npt.NDArray[np.int64]) -> None:
        self._parts = list(np.array_split(numbers, len(numbers) // 250))
        self._shape, self._row = n_rows, counter_row

    def read(self) -> npt.NDArray[np.float64]:
        part = self._parts.pop(0)
        data = np.zeros((self._shape, len(part)))
        data[self._row] = part
        return data


@pytest.mark.parametrize(
    ("numbers", "n_warnings"),
    [
        (np.arange(2000) % 256, 0),
        (np.arange(2000) % 200, 0),
        (np.delete(np.arange(2000), np.s_[300:1000:9]) % 256, 0),
        (2 * np.arange(2000) % 256, 1),
        (np.zeros(2000, np.int64), 1),
    ],
    ids=["as expected", "wraps elsewhere", "some losses", "by two", "does not count"],
)
def test_a_counter_that_is_not_understood_is_said_once(
    numbers: npt.NDArray[np.int64], n_warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    source = BrainFlowSource("synthetic", "", toy_signal(n_channels=16))
    source._board = Numbered(40, source._counter_row, numbers)  # type: ignore[assignment]
    for _ in range(7):
        source.read()
    found = [
        record.getMessage() for record in caplog.records if "may not be understood" in record.getMessage()
    ]
    assert len(found) == n_warnings


def test_a_port_that_is_not_there_is_a_source_error() -> None:
    spec = toy_signal(n_channels=8)
    source = BrainFlowSource("cyton", "/dev/not-there", spec)
    with pytest.raises(SourceError, match=r"^port /dev/not-there: not there; `neurograsp ports`"):
        source.start()
    source.stop()


def test_board_names() -> None:
    brainflow = load_brainflow()
    for name in ("FREEEEG32_BOARD", "freeeeg32", "FreeEEG32"):
        assert board_id_of(name, brainflow) == brainflow.BoardIds.FREEEEG32_BOARD.value
    assert board_id_of("playback-file", brainflow) == brainflow.BoardIds.PLAYBACK_FILE_BOARD.value
    with pytest.raises(ConfigError, match="did you mean 'FREEEEG32_BOARD'"):
        board_id_of("freeeg32", brainflow)
    with pytest.raises(ConfigError, match="did you mean 'CYTON_BOARD'"):
        board_id_of("cytn", brainflow)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    microvolts = np.zeros((3, 5))
    microvolts[1, 2] = value
    with pytest.raises(SourceError, match="channel 1 delivers values that are no numbers"):
        to_counts(microvolts, 1.0)


def test_microvolts_are_rounded_and_limited() -> None:
    microvolts = np.array([[0.1, 0.26, -0.13, 1e12, -1e12]])
    assert to_counts(microvolts, 0.25)[:, 0].tolist() == [0, 1, -1, 2**31 - 1, -(2**31)]
