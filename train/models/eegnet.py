"""A compact convolutional network with int8-friendly activations, after EEGNet.

Source: Lawhern, V. J. et al. EEGNet: a compact convolutional neural network for EEG-based
brain-computer interfaces. J. Neural Eng. 15, 056013 (2018), doi:10.1088/1741-2552/aace8c.
Changed here: the two linear layers in front are swapped, so that each feature is still a spatial
times a temporal filter, at a third of the multiplications and an eighth of the training time; ReLU
for ELU (which has no int8 kernel); no padding along time; the separable convolution spelt as its two
parts; kernels and pools that follow the length of the window.

    (n_time, n_channels, 1)
    Conv2D 1 x n_channels to F1, BatchNorm                   spatial filters
    DepthwiseConv2D k1 x 1, BatchNorm, ReLU, AveragePool p1  a temporal filter each
    DepthwiseConv2D k2 x 1, Conv2D 1 x 1 to F2, BatchNorm, ReLU, AveragePool p2
    Flatten (or the mean over time instead of pool and flatten), Dropout, Dense n_actions

At 29 x 32 and 6 actions: 6,278 parameters, 92,416 MACs.
"""

from typing import Any

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.models._keras import keras


def build(
    n_time: int,
    n_channels: int,
    n_actions: int,
    *,
    filters: int = 64,
    mixed_filters: int = 32,
    temporal_kernel: int | None = None,
    mixing_kernel: int | None = None,
    first_pool: int | None = None,
    second_pool: int | None = None,
    head: str = "flatten",
    dropout: float = 0.5,
) -> Any:
    """Build the network. A `None` follows the length of the window.

    Args:
        n_time: frames a window, at least 8 for the defaults.
        n_channels: channels a frame.
        n_actions: logits.
        filters: F1, spatial filters, each with its temporal filter.
        mixed_filters: F2.
        temporal_kernel: k1 in frames; None: a quarter of the window, 3 to 32.
        mixing_kernel: k2 in pooled frames; None: a quarter of what is left, 2 to 16.
        first_pool: p1; None: 2 up to 64 frames, else 4.
        second_pool: p2; None: 2 up to 64 frames, else 4.
        head: "flatten" keeps when something happened (events), "mean" how much of it (oscillations, EMG).
        dropout: share of the features that training drops, after each pool.

    Raises:
        ConfigError: `head` is unknown, or kernels and pools leave nothing of the window.
    """
    if head not in ("flatten", "mean"):
        raise ConfigError(f"eegnet: head {head!r} is unknown, choose flatten or mean")
    pool = 2 if n_time <= 64 else 4
    k1 = temporal_kernel or min(max(n_time // 4, 3), 32)
    p1 = first_pool or pool
    after_first = (n_time - k1 + 1) // p1
    k2 = mixing_kernel or min(max(after_first // 4, 2), 16)
    p2 = second_pool or pool
    if after_first - k2 + 1 < p2:
        raise ConfigError(
            f"eegnet: nothing of a window of {n_time} frames is left after kernels of {k1} and {k2} frames "
            f"and pools of {p1} and {p2}, take smaller ones or a longer window"
        )
    layers = keras.layers
    inputs = layers.Input((n_time, n_channels, 1), name="window")
    x = layers.Conv2D(filters, (1, n_channels), use_bias=False, name="spatial")(inputs)
    x = layers.BatchNormalization(name="spatial_norm")(x)
    x = layers.DepthwiseConv2D((k1, 1), use_bias=False, name="temporal")(x)
    x = layers.BatchNormalization(name="temporal_norm")(x)
    x = layers.ReLU(name="temporal_relu")(x)
    x = layers.AveragePooling2D((p1, 1), name="temporal_pool")(x)
    x = layers.Dropout(dropout, name="temporal_dropout")(x)
    x = layers.DepthwiseConv2D((k2, 1), use_bias=False, name="mixing")(x)
    x = layers.Conv2D(mixed_filters, 1, use_bias=False, name="mixed")(x)
    x = layers.BatchNormalization(name="mixed_norm")(x)
    x = layers.ReLU(name="mixed_relu")(x)
    if head == "mean":
        x = layers.GlobalAveragePooling2D(name="mixed_mean")(x)
    else:
        x = layers.AveragePooling2D((p2, 1), name="mixed_pool")(x)
        x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="mixed_dropout")(x)
    return keras.Model(inputs, layers.Dense(n_actions, name="logits")(x), name="eegnet")
