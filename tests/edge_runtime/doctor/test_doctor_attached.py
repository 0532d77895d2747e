"""The checks of what is plugged in, on a source with a clock of its own."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from toys import toy_signal

from neurograsp.edge_runtime.cli.doctor import attached
from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.sources.base import Block

RATE_HZ = 250.0


class Amplifier:
    """Frames at a rate from a second on; the counter leaves out or repeats what it is told to."""

    description = "amplifier"

    def __init__(self, rate_hz: float = RATE_HZ, lost: set[int] = frozenset(), until_s: float = 99.0) -> None:  # type: ignore[assignment]
        self.now_s = 0.0
        self.stopped = False
        self._rate_hz, self._lost, self._until_s = rate_hz, lost, until_s
        self._sent = 0

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def start(self) -> None: ...

    def read(self) -> Block:
        due = int(max(0.0, min(self.now_s, self._until_s) - 1.0) * self._rate_hz)
        index = [number for number in range(self._sent, due) if number not in self._lost]
        self._sent = max(due, self._sent)
        return Block(np.zeros((len(index), 2), np.int32), np.array(index, np.int64))

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        self.stopped = True


def watch(amplifier: Amplifier) -> attached.Stream:
    stream = attached.watch(amplifier, amplifier.clock, amplifier.sleep)
    assert amplifier.stopped
    return stream


def test_rate() -> None:
    stream = watch(Amplifier())
    assert stream.rate_hz == pytest.approx(RATE_HZ, rel=0.02)
    assert (stream.gaps, stream.missing) == (0, 0)
    assert attached.describe("amplifier", stream, RATE_HZ).level == "ok"


def test_gaps_are_counted_with_their_frames() -> None:
    row = attached.describe("amplifier", watch(Amplifier(lost={100, 101, 102, 200})), RATE_HZ)
    assert row.level == "warn"
    assert "2 gaps, 4 frames missing" in row.what


@pytest.mark.parametrize(("rate_hz", "level"), [(240.0, "ok"), (230.0, "warn"), (270.0, "warn")])
def test_another_rate(rate_hz: float, level: str) -> None:
    assert attached.describe("amplifier", watch(Amplifier(rate_hz)), RATE_HZ).level == level


def test_silence() -> None:
    silent = Amplifier(until_s=0.0)
    row = attached.describe("amplifier", watch(silent), RATE_HZ)
    assert row.level == "fail"
    assert silent.now_s == pytest.approx(attached.FIRST_FRAME_S, abs=0.1)


def test_a_source_that_is_lost_is_released() -> None:
    amplifier = Amplifier()
    reads: Iterator[int] = count()

    def read() -> Block:
        if next(reads) > 60:
            raise SourceError("unplugged")
        return Amplifier.read(amplifier)

    amplifier.read = read  # type: ignore[method-assign]
    with pytest.raises(SourceError):
        watch(amplifier)
    assert amplifier.stopped


def test_brainflows_synthetic_board() -> None:
    pytest.importorskip("brainflow")
    row = attached.check_source("board:synthetic", None)
    assert row.level == "ok", row
    assert "frames a second, no gaps" in row.what


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("board:sinthetic", "SYNTHETIC_BOARD"),
        ("board:cyton:/dev/not-there", "not there"),
    ],
)
def test_a_board_that_is_not_there(text: str, words: str) -> None:
    pytest.importorskip("brainflow")
    row = attached.check_source(text, None)
    assert row.level == "fail"
    assert words in row.what


def test_a_board_of_another_kind_than_the_bundle() -> None:
    pytest.importorskip("brainflow")
    row = attached.check_source("board:synthetic", toy_signal())
    assert row.level == "fail"
    assert "2 channels" in row.what


def test_ports(tmp_path: Path) -> None:
    assert attached.ports([]).level == "ok"
    assert attached.ports(["/dev/null"]).what.endswith("/dev/null")
    row = attached.ports(["/dev/null", str(tmp_path / "not-there")])
    assert row.level == "warn"
    assert "not-there" in row.what
    assert "dialout" in row.fix
