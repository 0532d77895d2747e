"""Two stages: scores of short stretches of the window, then a second look at the row of them.

Source: Barachant, A. and Cycon, R., winning solution of the Kaggle Grasp-and-Lift EEG Detection (2015),
whose second level learns from the recent history of the first level's scores. Changed here: one network
fitted as a whole, in place of models stacked on each other's scores. The first stage sees how strong each
channel is, as ShallowConvNet does (Schirrmeister, R. T. et al. Hum. Brain Mapp. 38, 5391-5420, 2017,
doi:10.1002/hbm.23730), with two changes: both half-waves through a ReLU for square and logarithm (a
logarithm of these envelopes gained nothing), and channels weighed after that and not before, because a
few minutes of one person do not teach spatial filters. Let the signal chain pass the band that matters
and a Laplacian before it.

Both stages are convolutions without padding along time: the scores of a longer window hold those of a
shorter one, so a streamed form makes the newest score only.

    (n_time, n_channels, 1)
    Conv2D k x 1 to 2 F, BatchNorm, ReLU                      the same temporal filters on every channel
    AveragePool span x 1 every `score_hop` frames, Dropout    envelopes
    Conv2D 1 x n_channels to S, BatchNorm, ReLU, Dropout      scores, (n_scores, 1, S)
    Conv2D n_scores x 1 to n_actions, Flatten                 (n_actions,)

At 320 x 64 and 2 actions: 1,204 parameters, 210,560 MACs.
"""

from typing import Any

import numpy as np

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.models._keras import keras

STRETCHES = 8
"""The span of a score is this part of the window, where it is not given."""

UNLIKE = 0.1
"""How much of its random start a temporal filter keeps beside the unfiltered signal."""


def build(
    n_time: int,
    n_channels: int,
    n_actions: int,
    *,
    filters: int = 1,
    scores: int = 8,
    temporal_kernel: int = 5,
    span: int | None = None,
    score_hop: int | None = None,
    dropout: float = 0.5,
) -> Any:
    """Build the network. A `None` follows the length of the window.

    Args:
        n_time: frames a window, at least 12 for the defaults.
        n_channels: channels a frame.
        n_actions: logits.
        filters: F, temporal filters; each starts as the signal itself beside its negative.
        scores: S, of each stretch.
        temporal_kernel: k in frames.
        span: frames that an envelope averages over; None: an eighth of what the filters leave.
        score_hop: frames between two scores; None: `span`.
        dropout: share of the envelopes, and of the scores, that training drops.

    Raises:
        ConfigError: the window is too short for two scores.
    """
    filtered = n_time - temporal_kernel + 1
    span = span or max(filtered // STRETCHES, 1)
    hop = score_hop or span
    n_scores = (filtered - span) // hop + 1
    if n_scores < 2:
        raise ConfigError(
            f"temporal_context: a window of {n_time} frames has no two scores of {span} frames after a "
            f"filter of {temporal_kernel}, {hop} frames apart; take a longer window, or make these smaller"
        )
    layers = keras.layers
    inputs = layers.Input((n_time, n_channels, 1), name="window")
    x = layers.Conv2D(2 * filters, (temporal_kernel, 1), use_bias=False, name="temporal")(inputs)
    x = layers.BatchNormalization(name="temporal_norm")(x)
    x = layers.ReLU(name="temporal_relu")(x)
    x = layers.AveragePooling2D((span, 1), (hop, 1), name="envelope")(x)
    x = layers.Dropout(dropout, name="envelope_dropout")(x)
    x = layers.Conv2D(scores, (1, n_channels), use_bias=False, name="score")(x)
    x = layers.BatchNormalization(name="score_norm")(x)
    x = layers.ReLU(name="score_relu")(x)
    x = layers.Dropout(dropout, name="score_dropout")(x)
    x = layers.Conv2D(n_actions, (n_scores, 1), name="context")(x)
    model = keras.Model(inputs, layers.Flatten(name="logits")(x), name="temporal_context")
    temporal = model.get_layer("temporal")
    temporal.set_weights([_half_waves(temporal.get_weights()[0])])
    return model


def _half_waves(kernel: Any) -> Any:
    """(k, 1, 1, 2 F) kernels, each followed by its negative."""
    one = UNLIKE * kernel[..., ::2]
    one[-1] += 1
    return np.stack([one, -one], axis=-1).reshape(kernel.shape)
