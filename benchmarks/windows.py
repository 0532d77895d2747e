"""Training windows a second: cut lazily by this package, and as the article's generator does it.

    python benchmarks/windows.py

The generator keeps the recording as float frames at the full rate and fills each batch in Python, window by
window and frame by frame, keeping one frame in FACTOR of the past: what notebooks on these data do. A second
one slices each window at once. Both sides give the same windows in the same order, which is checked first.
"""

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.lazy_windows import LazyWindows
from neurograsp.train.fit import batches
from neurograsp.train.frame_store import frame_store
from neurograsp.train.window_set import WindowSet

FACTOR, KEPT_FRAMES = 5, 30_000
N_CHANNELS, N_ACTIONS, WINDOW, BATCH = 32, 6, 100, 64
ROUNDS = 5

Batches = Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]


def frame_by_frame(
    frames: npt.NDArray[np.float64], labels: npt.NDArray[np.float32], last: npt.NDArray[np.int64]
) -> Batches:
    """Batches (BATCH, WINDOW, N_CHANNELS) and (BATCH, N_ACTIONS) from frames at the full rate."""
    for begin in range(0, len(last), BATCH):
        chosen = last[begin : begin + BATCH]
        x = np.zeros((len(chosen), WINDOW, N_CHANNELS), np.float32)
        y = np.zeros((len(chosen), N_ACTIONS), np.float32)
        for row, newest in enumerate(chosen):
            for step in range(WINDOW):
                x[row, step] = frames[newest - (WINDOW - 1 - step) * FACTOR]
            y[row] = labels[newest]
        yield x, y


def window_by_window(
    frames: npt.NDArray[np.float64], labels: npt.NDArray[np.float32], last: npt.NDArray[np.int64]
) -> Batches:
    """The same with a slice a window."""
    for begin in range(0, len(last), BATCH):
        chosen = last[begin : begin + BATCH]
        first = chosen - (WINDOW - 1) * FACTOR
        x = np.stack([frames[a : b + 1 : FACTOR] for a, b in zip(first, chosen)]).astype(np.float32)
        yield x, labels[chosen]


def rate(make: Callable[[], Batches]) -> float:
    """Windows a second, the median of ROUNDS after one to warm up."""
    seconds = []
    for _ in range(ROUNDS + 1):
        begin = time.perf_counter()
        n = sum(len(x) for x, _ in make())
        seconds.append((time.perf_counter() - begin) / n)
    return 1 / median(seconds[1:])


def main() -> None:
    rng = np.random.default_rng(0)
    kept = rng.integers(-128, 128, (KEPT_FRAMES, N_CHANNELS), dtype=np.int8)
    frames = np.repeat(kept, FACTOR, axis=0).astype(np.float64)
    labels = (rng.random((len(frames), N_ACTIONS)) < 0.2).astype(np.float32)
    last = rng.permutation(np.arange(WINDOW - 1, KEPT_FRAMES))
    full_last = last * FACTOR
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.npy"
        with frame_store(path, N_CHANNELS) as store:
            store.append(kept)
        mapped = np.load(path, mmap_mode="r")
        windows = WindowSet(LazyWindows(mapped, last, WINDOW), labels[full_last])
        order = np.arange(len(windows))
        ways: dict[str, Callable[[], Batches]] = {
            "lazily, tf.data": lambda: batches(windows, order, BATCH).as_numpy_iterator(),
            "generator, frame by frame": lambda: frame_by_frame(frames, labels, full_last),
            "generator, window by window": lambda: window_by_window(frames, labels, full_last),
        }
        first = {name: next(iter(make())) for name, make in ways.items()}
        for x, y in first.values():
            if not (
                np.array_equal(x, first["lazily, tf.data"][0])
                and np.array_equal(y, labels[full_last[:BATCH]])
            ):
                raise SystemExit("the ways do not give the same windows")
        rates = {name: rate(make) for name, make in ways.items()}
    print(f"{os.cpu_count()} cores, {platform.machine()}; {WINDOW} x {N_CHANNELS} windows, {BATCH} a batch")
    for name, value in rates.items():
        print(f"{name:<28} {value:>9.0f} windows/s  {rates['lazily, tf.data'] / value:5.1f} times slower")


if __name__ == "__main__":
    main()
