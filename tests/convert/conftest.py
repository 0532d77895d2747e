from typing import Any

import numpy as np
import pytest
from small_network import windows


@pytest.fixture(scope="package")
def model() -> Any:
    """A trained network with every layer that ours are made of."""
    keras = pytest.importorskip("neurograsp.convert._keras").keras
    layers = keras.layers
    keras.utils.set_random_seed(0)
    x = inputs = layers.Input((16, 4, 1))
    x = layers.ZeroPadding2D((0, 1), name="pad")(x)
    x = layers.Conv2D(8, 3, use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="conv_norm")(x)
    x = layers.ReLU(name="conv_relu")(x)
    x = layers.DepthwiseConv2D((3, 1), use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_norm")(x)
    x = layers.ReLU(name="depthwise_relu")(x)
    x = layers.AveragePooling2D((2, 1), name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(8, activation="relu", name="dense")(x)
    x = layers.Dropout(0.1, name="dropout")(x)
    network = keras.Model(inputs, layers.Dense(3, name="logits")(x), name="small")
    network.compile(keras.optimizers.Adam(1e-2), keras.losses.CategoricalCrossentropy(from_logits=True))
    q, y = windows(256, 0)
    network.fit(q[..., None] / np.float32(16), y, epochs=6, batch_size=32, verbose=0)
    return network


@pytest.fixture(scope="package")
def blobs(model: Any) -> dict[str, bytes]:
    from neurograsp.convert import quantize

    train = windows(256, 0)
    options = quantize.QatOptions(epochs=2, batch_size=32)
    return {
        "ptq": quantize.ptq(model, train[0], seed=0),
        "qat": quantize.qat(model, train, windows(64, 1), "softmax", seed=0, options=options).blob,
    }
