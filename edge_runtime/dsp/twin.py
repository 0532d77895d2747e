"""The recurrences of kernel.c in numpy: the reference, and the fallback where nothing is compiled.

Same names, same arguments and the same bits as the compiled module `_kernel`; see kernel.h.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Int32 = npt.NDArray[np.int32]

LIMIT = 2**30
Q30_MASK = 2**30 - 1


def load(counts: Int32, n: int, shift: int, out: Int32) -> int:
    """Clip counts times 2^shift to the sample range; returns how many counts are at the rails or beyond."""
    wide = counts.reshape(n).astype(np.int64)
    rail = 1 << (29 - shift)
    _clip_into(wide << shift, out.reshape(n))
    return int(np.count_nonzero((wide >= rail - 1) | (wide <= -rail)))


def sos(frames: Int32, n_frames: int, n_channels: int, coefs: Int32, n_sections: int, state: Int32) -> int:
    """Second-order sections in place; returns how many samples were clipped."""
    rows = frames.reshape(n_frames, n_channels)
    clipped = 0
    for section in range(n_sections):
        b0, b1, b2, a1, a2 = (int(value) for value in coefs.reshape(n_sections, 5)[section])
        memory = state.reshape(n_sections, 6, n_channels)[section]
        x1, x2, y1, y2, e1, e2 = memory.astype(np.int64)
        for row in rows:
            x = row.astype(np.int64)
            acc = 2 * e1 - e2 + b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
            y = acc >> 30
            limited = np.minimum(np.maximum(y, -LIMIT), LIMIT - 1)
            clipped += int(np.count_nonzero(limited != y))
            x1, x2, y1, y2, e1, e2 = x, x1, limited, y1, acc & Q30_MASK, e1
            row[:] = limited
        memory[:] = (x1, x2, y1, y2, e1, e2)
    return clipped


def fir(
    frames: Int32,
    n_frames: int,
    n_channels: int,
    taps: Int32,
    n_taps: int,
    factor: int,
    history: Int32,
    cursor: npt.NDArray[np.uint32],
    out: Int32,
) -> int:
    """FIR that keeps one frame in `factor`; returns how many samples were clipped."""
    newest, phase = (int(value) for value in cursor)
    ring = history.reshape(n_taps, n_channels)
    oldest_first = np.roll(ring, -(newest + 1), axis=0)
    line = np.concatenate([oldest_first, frames.reshape(n_frames, n_channels)]).astype(np.int64)
    windows = sliding_window_view(line, n_taps, axis=0)[factor - phase :: factor]
    acc = np.einsum("k,nck->nc", taps[::-1].astype(np.int64), windows) + (1 << 14)
    clipped = _clip_into(acc >> 15, out.reshape(len(windows), n_channels))
    newest = (newest + n_frames) % n_taps
    ring[:] = np.roll(line[-n_taps:], newest + 1, axis=0)
    cursor[:] = (newest, (phase + n_frames) % factor)
    return clipped


def mix(frames: Int32, n_frames: int, n_channels: int, weights: Int32, out: Int32) -> int:
    """Each frame times a matrix; returns how many samples were clipped."""
    rows = frames.reshape(n_frames, n_channels).astype(np.int64)
    wide = (rows @ weights.reshape(n_channels, n_channels).T.astype(np.int64) + (1 << 29)) >> 30
    return _clip_into(wide, out.reshape(n_frames, n_channels))


def scale(
    frames: Int32,
    n_frames: int,
    n_channels: int,
    offset: Int32,
    multiplier: Int32,
    shift: Int32,
    out: npt.NDArray[np.int8],
) -> int:
    """To the network's int8 input; returns how many samples were clipped."""
    wide = (frames.reshape(n_frames, n_channels).astype(np.int64) - offset) * multiplier
    wide = (wide + (np.int64(1) << (shift.astype(np.int64) - 1))) >> shift
    limited = np.minimum(np.maximum(wide, -128), 127)
    out.reshape(n_frames, n_channels)[:] = limited
    return int(np.count_nonzero(limited != wide))


def _clip_into(wide: npt.NDArray[np.int64], out: Int32) -> int:
    limited = np.minimum(np.maximum(wide, -LIMIT), LIMIT - 1)
    out[:] = limited
    return int(np.count_nonzero(limited != wide))
