"""Generated C in this process: compiled with warnings as errors and UBSan, driven through ctypes."""

import ctypes
from pathlib import Path

import numpy as np
from core_bench import compile_c
from numpy.typing import NDArray

from neurograsp.convert.c_target.export import write_sources
from neurograsp.convert.c_target.network_c import network_in_c


class CompiledNetwork:
    """A network as C, of frames (n_frames, n_channels) to logits.

    Args:
        blob: the `.tflite`.
        folder: to build in.
        n_logits: of its output.
    """

    def __init__(self, blob: bytes, folder: Path, n_logits: int) -> None:
        folder.mkdir()
        write_sources(folder)
        for name, text in network_in_c(blob).files.items():
            (folder / name).write_text(text)
        sources = [folder / "ng_network.c", folder / "ng_layers.c"]
        self._library = ctypes.CDLL(str(compile_c(sources, folder / "network.so", "-shared", "-fPIC")))
        self._logits = np.empty(n_logits, np.int8)
        self.reset()

    def reset(self) -> None:
        self._library.ng_network_reset()

    def logits(self, frames: NDArray[np.int8]) -> NDArray[np.int8]:
        given = np.ascontiguousarray(frames)
        self._library.ng_network_run(given.ctypes, self._logits.ctypes)
        return self._logits.copy()
