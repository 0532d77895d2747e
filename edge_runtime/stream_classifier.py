"""The int8 network computed one hop at a time: the newest frames and its own states in, logits out."""

from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.classifier import Network, first_line, interpreter
from neurograsp.edge_runtime.contract.errors import BundleError

WHERE = "stream.tflite"

States = tuple[npt.NDArray[Any], ...]


class StreamClassifier(Network):
    """A `.tflite` made by `neurograsp.convert.streaming`, run on one thread.

    The first logits after a start mean nothing until a whole window of frames has been given.

    Args:
        blob: the file's bytes.
        reference_kernels, forget: as for `Classifier`.

    Raises:
        BundleError: LiteRT refuses the file, or its inputs and outputs are not frames, logits and as many
            states on both sides.
    """

    def __init__(self, blob: bytes, *, reference_kernels: bool = False, forget: bool = True) -> None:
        self._interpreter = interpreter(blob, WHERE, reference_kernels)
        self._forget = forget
        frames, *self._old = self._interpreter.get_input_details()
        output, *new = self._interpreter.get_output_details()
        super().__init__(WHERE, self._interpreter, frames, output)
        if len(self._old) != len(new) or any(_kind(one) != _kind(two) for one, two in zip(self._old, new)):
            raise BundleError(f"{WHERE}: the states that go in are not those that come out; convert again")
        if len(self.input_shape) != 4:
            raise BundleError(f"{WHERE}: the input is not (1, hop, channels, 1) frames; convert again")
        self._carried = [
            (self._interpreter.tensor(old["index"]), self._interpreter.tensor(new["index"]))
            for old, new in zip(self._old, new)
        ]
        self.hop = self.input_shape[1]
        self.states = self.initial_states()

    @property
    def states(self) -> States:
        """Copies of all states; they may be kept and put back, or exchanged to run several streams."""
        return tuple(self._interpreter.get_tensor(one["index"]) for one in self._old)

    @states.setter
    def states(self, states: States) -> None:
        for one, state in zip(self._old, states, strict=True):
            self._interpreter.set_tensor(one["index"], state)

    def initial_states(self) -> States:
        """Of a stream that has seen nothing: the real value 0 everywhere."""
        return tuple(np.full(one["shape"], one["quantization"][1], one["dtype"]) for one in self._old)

    def restart(self) -> None:
        """Forget all frames."""
        self.states = self.initial_states()

    def follow(self, frames: npt.NDArray[np.int8], window: int) -> npt.NDArray[Any]:
        """Start anew and run over a stretch.

        Args:
            frames: (n_frames, n_channels) int8.
            window: frames of the window network.

        Returns:
            (n_windows, n_actions): the logits at the end of the first window and of every hop after it.
        """
        self.restart()
        before = -window % self.hop
        line = np.concatenate([np.zeros((before, frames.shape[1]), np.int8), frames])
        ends = range(self.hop, len(line) + 1, self.hop)
        made = [self.logits(line[:end]) for end in ends]
        return np.stack([one for end, one in zip(ends, made) if end >= before + window])

    def logits(self, window: npt.NDArray[np.int8]) -> npt.NDArray[Any]:
        """Go on by one hop.

        Args:
            window: (hop or more, n_channels) int8, of which the newest hop is taken.

        Returns:
            (n_actions,) int8 steps, or float32 logits for a float network.

        Raises:
            BundleError: LiteRT cannot run the network.
        """
        try:
            if self._forget:
                self._interpreter.reset_all_variables()
            self._put(window[-self.hop :])
            self._invoke()
            for old, new in self._carried:
                old()[...] = new()
            result: npt.NDArray[Any] = self._exit().flatten()
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"{WHERE}: LiteRT cannot run it: {first_line(error)}") from error
        return result


def _kind(tensor: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(tensor["shape"]), tensor["dtype"], tuple(tensor["quantization"])
