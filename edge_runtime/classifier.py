"""The int8 network on LiteRT, and the step from its logits to probabilities."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import BundleError

log = logging.getLogger(__name__)

KEEP_STATE = frozenset(
    {
        *("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "SVDF"),
        *("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN"),
    }
)
"""Operators that remember the call before, and are made to forget it."""


def interpreter(blob: bytes, where: str, reference_kernels: bool) -> Any:
    """A LiteRT interpreter on one thread, ready to run.

    Raises:
        BundleError: LiteRT refuses the file; `where` names it.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF if reference_kernels else OpResolverType.AUTO
    try:
        made = Interpreter(model_content=blob, num_threads=1, experimental_op_resolver_type=resolver)
        made.allocate_tensors()
        if not made.get_input_details() or not made.get_output_details():
            raise ValueError("it has no input or no output")
    except (ValueError, RuntimeError) as error:
        raise BundleError(f"{where}: LiteRT cannot load it: {first_line(error)}") from error
    return made


def delegated(made: Any) -> bool:
    """Whether an interpreter hands operators to XNNPACK, the only delegate that is there by default."""
    return any(operator["op_name"] == "DELEGATE" for operator in made._get_ops_details())


class Network(ABC):
    """A network on the device. What it is made of is read once: between two hops nothing stays in the caches.

    Attributes:
        input_shape: of its first input.
        is_int8: at its first input and output; otherwise float32.
        n_actions: logits.
        output_quantization: scale and zero point of the logits.
    """

    def __init__(self, where: str, made: Any, entry: dict[str, Any], output: dict[str, Any]) -> None:
        if entry["dtype"] is not output["dtype"] or entry["dtype"] not in (np.int8, np.float32):
            raise BundleError(f"{where}: input and output are not both int8, or both float32")
        self._entry, self._exit = made.tensor(entry["index"]), made.tensor(output["index"])
        self._invoke: Callable[[], None] = made.invoke
        self.input_shape = tuple(int(size) for size in entry["shape"])
        self.is_int8 = entry["dtype"] is np.int8
        if self.is_int8 and tuple(entry["quantization"]) != (1 / 16, 0):
            raise BundleError(f"{where}: the input's scale is not 1/16 with zero point 0")
        self.n_actions = int(np.prod(output["shape"]))
        scale, zero_point = output["quantization"]
        self.output_quantization = float(scale), int(zero_point)
        every = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float64)
        self._real = (every - int(zero_point)) * float(scale)  # of each step, by its bits

    def time_invoke(self, clock: Callable[[], float], report: Callable[[float], None]) -> None:
        """From now on, report the seconds that every run of LiteRT itself takes."""
        inner = self._invoke

        def timed() -> None:
            begin = clock()
            inner()
            report(clock() - begin)

        self._invoke = timed

    def _put(self, frames: npt.NDArray[np.int8]) -> None:
        """Raises ValueError where the frames (n, n_channels) are not those of the input tensor."""
        if (1, *frames.shape, 1) != self.input_shape:
            raise ValueError(f"frames {frames.shape} for an input {self.input_shape}")
        self._entry()[0, :, :, 0] = frames if self.is_int8 else frames / np.float32(16)

    @abstractmethod
    def logits(self, window: npt.NDArray[np.int8]) -> npt.NDArray[Any]:
        """(n_actions,) int8 steps, or float32 logits, at the end of a window (window, n_channels) int8."""

    def real_logits(self, window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        """(n_actions,) float64 logits, dequantized where the network is int8."""
        return self.dequantize(self.logits(window))

    def dequantize(self, steps: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """What `logits` gives as real float64 logits, of the same shape."""
        if not self.is_int8:
            return steps.astype(np.float64)
        real: npt.NDArray[np.float64] = self._real[steps.view(np.uint8)]
        return real


class Classifier(Network):
    """A `.tflite` network of one input and one output, run on one thread.

    Args:
        blob: the file's bytes.
        reference_kernels: LiteRT's BUILTIN_REF kernels, which give the same bits on every machine;
            otherwise the fast ones (XNNPACK where it is active).
        forget: an operator may be one of `KEEP_STATE`; without any, not asking saves time at every call.

    Raises:
        BundleError: LiteRT refuses the file, or it has another number of inputs or outputs.
    """

    def __init__(self, blob: bytes, *, reference_kernels: bool = False, forget: bool = True) -> None:
        self._interpreter = interpreter(blob, "model.tflite", reference_kernels)
        self._forget = forget
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise BundleError(f"model.tflite: {len(inputs)} inputs and {len(outputs)} outputs, not one each")
        super().__init__("model.tflite", self._interpreter, inputs[0], outputs[0])

    def logits(self, window: npt.NDArray[np.int8]) -> npt.NDArray[Any]:
        """Run the network.

        Args:
            window: (window, n_channels) int8.

        Returns:
            (n_actions,) int8 steps, or float32 logits for a float network.

        Raises:
            BundleError: LiteRT cannot run the network on it.
        """
        try:
            if self._forget:
                self._interpreter.reset_all_variables()
            self._put(window)
            self._invoke()
            result: npt.NDArray[Any] = self._exit().flatten()
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"model.tflite: LiteRT cannot run it: {first_line(error)}") from error
        return result


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no reason given"])[0][:200]


def probabilities(
    logits: npt.NDArray[np.float64], output: Literal["sigmoid", "softmax"]
) -> npt.NDArray[np.float64]:
    """Logits (..., n_actions) to probabilities of the same shape."""
    if output == "sigmoid":
        return 1 / (1 + np.exp(-logits))
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: npt.NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return result
