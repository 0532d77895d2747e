"""The article's network: three wide convolutions over the window as an image of time and channels.

Source: "From brain waves to arm movements with deep learning": "3 x Conv2D 64 (7x7, 5x5, 3x3), Dense 32,
6 outputs". Changed here, so that every layer folds to int8: BatchNorm stands between
convolution and ReLU, none follows the dense layer, time is not padded (a streamed form then gives the
same scores) and channels are padded by a layer of their own.

    (n_time, n_channels, 1)
    3 x [pad channels, Conv2D k x k 64 without bias, BatchNorm, ReLU]   (n_time - 12, n_channels, 64)
    [projection: Conv2D 1 x n_channels P without bias, BatchNorm, ReLU]  (n_time - 12, 1, P)
    Flatten, Dense 32, ReLU, Dropout, Dense n_actions                   (n_actions,)

The projection is not the article's. Without it the dense layer has 2,048 weights a column, all of which are
read at every hop; with it P x 32.

At 100 x 32 and 6 actions: 5,910,566 parameters, 413,921,472 MACs; with a projection to 16 channels
221,286 parameters, 411,082,944 MACs.
"""

from typing import Any

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.models._keras import keras

KERNELS = (7, 5, 3)


def build(
    n_time: int,
    n_channels: int,
    n_actions: int,
    *,
    filters: int = 64,
    projection: int = 0,
    units: int = 32,
    dropout: float = 0.5,
) -> Any:
    """Build the article's network.

    Args:
        n_time: frames a window, at least 13.
        n_channels: channels a frame.
        n_actions: logits.
        filters: of each convolution.
        projection: P, channels that each column of the last convolution is brought to; 0: as it is.
        units: of the dense layer.
        dropout: share of the dense layer's outputs that training drops.

    Raises:
        ConfigError: the window is shorter than the three kernels.
    """
    shortest = sum(KERNELS) - len(KERNELS) + 1
    if n_time < shortest:
        raise ConfigError(
            f"article_cnn: a window of {n_time} frames is too short for kernels of 7, 5 and 3, "
            f"take {shortest} frames or more (longer window or less decimation)"
        )
    layers = keras.layers
    x = inputs = layers.Input((n_time, n_channels, 1), name="window")
    for i, kernel in enumerate(KERNELS, 1):
        x = layers.ZeroPadding2D((0, kernel // 2), name=f"pad{i}")(x)
        x = layers.Conv2D(filters, kernel, use_bias=False, name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"norm{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
    if projection:
        x = layers.Conv2D(projection, (1, n_channels), use_bias=False, name="projection")(x)
        x = layers.BatchNormalization(name="projection_norm")(x)
        x = layers.ReLU(name="projection_relu")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(units, activation="relu", name="dense")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(n_actions, name="logits")(x), name="article_cnn")
