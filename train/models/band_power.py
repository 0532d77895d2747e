"""How strong each electrode is, weighed linearly: the decoder for minutes of one person's oscillations.

Source: amplitudes of the mu and beta rhythms weighed by a linear classifier, as in Pfurtscheller, G. &
Neuper, C. Motor imagery and direct brain-computer communication. Proc. IEEE 89, 1123-1134 (2001),
doi:10.1109/5.939829. Changed here: the mean of one half-wave for power, which needs neither squares nor a
logarithm in int8; the amplitudes of a few stretches of the window, so that newer ones may count more. Let
the signal chain pass the band that matters and a Laplacian before it.

What makes it hold on another run is the dropout. In front of a linear layer, dropping a share p is a ridge
penalty of p / (1 - p) times each amplitude's own variance (Wager, S., Wang, S. & Liang, P. Dropout training
as adaptive regularization. NeurIPS 26 (2013), arXiv:1307.1493): correlations between electrodes count
1 - p times, as in a discriminant with shrinkage (Blankertz, B. et al. NeuroImage 56, 814-825 (2011),
doi:10.1016/j.neuroimage.2010.06.048).

    (n_time, n_channels, 1)
    Conv2D 2 x 1 (fixed), BatchNorm, ReLU            difference of neighbours, of which one half-wave
    Conv2D along time, a stretch apart, BatchNorm    amplitude of each stretch, about 0
    Dropout
    Conv2D stretches x n_channels, Flatten           (n_actions,)

At 80 x 64 and 2 actions: 543 parameters, 15,488 MACs.
"""

from typing import Any

import numpy as np

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.models._keras import keras


def build(
    n_time: int,
    n_channels: int,
    n_actions: int,
    *,
    stretches: int = 4,
    dropout: float = 0.9,
) -> Any:
    """Build the network.

    Args:
        n_time: frames a window, at least two a stretch.
        n_channels: channels a frame.
        n_actions: logits.
        stretches: parts of the window, each with amplitudes of its own.
        dropout: share of the amplitudes that training drops, the strength of the regularization.

    Raises:
        ConfigError: there is no stretch, or one of less than two frames.
    """
    if not 0 < 2 * stretches <= n_time:
        raise ConfigError(
            f"band_power: a window of {n_time} frames has no {stretches} stretches of two frames; choose "
            f"1 to {n_time // 2}"
        )
    layers = keras.layers
    apart = n_time // stretches
    span = n_time - 1 - (stretches - 1) * apart
    inputs = layers.Input((n_time, n_channels, 1), name="window")
    difference = layers.Conv2D(1, (2, 1), use_bias=False, trainable=False, name="difference")
    x = layers.BatchNormalization(name="difference_norm")(difference(inputs))
    difference.set_weights([np.array([-1, 1], np.float32).reshape(2, 1, 1, 1)])
    x = layers.ReLU(name="half_wave")(x)
    mean = keras.initializers.Constant(1 / span)
    x = layers.Conv2D(1, (span, 1), (apart, 1), use_bias=False, kernel_initializer=mean, name="amplitude")(x)
    x = layers.BatchNormalization(name="amplitude_norm")(x)
    x = layers.Dropout(dropout, name="amplitude_dropout")(x)
    x = layers.Conv2D(n_actions, (stretches, n_channels), kernel_initializer="zeros", name="weights")(x)
    return keras.Model(inputs, layers.Flatten(name="logits")(x), name="band_power")
