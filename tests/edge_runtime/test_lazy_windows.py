import numpy as np
import pytest

from neurograsp.edge_runtime.lazy_windows import LazyWindows


def test_windows_are_the_rows_that_end_there() -> None:
    frames = np.arange(40, dtype=np.int8).reshape(20, 2)
    windows = LazyWindows(frames, np.array([4, 2, 19, 4]), 3)
    every = np.stack([frames[last - 2 : last + 1] for last in (4, 2, 19, 4)])
    assert windows.shape == (4, 3, 2)
    assert len(windows) == 4
    assert np.array_equal(windows[:], every)
    assert np.array_equal(windows[1:3], every[1:3])
    assert np.array_equal(windows[np.array([2, 0])], every[[2, 0]])
    assert np.array_equal(windows[np.array([True, False, False, True])], every[[0, 3]])
    assert np.array_equal(windows[2], every[2])
    assert np.array_equal(windows.select(np.array([3, 1]))[:], every[[3, 1]])
    assert LazyWindows(frames, np.array([], np.int64), 3)[:].shape == (0, 3, 2)


@pytest.mark.parametrize("last", [[1], [20], [2, -1]])
def test_no_window_reaches_outside(last: list[int]) -> None:
    with pytest.raises(ValueError, match="reach outside of 20 frames"):
        LazyWindows(np.zeros((20, 2), np.int8), np.array(last), 3)
