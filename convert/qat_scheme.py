"""The toolkit's 8-bit scheme with activation ranges that are calibrated once and then held."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograsp.convert._keras import keras, tf, tfmot
from neurograsp.edge_runtime.contract.errors import ConfigError

_Quantizer: Any = tfmot.quantization.keras.quantizers.Quantizer
_QuantizeConfig: Any = tfmot.quantization.keras.QuantizeConfig
_Registry: Any = tfmot.quantization.keras.default_8bit.Default8BitQuantizeRegistry
_Layout: Any = tfmot.quantization.keras.default_8bit.Default8BitQuantizeLayoutTransform
_Scheme: Any = tfmot.quantization.keras.default_8bit.Default8BitQuantizeScheme


class HeldRange(_Quantizer):  # type: ignore[misc]
    """Fake quantization to int8 within the range seen while `calibrating`."""

    def __init__(self) -> None:
        self.calibrating = False

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        return {
            end: layer.add_weight(f"{name}_{end}", initializer="zeros", trainable=False)
            for end in ("min", "max")
        }

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **kwargs: Any) -> Any:
        if self.calibrating:
            weights["min"].assign(tf.minimum(weights["min"], tf.reduce_min(inputs)))
            weights["max"].assign(tf.maximum(weights["max"], tf.reduce_max(inputs)))
            return inputs
        return tf.quantization.fake_quant_with_min_max_vars(inputs, weights["min"], weights["max"])

    def get_config(self) -> dict[str, Any]:
        return {}


class LatestRange(_Quantizer):  # type: ignore[misc]
    """A weight quantizer whose range follows the weights while `calibrating`, as it does in training.

    Without that the first ranges would be the toolkit's +-6, whatever the weights are.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.calibrating = False

    def build(self, tensor_shape: Any, name: str, layer: Any) -> Any:
        return self.inner.build(tensor_shape, name, layer)

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **kwargs: Any) -> Any:
        return self.inner(inputs, training or self.calibrating, weights, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {}


class _HeldConfig(_QuantizeConfig):  # type: ignore[misc]
    """A layer's own configuration with every quantizer replaced by one that can be calibrated."""

    def __init__(self, inner: Any, held: list[Any]) -> None:
        self.inner, self.held = inner, held

    def get_weights_and_quantizers(self, layer: Any) -> Any:
        pairs = self.inner.get_weights_and_quantizers(layer)
        return [(weight, self._keep(LatestRange(quantizer))) for weight, quantizer in pairs]

    def set_quantize_weights(self, layer: Any, quantize_weights: Any) -> None:
        self.inner.set_quantize_weights(layer, quantize_weights)

    def get_activations_and_quantizers(self, layer: Any) -> Any:
        pairs = self.inner.get_activations_and_quantizers(layer)
        return [(activation, self._keep(HeldRange())) for activation, _ in pairs]

    def set_quantize_activations(self, layer: Any, quantize_activations: Any) -> None:
        self.inner.set_quantize_activations(layer, quantize_activations)

    def get_output_quantizers(self, layer: Any) -> Any:
        return [self._keep(HeldRange()) for _ in self.inner.get_output_quantizers(layer)]

    def get_config(self) -> dict[str, Any]:
        return {}

    def _keep(self, quantizer: Any) -> Any:
        self.held.append(quantizer)
        return quantizer


class _HeldRegistry(_Registry):  # type: ignore[misc]
    def __init__(self, held: list[Any]) -> None:
        super().__init__()
        self.held = held

    def get_quantize_config(self, layer: Any) -> Any:
        return _HeldConfig(super().get_quantize_config(layer), self.held)


class _HeldLayout(_Layout):  # type: ignore[misc]
    def __init__(self, held: list[Any]) -> None:
        self.held = held

    def apply(self, model: Any, layer_quantize_map: dict[str, Any]) -> Any:
        model, found = super().apply(model, layer_quantize_map)
        for entry in found.values():
            if entry.get("quantize_config") is not None:
                entry["quantize_config"] = _HeldConfig(entry["quantize_config"], self.held)
        return model, found


class HeldScheme(_Scheme):  # type: ignore[misc]
    """The default 8-bit scheme with `HeldRange` for activations and `LatestRange` for weights.

    Attributes:
        held: the quantizers that it gave out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Any] = []

    def get_layout_transformer(self) -> Any:
        return _HeldLayout(self.held)

    def get_quantize_registry(self) -> Any:
        return _HeldRegistry(self.held)


def simulate_int8(model: Any, calibration: NDArray[np.float32], input_scale: float) -> Any:
    """A copy of a network that rounds as int8 would.

    Args:
        model: a trained Keras network.
        calibration: (n, n_time, n_channels, 1) windows whose activations set the ranges.
        input_scale: real value of one step of the input, whose zero point is 0.

    Raises:
        ConfigError: the network has a layer that cannot be quantized.
    """
    scheme = HeldScheme()
    try:
        annotated = tfmot.quantization.keras.quantize_annotate_model(model)
        simulated = tfmot.quantization.keras.quantize_apply(annotated, scheme)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"QAT cannot quantize {model.name}: {str(error).splitlines()[0]}") from error
    entry = next(layer for layer in simulated.layers if not isinstance(layer, keras.layers.InputLayer))
    entry.quantizer_vars["min_var"].assign(-128 * input_scale)
    entry.quantizer_vars["max_var"].assign(127 * input_scale)
    for quantizer in scheme.held:
        quantizer.calibrating = True
    for start in range(0, len(calibration), 64):
        simulated(calibration[start : start + 64], training=False)
    for quantizer in scheme.held:
        quantizer.calibrating = False
    return simulated
