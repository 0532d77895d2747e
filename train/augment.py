"""Training windows that differ a little each time they are seen; off by default.

Lashgari, Liang & Maoz, "Data augmentation for deep-learning-based electroencephalography", J. Neurosci.
Methods 346:108885 (2020); Rommel, Paillard, Moreau & Gramfort, "Data augmentation for learning predictive
models on EEG: a systematic comparison", J. Neural Eng. 19:066020 (2022), who find no best one: what helps
differs from task to task, so measure on recordings that may choose. Noise is added in `fit`.
"""

from typing import Any

import numpy as np

from neurograsp.edge_runtime.lazy_windows import LazyWindows
from neurograsp.train.window_set import WindowSet


def shifted(windows: WindowSet, most: int, rng: np.random.Generator) -> WindowSet:
    """Every window ends up to `most` frames earlier or later, within its room, evenly drawn."""
    if most == 0 or windows.room is None:
        return windows
    back, forth = np.minimum(windows.room, most).T
    x = windows.x
    last = x.last + rng.integers(-back, forth, endpoint=True)
    return WindowSet(LazyWindows(x.frames, last, x.shape[1]), windows.y, windows.room)


def distorted(batches: Any, scaling: float, channel_dropout: float, seed: tuple[int, int]) -> Any:
    """Scale whole windows, and silence whole electrodes.

    The draws depend on the seed and the number of the batch alone, so they repeat whatever else is random.

    Args:
        batches: a `tf.data.Dataset` of (k, n_time, n_channels) windows and their targets.
        scaling: standard deviation of the logarithm of a window's amplitude.
        channel_dropout: share of the electrodes, each for a whole window.
        seed: of the run and of the epoch.

    Returns:
        the same with windows of float32, in steps of the int8 ones; `batches` itself where there is nothing
        to do.
    """
    if not scaling and not channel_dropout:
        return batches
    from neurograsp.train.models._keras import tf

    def distort(batch: Any, given: tuple[Any, Any]) -> tuple[Any, Any]:
        x, y = given
        real = tf.cast(x, tf.float32)
        n, _, n_channels = tf.unstack(tf.shape(real))
        own = tf.random.experimental.stateless_fold_in(tf.constant(seed, tf.int64), batch)
        for_amplitude, for_kept = tf.unstack(tf.random.split(own))
        amplitude = tf.exp(scaling * tf.random.stateless_normal((n, 1, 1), for_amplitude))
        kept = tf.random.stateless_uniform((n, 1, n_channels), for_kept) >= channel_dropout
        return real * amplitude * tf.cast(kept, tf.float32), y

    return batches.enumerate().map(distort)


def mixed(batches: Any, alpha: float, seed: tuple[int, int]) -> Any:
    """Lay another window of the batch over each one, and mix their targets likewise.

    Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: Beyond empirical risk minimization", ICLR 2018. The draws
    repeat as those of `distorted` do.

    Args:
        batches: a `tf.data.Dataset` of (k, n_time, n_channels) windows and (k, n_actions) targets.
        alpha: the larger part of two has a share of max(b, 1 - b), b drawn from a Beta(alpha, alpha).
        seed: of the run and of the epoch.

    Returns:
        the same with windows of float32; `batches` itself where alpha is 0.
    """
    if not alpha:
        return batches
    from neurograsp.train.models._keras import tf

    def mix(batch: Any, given: tuple[Any, Any]) -> tuple[Any, Any]:
        x, y = given
        real, n = tf.cast(x, tf.float32), tf.shape(y)[0]
        own = tf.random.experimental.stateless_fold_in(tf.constant(seed, tf.int64), batch)
        for_share, for_other = tf.unstack(tf.random.split(own))
        one, two = tf.unstack(tf.random.stateless_gamma((2, n), for_share, alpha))
        part = tf.math.divide_no_nan(one, one + two)
        share = tf.maximum(part, 1 - part)[:, None]
        other = tf.argsort(tf.random.stateless_uniform((n,), for_other))
        return (
            share[..., None] * real + (1 - share[..., None]) * tf.gather(real, other),
            share * y + (1 - share) * tf.gather(y, other),
        )

    return batches.enumerate().map(mix)
