"""The article's recurrent alternative: an LSTM over the frames of the window.

Source: "From brain waves to arm movements with deep learning", which names an LSTM beside its CNN without
its sizes; the cell is that of Hochreiter, S. & Schmidhuber, J. Long short-term memory. Neural Comput. 9,
1735-1780 (1997). One layer here, read out at the newest frame, so that the network is causal whatever the
window. Post-training quantization makes it integer throughout (one operator with 16-bit cell states);
quantization-aware training does not know the layer.

    (n_time, n_channels, 1)
    Reshape (n_time, n_channels), LSTM, Dropout, Dense n_actions

At 29 x 32 and 6 actions: 25,222 parameters, 713,088 MACs.
"""

from typing import Any

from neurograsp.train.models._keras import keras


def build(
    n_time: int,
    n_channels: int,
    n_actions: int,
    *,
    units: int = 64,
    dropout: float = 0.5,
) -> Any:
    """Build the network.

    Args:
        n_time: frames a window.
        n_channels: channels a frame.
        n_actions: logits.
        units: of the LSTM.
        dropout: share of its last output that training drops.
    """
    layers = keras.layers
    inputs = layers.Input((n_time, n_channels, 1), name="window")
    x = layers.Reshape((n_time, n_channels), name="frames")(inputs)
    x = layers.LSTM(units, name="lstm")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(n_actions, name="logits")(x), name="article_lstm")
