"""Frame counters from time stamps, for formats that do not count frames."""

import numpy as np
from numpy.typing import NDArray


def counter_of(stamps: NDArray[np.float64], rate_hz: float, gap_s: float) -> NDArray[np.int64]:
    """Rises by 1 a frame, and by as many as are missing where two stamps are further apart than `gap_s`.

    Args:
        stamps: (n,) seconds.
        rate_hz: frames a second.
        gap_s: more than the jitter of the stamps.

    Raises:
        ValueError: a stamp is no number, or the counter would not fit into 53 bits.
    """
    step = np.diff(stamps)
    if not np.isfinite(stamps).all() or step.sum(initial=0.0, where=step > 0) * rate_hz > 2**53:
        raise ValueError("time stamps that no clock gives")
    gap = step > max(gap_s, 1.5 / rate_hz)
    missing = np.where(gap, np.maximum(1, np.rint(step * rate_hz) - 1), 0).astype(np.int64)
    counter: NDArray[np.int64] = np.arange(len(stamps)) + np.append(0, np.cumsum(missing))
    return counter
