"""The noise table compares like with like, and knows when it cannot."""

from typing import Any

import numpy as np
import pytest
from small_network import windows

from neurograsp.convert import quantize
from neurograsp.convert.layer_noise import layer_noise


def test_every_operator_is_compared(model: Any, blobs: dict[str, bytes]) -> None:
    table = layer_noise(blobs["ptq"], quantize.to_float_tflite(model), windows(64, 1)[0])
    names = ["CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "FULLY_CONNECTED", "FULLY_CONNECTED"]
    assert [one.operator for one in table] == names
    assert table[-1].shape == (1, 3)
    assert all(20 < one.sqnr_db < 60 for one in table)


@pytest.mark.long
def test_worse_weights_are_seen_where_they_are(model: Any, blobs: dict[str, bytes]) -> None:
    """Noise on the second layer's weights leaves the first layer's row as it was."""
    from neurograsp.convert._keras import keras

    noisy = keras.models.clone_model(model)
    noisy.set_weights(model.get_weights())
    layer = noisy.get_layer("depthwise")
    (kernel,) = layer.get_weights()
    layer.set_weights([kernel * np.random.default_rng(0).uniform(0.8, 1.2, kernel.shape)])
    given = windows(64, 1)[0]
    before = layer_noise(blobs["ptq"], quantize.to_float_tflite(model), given)
    after = layer_noise(blobs["ptq"], quantize.to_float_tflite(noisy), given)
    assert after[0].sqnr_db == before[0].sqnr_db
    assert all(now.sqnr_db < then.sqnr_db - 6 for now, then in zip(after[1:3], before[1:3]))


def test_a_network_against_itself_has_no_noise(model: Any) -> None:
    blob = quantize.to_float_tflite(model)
    assert all(one.sqnr_db == np.inf for one in layer_noise(blob, blob, windows(4, 1)[0]))


def test_other_operators_are_not_compared(model: Any, blobs: dict[str, bytes]) -> None:
    from neurograsp.convert._keras import keras

    other = keras.Sequential([keras.layers.Input((16, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    assert layer_noise(blobs["ptq"], quantize.to_float_tflite(other), windows(4, 1)[0]) == []
