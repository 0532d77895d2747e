"""A `.npy` file of frames that grows by appending, to be mapped into memory afterwards.

Written plainly: on a full disk a mapping would kill the process instead of raising an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from neurograsp.edge_runtime.contract.errors import ConfigError


class FrameStore:
    """Args:
    file: open for writing, at its beginning.
    n_channels: int8 values a frame.
    """

    def __init__(self, file: BinaryIO, n_channels: int) -> None:
        self.n_frames = 0
        self._file = file
        self._n_channels = n_channels
        self._write_header()

    def append(self, frames: npt.NDArray[np.int8]) -> None:
        """Take (n_frames, n_channels) int8."""
        self._file.write(np.ascontiguousarray(frames).data)
        self.n_frames += len(frames)

    def finish(self) -> None:
        """Write the final number of frames over the first header, which is as long."""
        self._file.seek(0)
        self._write_header()

    def _write_header(self) -> None:
        shape = (self.n_frames, self._n_channels)
        npy.write_array_header_1_0(self._file, {"descr": "|i1", "fortran_order": False, "shape": shape})


@contextmanager
def frame_store(path: Path, n_channels: int) -> Iterator[FrameStore]:
    """A new file; complete when the `with` statement ends.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        with path.open("wb") as file:
            store = FrameStore(file, n_channels)
            yield store
            store.finish()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error
