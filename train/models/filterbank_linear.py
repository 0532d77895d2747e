"""The baseline that every network must beat: a bank of low-pass filters and a linear classifier.

Source: Barachant, A. and Cycon, R., winning solution of the Kaggle Grasp-and-Lift EEG Detection (2015),
whose first level takes causal Butterworth low-pass filters of 0.5 to 30 Hz and linear classifiers.
Changed here: first-order filters that see one window only, each started in the steady state of the
window's first frame, and for EMG and oscillations the log power of the differences of neighbouring
bands, the log mean absolute value and the log mean absolute difference of each channel. The classifier
is a linear discriminant with Ledoit-Wolf shrinkage and flat priors.

Fitting needs SciPy and scikit-learn; predicting needs numpy only, because a linear filter over a fixed
window is a matrix. At 29 x 32 and 100 Hz: 10 filters, 672 features, 0.27 million MACs.
"""

import math
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import ConfigError, MissingExtra
from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE
from neurograsp.edge_runtime.decoder_scores import one_against_rest
from neurograsp.train.models import NetworkSummary
from neurograsp.train.window_set import WindowSet

CORNERS_HZ = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 9.0, 15.0, 30.0)
FLOOR = INPUT_SCALE**2
"""Added under each logarithm: a power of one input step squared, so that silence stays finite."""

MOST_WINDOWS = 100_000
"""The classifier is fitted to so many, evenly spaced ones."""

_ARRAYS = ("responses", "weights", "bias")


class FilterbankLinear:
    """The fitted baseline.

    Args:
        responses: (n_filters, n_time) impulse responses, by rising corner frequency.
        weights: (n_features, n_actions).
        bias: (n_actions,).
        exclusive: the linear scores are of actions that exclude each other and are wanted as log-odds
            of one against all others.

    Raises:
        ConfigError: the shapes do not fit, or a value is not finite.
    """

    def __init__(
        self,
        responses: NDArray[np.float64],
        weights: NDArray[np.float64],
        bias: NDArray[np.float64],
        exclusive: bool = False,
    ) -> None:
        if responses.ndim != 2 or weights.ndim != 2 or bias.shape != weights.shape[1:]:
            raise ConfigError(
                f"filterbank_linear: responses {responses.shape}, weights {weights.shape} and bias "
                f"{bias.shape} do not fit together"
            )
        if not all(np.isfinite(array).all() for array in (responses, weights, bias)):
            raise ConfigError("filterbank_linear: a coefficient is not finite")
        self.responses, self.weights, self.bias = responses, weights, bias
        self.exclusive = exclusive
        self._matrices = filter_matrices(responses)

    def logits(self, x: NDArray[np.int8]) -> NDArray[np.float64]:
        """Logits of windows.

        Args:
            x: (n, n_time, n_channels) int8.

        Returns:
            (n, n_actions) float64.

        Raises:
            ConfigError: the windows are not of the shape that was fitted.
        """
        n_filters, n_time = self.responses.shape
        n_features = x.shape[-1] * (2 * n_filters + 1)
        if x.ndim != 3 or x.shape[1] != n_time or n_features != len(self.weights):
            raise ConfigError(
                f"filterbank_linear: windows {x.shape}, fitted for "
                f"(n, {n_time}, {len(self.weights) // (2 * n_filters + 1)})"
            )
        # A few at a time: the filtered copies take 8 * n_filters times the memory of the windows.
        batches = [features(x[i : i + 256], self._matrices) for i in range(0, len(x), 256)]
        scores = np.concatenate([np.zeros((0, n_features)), *batches]) @ self.weights + self.bias
        return one_against_rest(scores, "softmax") if self.exclusive else scores

    def summary(self) -> NetworkSummary:
        """Its size: the classifier's coefficients; multiplications of it and of the filters as matrices."""
        n_filters, n_time = self.responses.shape
        n_channels = len(self.weights) // (2 * n_filters + 1)
        macs = n_filters * n_time**2 * n_channels + self.weights.size
        return NetworkSummary("filterbank_linear", self.weights.size + self.bias.size, macs)

    def save(self, path: Path) -> None:
        """Write a `.npz` without pickled objects."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with path.open("wb") as file:
            np.savez_compressed(file, exclusive=np.array(self.exclusive), **arrays)

    @classmethod
    def load(cls, path: Path | BinaryIO) -> Self:
        """Read what `save` wrote.

        Raises:
            ConfigError: the file is missing, damaged, or something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                responses, weights, bias = (np.asarray(file[name], np.float64) for name in _ARRAYS)
                exclusive = bool(file["exclusive"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise ConfigError(f"{path}: no filterbank_linear file ({error}), train again") from error
        return cls(responses, weights, bias, exclusive)


def fit_filterbank_linear(
    train: WindowSet, rate_hz: float, output: Literal["sigmoid", "softmax"]
) -> FilterbankLinear:
    """Fit to windows.

    Args:
        train: windows to learn from; of soft targets the greater share counts.
        rate_hz: frames a second inside a window.
        output: "softmax": one classifier over all actions. "sigmoid": the same as log-odds where
            every training window has exactly one action, else a two-way classifier an action.

    Raises:
        ConfigError: an action is never or always present, or the rate is not positive.
        MissingExtra: SciPy or scikit-learn is not installed.
    """
    responses = design(train.x.shape[1], rate_hz)
    every = math.ceil(len(train) / MOST_WINDOWS)
    y = train.y[::every]
    hard = np.eye(y.shape[1], dtype=bool)[y.argmax(axis=1)] if output == "softmax" else y >= 0.5
    present = hard.mean(axis=0)
    if not ((present > 0) & (present < 1)).all():
        raise ConfigError(
            f"filterbank_linear: action number {int(np.argmax((present <= 0) | (present >= 1)))} is in "
            "none or in all of the training windows, take more recordings or leave it out"
        )
    matrices = filter_matrices(responses)
    batches = range(0, len(train), 256 * every)
    x = np.concatenate([features(train.x[i : i + 256 * every : every], matrices) for i in batches])
    one_each = bool((hard.sum(axis=1) == 1).all())
    if output == "softmax" or (one_each and y.shape[1] > 2):
        weights, bias = _discriminant(x, hard.argmax(axis=1))
    else:
        one_each = False
        pairs = [_discriminant(x, one) for one in hard.T]
        weights = np.stack([w[:, 1] - w[:, 0] for w, _ in pairs], axis=1)
        bias = np.array([b[1] - b[0] for _, b in pairs])
    return FilterbankLinear(responses, weights, bias, exclusive=one_each and output == "sigmoid")


def design(n_time: int, rate_hz: float) -> NDArray[np.float64]:
    """Impulse responses of the bank.

    Args:
        n_time: frames a window.
        rate_hz: frames a second.

    Returns:
        (n_filters, n_time) float64: the corners of `CORNERS_HZ` under 95 % of the Nyquist frequency.
    """
    try:
        from scipy.signal import butter, lfilter
    except ImportError as error:
        raise MissingExtra("SciPy", "train") from error
    corners = [corner for corner in CORNERS_HZ if corner < 0.95 * rate_hz / 2]
    if not corners:
        raise ConfigError(f"filterbank_linear: no filter fits under a rate of {rate_hz} Hz, decimate less")
    pulse = np.zeros(n_time)
    pulse[0] = 1
    return np.stack([lfilter(*butter(1, corner, fs=rate_hz), pulse) for corner in corners])


def filter_matrices(responses: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_filters, n_time, n_time): row i makes a filter's output at frame i from the window's frames."""
    frames = np.arange(responses.shape[1])
    lag = np.subtract.outer(frames, frames)
    return np.where(lag >= 0, responses[:, np.maximum(lag, 0)], 0.0)


def features(x: NDArray[np.int8], matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the linear classifier sees.

    Args:
        x: (n, n_time, n_channels) int8 windows.
        matrices: (n_filters, n_time, n_time), see `filter_matrices`.

    Returns:
        (n, (2 * n_filters + 1) * n_channels): last output of each filter, log power of each difference
        of neighbouring filters, log mean absolute value, log mean absolute difference.
    """
    real = x * INPUT_SCALE
    # Unit gain at 0 Hz: the steady state of the first frame is the first frame itself.
    first = real[:, None, :1]
    low = first + matrices @ (real[:, None] - first)
    band_power = np.square(np.diff(low, axis=1)).mean(axis=2)
    size = np.stack([np.abs(real).mean(axis=1), np.abs(np.diff(real, axis=1)).mean(axis=1)], axis=1)
    logs = np.concatenate([np.log(band_power + FLOOR), np.log(size + INPUT_SCALE)], axis=1)
    return np.concatenate([low[:, :, -1], logs], axis=1).reshape(len(x), -1)


def _discriminant(x: NDArray[np.float64], action: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights (n_features, n_classes) and bias of each class's linear discriminant score."""
    try:
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error
    n_classes = len(np.unique(action))
    lda = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage="auto", priors=np.full(n_classes, 1 / n_classes)
    ).fit(x, action)
    if n_classes == 2:
        return np.stack([-lda.coef_[0], lda.coef_[0]], 1) / 2, np.array([-1, 1]) * lda.intercept_ / 2
    return lda.coef_.T, lda.intercept_
