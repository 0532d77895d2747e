"""A Riemannian classifier on the windows and splits of benchmarks/decoding.py: for reference only.

    python benchmarks/riemann.py --data DIR [--jobs gal rest emg]

Source: Barachant, A., Bonnet, S., Congedo, M. and Jutten, C. Multiclass brain-computer interface
classification by Riemannian geometry. IEEE Trans. Biomed. Eng. 59, 920-928 (2012),
doi:10.1109/TBME.2011.2172210, as in pyriemann: covariance of each window, tangent space, logistic
regression. The grasp-and-lift events, whose shape in time tells, get the covariance of the window beside
their average responses (Xdawn). Matrix logarithms have no int8 form, so no bundle comes of it.

Each person is fitted alone, to the training part; the validation part sets the thresholds, and with
`fit.refit` is fitted to after that. The windows went through the board's integer filter. Nothing is random.
DIR is that of benchmarks/decoding.py.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from decoding import CONFIGS, Bench, Scores, parser_of, print_rows
from pyriemann.estimation import Covariances, XdawnCovariances
from pyriemann.tangentspace import TangentSpace
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE, SignalSpec
from neurograsp.edge_runtime.thresholds import calibrate
from neurograsp.train import evaluate
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Recording, open_recordings
from neurograsp.train.models.filterbank_linear import fit_filterbank_linear
from neurograsp.train.run import names_of
from neurograsp.train.signal_fit import fit_signals
from neurograsp.train.splits import split
from neurograsp.train.window_set import WindowSet
from neurograsp.train.windows import training_set

JOBS = ("gal", "rest", "emg")
XDAWN_FILTERS = 2
"""For each event."""

MOST_WINDOWS = 2_000
"""Fitted to so many, evenly spaced ones; neighbours overlap."""


@dataclass(frozen=True)
class ReferenceScores:
    """Attributes:
    figures: model to measure to value.
    replays: model to replays.
    """

    figures: dict[str, dict[str, Any]]
    replays: dict[str, list[evaluate.Replay]]


@dataclass(frozen=True)
class Fitted:
    """Models of one person.

    Attributes:
        config: what they were trained by.
        signal: of their windows.
        models: "riemann" and "linear" to scorers.
        decisions: the same to decision layers.
    """

    config: TrainConfig
    signal: SignalSpec
    models: dict[str, evaluate.BatchScorer]
    decisions: dict[str, DecisionSpec]

    def score(self, recordings: Sequence[Recording], skip_s: float) -> ReferenceScores:
        """Score recordings as `score_bundle` does."""
        heard = [evaluate.hear(one, self.signal) for one in recordings]
        replays = {
            name: replay_all(recordings, heard, self.signal, self.config, scorer, skip_s)
            for name, scorer in self.models.items()
        }
        figures = {
            name: evaluate.measure(found, self.signal, self.decisions[name])
            for name, found in replays.items()
        }
        return ReferenceScores(figures, replays)


@dataclass(frozen=True)
class Reference:
    """A `decoding.Bench` that fits pyriemann's classifier instead of a network.

    Attributes:
        data: folder of the sets.
    """

    data: Path
    _overrides: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    _fitted: dict[str, Fitted] = field(default_factory=dict)

    def train(self, config: str, name: str, *overrides: str, start: str | None = None) -> None:
        """Remember what to fit: runs that nobody scores, as those to start others from, are not needed."""
        self._overrides[name] = config, overrides

    def score(
        self, name: str, where: str, subject: int, sessions: Sequence[int], skip_s: float = 0.0
    ) -> Scores:
        if name not in self._fitted:
            file, overrides = self._overrides[name]
            text = (CONFIGS / file).read_text(encoding="utf-8")
            config = parse_config(TrainConfig, text, file, environment={}, overrides=overrides)
            self._fitted[name] = fit(config)
        return self._fitted[name].score(open_recordings(self.data / where, subject, sessions), skip_s)


def fit(config: TrainConfig) -> Fitted:
    """Fit both models to a configuration's training part, and their thresholds to its validation part."""
    recordings = open_recordings(Path(config.data.path), config.data.subjects, config.data.sessions)
    train, validation = split(recordings, config.labels.kind, config.data.split)
    signals = fit_signals(config, train)
    signal = signals[train[0].subject]
    models = fit_models(config, train, signals)
    heard = [evaluate.hear(one, signal) for one in validation]
    decisions = {
        name: calibrate(
            [one.stream for one in replay_all(validation, heard, signal, config, scorer)],
            signal.actions,
            config.decision.template(len(signal.actions.names)),
            config.decision.target_fa_per_min,
            ", ".join(names_of(validation)),
        )
        for name, scorer in models.items()
    }
    if config.fit.refit:
        models = fit_models(config, [*train, *validation], signals)
    return Fitted(config, signal, models, decisions)


def fit_models(
    config: TrainConfig, recordings: Sequence[Recording], signals: Mapping[str, SignalSpec]
) -> dict[str, evaluate.BatchScorer]:
    signal = signals[recordings[0].subject]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "frames.npy"
        windows = training_set(recordings, signals, config.labels, config.actions, store)
        linear = fit_filterbank_linear(windows, signal.rate_hz / signal.decimation, signal.actions.output)
        return {"riemann": fit_riemann(windows, config.labels.kind), "linear": linear.logits}


def fit_riemann(train: WindowSet, kind: Literal["events", "states"]) -> evaluate.BatchScorer:
    """Fit to windows of actions that exclude each other.

    Returns:
        Windows (n, n_time, n_channels) int8 to log-probabilities (n, n_actions).
    """
    rows = np.arange(0, len(train), -(-len(train) // MOST_WINDOWS))
    covariances = XdawnCovariances(XDAWN_FILTERS, estimator="oas") if kind == "events" else Covariances("oas")
    classifier = LogisticRegression(class_weight="balanced", max_iter=1000)
    model = make_pipeline(covariances, TangentSpace(), classifier)
    model.fit(trials(train.x[rows]), train.y[rows].argmax(axis=1))
    return lambda windows: model.predict_log_proba(trials(windows))


def trials(windows: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """(n, n_channels, n_time) real values, as pyriemann takes them."""
    return windows.transpose(0, 2, 1) * INPUT_SCALE


def replay_all(
    recordings: Sequence[Recording],
    heard: Sequence[evaluate.Heard],
    signal: SignalSpec,
    config: TrainConfig,
    scorer: evaluate.BatchScorer,
    skip_s: float = 0.0,
) -> list[evaluate.Replay]:
    return [
        evaluate.replay(recording, one, signal, config.actions, config.labels, scorer, skip_s)
        for recording, one in zip(recordings, heard)
    ]


def main() -> None:
    arguments = parser_of(__doc__, JOBS).parse_args()

    def bench_of(folder: Path, seed: int) -> Bench:
        return Reference(arguments.data.resolve())

    for job in arguments.jobs:
        print_rows(job, "riemann / linear", [0], bench_of)


if __name__ == "__main__":
    main()
