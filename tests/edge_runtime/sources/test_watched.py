import numpy as np
import pytest

from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.watched import SILENT_S, START_S, WatchedSource

RATE_HZ = 100.0


class Amplifier:
    """A frame every 10 ms while it is plugged in, numbered from 0 at each start."""

    description = "amplifier"

    def __init__(self) -> None:
        self.now = 0.0
        self.plugged = True
        self.says_so = False
        self.opened: list[float] = []
        self.released = 0
        self._begin = 0.0
        self._sent = 0

    def start(self) -> None:
        if not self.plugged:
            raise SourceError("amplifier: not there")
        self.opened.append(self.now)
        self._begin, self._sent = self.now, 0

    def read(self) -> Block:
        if not self.plugged:
            if self.says_so:
                raise SourceError("amplifier: lost")
            return Block.empty(1)
        due = round((self.now - self._begin) * RATE_HZ)
        numbers = np.arange(self._sent, due, dtype=np.int64)
        self._sent = due
        return Block(np.zeros((len(numbers), 1), np.int32), numbers)

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        self.released += 1


def watch(patience_s: float) -> tuple[Amplifier, WatchedSource]:
    amplifier = Amplifier()
    watched = WatchedSource(amplifier, RATE_HZ, 1, patience_s)
    watched.start(0.0)
    return amplifier, watched


def run(amplifier: Amplifier, watched: WatchedSource, seconds: float) -> list[int]:
    """Numbers of all frames read in ticks of 20 ms."""
    numbers: list[int] = []
    for _ in range(round(seconds / 0.02)):
        amplifier.now = round(amplifier.now + 0.02, 6)
        numbers += watched.read(amplifier.now).frame_index.tolist()
    return numbers


@pytest.mark.parametrize("says_so", [True, False], ids=["it says so", "it falls silent"])
def test_a_lost_source_comes_back_with_a_gap_as_long_as_it_was_away(says_so: bool) -> None:
    amplifier, watched = watch(30.0)
    amplifier.says_so = says_so
    before = run(amplifier, watched, 2.0)
    amplifier.plugged = False
    assert run(amplifier, watched, 3.0) == []
    assert watched.away
    amplifier.plugged = True
    after = run(amplifier, watched, 6.0)
    assert not watched.away
    assert watched.losses == 1
    assert before == list(range(len(before)))
    assert after == list(range(after[0], after[0] + len(after)))
    assert after[-1] / RATE_HZ == pytest.approx(amplifier.now, abs=0.05)
    assert after[0] - before[-1] > 3.0 * RATE_HZ
    assert watched.fresh_at == amplifier.now


def test_silence_is_a_loss_after_half_a_second() -> None:
    amplifier, watched = watch(0.0)
    run(amplifier, watched, 1.0)
    amplifier.plugged = False
    with pytest.raises(SourceError, match=r"amplifier: no new frames for 0\.5 s"):
        run(amplifier, watched, 10.0)
    assert amplifier.now == pytest.approx(1.0 + SILENT_S, abs=0.05)


def test_what_never_comes_back_is_given_up() -> None:
    amplifier, watched = watch(5.0)
    run(amplifier, watched, 1.0)
    amplifier.plugged = False
    with pytest.raises(SourceError, match="not there"):
        run(amplifier, watched, 60.0)
    assert 6.0 <= amplifier.now < 1.0 + SILENT_S + 5.0 + 8.0
    assert watched.losses == 1


def test_what_opens_and_stays_silent_is_given_up_too() -> None:
    """A driver that starts without its board, as BrainFlow's do on a serial port that leads nowhere."""
    amplifier, watched = watch(20.0)
    run(amplifier, watched, 1.0)
    amplifier.read = lambda: Block.empty(1)  # type: ignore[method-assign]
    with pytest.raises(SourceError, match="no new frames"):
        run(amplifier, watched, 120.0)
    assert amplifier.now < 60
    assert len(amplifier.opened) > 2


def test_nothing_is_tried_again_at_the_start() -> None:
    amplifier = Amplifier()
    watched = WatchedSource(amplifier, RATE_HZ, 1, 30.0)
    watched.start(0.0)
    amplifier.plugged = False
    with pytest.raises(SourceError, match="no new frames for 5 s"):
        run(amplifier, watched, 60.0)
    assert amplifier.now == pytest.approx(START_S, abs=0.05)


def test_repeated_frames_do_not_count_as_new() -> None:
    amplifier, watched = watch(0.0)
    run(amplifier, watched, 1.0)
    amplifier.read = lambda: Block(np.zeros((1, 1), np.int32), np.array([7]))  # type: ignore[method-assign]
    with pytest.raises(SourceError, match="no new frames"):
        run(amplifier, watched, 10.0)
    assert watched.fresh_at == pytest.approx(1.0)
