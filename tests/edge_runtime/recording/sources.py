"""Sources and a clock that a test owns."""

from collections.abc import Callable, Iterator

import numpy as np

from neurograsp.edge_runtime.sources.base import Block

RATE_HZ = 100


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Counting:
    """Frame n is n in every channel, and comes at n / RATE_HZ; `lost` ones never do.

    Args:
        clock: of the test.
        lost: frame numbers.
        ends_at: the frame after the last.
        fails_at: seconds at which `fail` is called in `read`.
    """

    description = "counting"

    def __init__(
        self,
        clock: Clock,
        lost: range = range(0),
        ends_at: int | None = None,
        fails_at: float | None = None,
        fail: Callable[[], None] | None = None,
    ) -> None:
        self._clock, self._lost, self._ends_at = clock, lost, ends_at
        self._fails_at, self._fail = fails_at, fail
        self._sent = 0

    def start(self) -> None:
        pass

    def read(self) -> Block:
        if self._fails_at is not None and self._fail and self._clock() >= self._fails_at:
            self._fail()
        due = round(self._clock() * RATE_HZ)
        if self._ends_at is not None:
            due = min(due, self._ends_at)
        index = np.array([n for n in range(self._sent, due) if n not in self._lost], np.int64)
        self._sent = max(self._sent, due)
        return block_of(index)

    def finished(self) -> bool:
        return self._ends_at is not None and self._sent >= self._ends_at

    def stop(self) -> None:
        pass


def block_of(index: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Block:
    counts = np.repeat(index[:, None], 2, axis=1).astype(np.int32)
    counts[:, 1] += 1000
    return Block(counts, index)


def blocks(index: list[int], size: int) -> Iterator[Block]:
    for at in range(0, len(index), size):
        yield block_of(np.array(index[at : at + size], np.int64))
