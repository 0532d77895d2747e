"""The training set of a network: windows as the device sees them, and targets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.lazy_windows import LazyWindows


@dataclass(frozen=True)
class WindowSet:
    """Windows with their targets.

    Attributes:
        x: (n_windows, n_time, n_channels) int8, made by the integer filter; real value `x / 16`.
        y: (n_windows, n_actions) float32 of 0 to 1, in between near a border of labels (`labels.border_s`).
            For sigmoid outputs a row may have any sum, for softmax outputs it sums to 1.
        room: (n_windows, 2) int64, how many frames each could end earlier and later with the same target, or
            None where that is not known.

    Raises:
        ConfigError: a type, a shape or a value is not as above.
    """

    x: LazyWindows
    y: NDArray[np.float32]
    room: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for name, dtype, n_dims in (("x", np.int8, 3), ("y", np.float32, 2)):
            array = getattr(self, name)
            if array.dtype != dtype or len(array.shape) != n_dims:
                raise ConfigError(
                    f"window set: {name} is {array.dtype} with {len(array.shape)} dimensions, "
                    f"make it {np.dtype(dtype)} with {n_dims}"
                )
        if len(self.x) != len(self.y):
            raise ConfigError(
                f"window set: {len(self.x)} windows and {len(self.y)} targets, make them as many"
            )
        if not ((self.y >= 0) & (self.y <= 1)).all():
            raise ConfigError("window set: y holds values that are not within 0 to 1")

    def __len__(self) -> int:
        return len(self.x)
