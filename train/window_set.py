"""The training set of a network: windows as the device sees them, targets, and where each came from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import ConfigError

INPUT_SCALE = 1 / 16
"""Real value of one step of a window: a network sees `q / 16`."""


@dataclass(frozen=True)
class WindowSet:
    """Windows with their targets.

    Attributes:
        x: (n_windows, n_time, n_channels) int8, made by the integer filter; real value `x / 16`.
        y: (n_windows, n_actions) float32 of 0 and 1. For sigmoid outputs a row may hold any number
            of ones, for softmax outputs exactly one.
        group: (n_windows,) int64, number of the recording a window is from.

    Raises:
        ConfigError: a type, a shape or a value is not as above.
    """

    x: NDArray[np.int8]
    y: NDArray[np.float32]
    group: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name, dtype, n_dims in (("x", np.int8, 3), ("y", np.float32, 2), ("group", np.int64, 1)):
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != n_dims:
                raise ConfigError(
                    f"window set: {name} is {array.dtype} with {array.ndim} dimensions, "
                    f"make it {np.dtype(dtype)} with {n_dims}"
                )
        if not len(self.x) == len(self.y) == len(self.group):
            raise ConfigError(
                f"window set: {len(self.x)} windows, {len(self.y)} targets and {len(self.group)} groups, "
                "make them as many"
            )
        if not np.isin(self.y, (0, 1)).all():
            raise ConfigError("window set: y holds values other than 0 and 1, give multi-hot targets")

    def __len__(self) -> int:
        return len(self.x)

    def subset(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """The windows of a mask or of a list of rows."""
        return type(self)(self.x[rows], self.y[rows], self.group[rows])
