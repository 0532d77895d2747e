"""A session on a clock of the test's: labels by frames, and every way it can end."""

import errno
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sources import RATE_HZ, Clock, Counting, blocks

from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.recording import session
from neurograsp.edge_runtime.recording.bdf import BdfHeader, BdfWriter, CountScale
from neurograsp.edge_runtime.recording.recorder import Phase, Recorder
from neurograsp.edge_runtime.recording.schedule import Cue
from neurograsp.edge_runtime.recording.screen import PlainScreen
from neurograsp.train.datasets import Recording, open_recordings

SETTLE_S = 2.0
CUES = (Cue("rest", 130), Cue("grip", 200), Cue("rest", 150))
FIRST = round(SETTLE_S * RATE_HZ) + 1
"""Value of the first frame that is kept: the tick that ends the settling takes one more."""


class Played:
    """A session that ran, however it ended."""

    def __init__(self, path: Path, source: Counting, clock: Clock, **options: Any) -> None:
        self.path, self.lines = path, io.StringIO()
        self.recorder = Recorder(CUES, RATE_HZ, SETTLE_S, limit=2**23 - 1)
        self.error: BaseException | None = None
        with path.open("xb", buffering=0) as file:
            writer = BdfWriter(options.pop("file", file), header())
            try:
                session.play(
                    source,
                    self.recorder,
                    writer,
                    PlainScreen(self.lines, len(CUES)),
                    ("C3", "C4"),
                    options.pop("interrupted", lambda: False),
                    clock,
                    clock.sleep,
                )
            except (SourceError, KeyboardInterrupt, OSError) as error:
                self.error = error

    def read(self) -> Recording:
        (recording,) = open_recordings(self.path)
        return recording

    def labels(self) -> list[tuple[str, int, int]]:
        labels = self.read().labels
        return [(labels.names[c], a, b) for c, a, b in zip(labels.code, labels.start, labels.stop)]


def header() -> BdfHeader:
    from datetime import datetime

    return BdfHeader("1", "1", "X", datetime(2026, 11, 26, 9, 30), ("C3", "C4"), RATE_HZ, CountScale.of(0.5))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "subj1_session1.bdf"


def test_labels_are_the_frames_that_came_while_the_cue_was_up(path: Path) -> None:
    clock = Clock()
    played = Played(path, Counting(clock), clock)
    assert played.error is None
    assert played.recorder.phase is Phase.DONE
    recording = played.read()
    assert (recording.subject, recording.session, recording.lsb_uv) == ("1", "1", 0.5)
    assert recording.pieces.tolist() == [[0, 480]]
    first = int(recording.counts[0, 0])
    assert recording.counts[:, 0].tolist() == list(range(first, first + 480))
    assert recording.counts[:, 1].tolist() == list(range(first + 1000, first + 1480))
    assert played.labels() == [("rest", 0, 130), ("grip", 130, 330), ("rest", 330, 480)]
    assert [line.split()[1] for line in played.lines.getvalue().splitlines()] == [
        "settling,",
        "rest",
        "grip",
        "rest",
    ]


def test_a_late_look_at_the_frames_moves_cue_and_label_together(path: Path) -> None:
    """Blocks of 37: a cue changes at the end of a block, and its label where it changed."""
    recorder = Recorder(CUES, RATE_HZ, 0.0, limit=10**6)
    up, stretches, n = [], [], 0
    for block in blocks(list(range(700)), 37):
        piece = recorder.push(block)
        stretches += piece.stretches
        n += len(piece.counts)
        up.append((n, recorder.cue.label))
    assert [(one.start, one.stop) for one in stretches] == [(0, 148), (148, 370), (370, 555)]
    assert next(at for at, label in up if label == "grip") == stretches[1].start
    assert n == 555


def test_lost_frames_are_a_gap_and_the_counter_jumps(path: Path) -> None:
    clock = Clock()
    played = Played(path, Counting(clock, lost=range(350, 360)), clock)
    recording = played.read()
    first = int(recording.counts[0, 0])
    assert played.recorder.stream.n_lost == 10
    at = 350 - first
    assert recording.pieces.tolist() == [[0, at], [at, len(recording.counts)]]
    assert recording.frame_index[at] - recording.frame_index[at - 1] == 11
    assert (recording.counts[:, 0] - first).tolist() == recording.frame_index.tolist()
    grip = next(one for one in played.labels() if one[0] == "grip")
    assert recording.frame_index[grip[2]] - recording.frame_index[grip[1]] == 200


@pytest.mark.parametrize(("at_s", "up"), [(4.0, "grip"), (5.37, "rest")])
def test_an_interruption_keeps_every_frame_and_label(path: Path, at_s: float, up: str) -> None:
    clock = Clock()
    played = Played(path, Counting(clock), clock, interrupted=lambda: clock() > at_s)
    assert isinstance(played.error, KeyboardInterrupt)
    recording = played.read()
    assert len(recording.counts) == played.recorder.stream.n_frames == played.labels()[-1][2]
    assert recording.pieces.tolist() == [[0, len(recording.counts)]]
    assert played.labels()[-1][0] == up


def test_a_board_that_fails_keeps_what_came_before(path: Path) -> None:
    def fail() -> None:
        raise SourceError("unplugged")

    clock = Clock()
    played = Played(path, Counting(clock, fails_at=4.5, fail=fail), clock)
    assert str(played.error) == "unplugged"
    assert len(played.read().counts) == played.recorder.stream.n_frames > 200


@pytest.mark.parametrize(
    ("ends_at", "lost", "words"),
    [
        (None, range(10_000), "no frame for 5 s"),
        (None, range(400, 10_000), "no frame for 2 s"),
        (400, range(0), "ended before the session did"),
    ],
)
def test_a_source_that_stops(path: Path, ends_at: int | None, lost: range, words: str) -> None:
    clock = Clock()
    played = Played(path, Counting(clock, lost=lost, ends_at=ends_at), clock)
    assert words in str(played.error)
    if lost == range(10_000):
        assert path.read_bytes() == b""
    else:
        assert len(played.read().counts) == played.recorder.stream.n_frames


def test_a_counter_that_is_not_understood_is_refused_before_the_first_cue() -> None:
    recorder = Recorder(CUES, RATE_HZ, SETTLE_S, limit=10**6)
    with pytest.raises(SourceError, match="counter is not understood"):
        for block in blocks(list(range(0, 900, 3)), 10):
            recorder.push(block)


class Full(io.FileIO):
    """A disk with room for so many bytes."""

    room = 0

    def write(self, data: Any) -> int:
        end = self.tell() + len(data)
        if end <= self.room:
            return super().write(data)
        if self.tell() < self.room:
            return super().write(bytes(data)[: self.room - self.tell()])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("spare", [-1, 0, 1, 400, 839])
def test_a_full_disk_keeps_the_whole_seconds(path: Path, tmp_path: Path, spare: int) -> None:
    clock = Clock()
    target = tmp_path / "full" / path.name
    target.parent.mkdir()
    disk = Full(target, "xb")
    disk.room = header().n_bytes(3) + spare
    played = Played(path, Counting(clock), clock, file=disk)
    disk.close()
    assert isinstance(played.error, OSError)
    assert played.error.errno == errno.ENOSPC
    (recording,) = open_recordings(target)
    assert len(recording.counts) == (300 if spare >= 0 else 200)
    assert np.all(np.diff(recording.counts[:, 0]) == 1)


def test_the_file_is_whole_after_every_second(path: Path) -> None:
    """As after a power cut: nothing has to be closed."""
    clock = Clock()
    seen = []

    def look() -> bool:
        if path.stat().st_size:
            (recording,) = open_recordings(path)
            seen.append(len(recording.counts))
        return False

    Played(path, Counting(clock), clock, interrupted=look)
    assert sorted(set(seen)) == [100, 200, 300, 400]
