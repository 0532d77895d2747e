"""Signals that a format hands out as microvolts, turned into counts."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.contract.units import LSB_UV


def to_counts(path: Path, microvolts: NDArray[Any]) -> NDArray[np.int32]:
    """Round (n_frames, n_channels) to counts of `LSB_UV`.

    Raises:
        RecordingError: a value is no number or too large.
    """
    counts = np.rint(microvolts * (1 / LSB_UV))
    if not np.isfinite(counts).all() or np.abs(counts).max(initial=0) >= 2**31:
        raise RecordingError(
            f"{path}: holds values that are no number or beyond {2**31 * LSB_UV / 1e6:.0f} V; "
            "look at its units"
        )
    return np.ascontiguousarray(counts, np.int32)
