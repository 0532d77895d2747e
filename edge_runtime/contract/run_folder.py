"""`RunFacts`: what a training run leaves in `run.json`, and what conversion reads there.

A run folder holds

    run.json        RunFacts
    config.toml     the configuration as given; as applied it is in run.json
    model.keras     the float network
    validated.keras with a refit: the float network before it
    linear.npz      the linear baseline
    frames_train.npy, frames_validation.npy, with a refit frames_refit.npy
                    filtered frames (n_frames, n_channels) int8 of all recordings, one after the other
    windows.npz     for each of these parts: last_{part} (n,) int64, row of the newest frame of each
                    window, and y_{part} (n, n_actions) float32
    streams.npz     the validation recordings as the pipeline cuts them: for number i the arrays
                    {i}.windows (n, window, n_channels) int8, {i}.time_s, {i}.restart,
                    {i}.event_start_s, {i}.event_stop_s, {i}.event_action, {i}.rest_start_s,
                    {i}.rest_stop_s as in ScoredStream, {i}.picked (rows that are examples) and {i}.truth
                    (n_examples, n_actions) uint8, their actions; and golden_counts (n_frames, n_channels)
                    int32, one contiguous stretch
    history.json    figures of each epoch
    metrics.json    float and linear scores on the validation recordings, before a refit
"""

from dataclasses import dataclass
from typing import Any, Literal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec

RUN_SCHEMA = "neurograsp.run/1"

Method = Literal["auto", "qat", "ptq"]
"""How to quantize: by training, after it, or the better of both."""


@dataclass(frozen=True)
class RunFacts:
    """Attributes:
    schema: "neurograsp.run/1".
    name: of the run, for people.
    signal: the signal the network was trained on; of the first subject where each has its own.
    subject_signals: of each subject, where several have each their own; else empty.
    decision: times and order of the decision layer; its thresholds are chosen at conversion.
    reference_decisions: with the thresholds of the "float" network and of the "linear" baseline.
    target_fa_per_min: the false activations a minute to choose them for.
    labels: how labels become targets, see the training configuration.
    network: name in the registry.
    parameters, macs: of the network.
    method: how to quantize.
    config: the training configuration, complete.
    data_sha256: of the training and validation counts and labels.
    train, validation: recordings as "subject/session"; train names those of the run it started from too.
    seed: of training.
    versions: of the packages that took part.
    refit: network and baseline were trained once more, on the validation recordings too, after these had
        chosen the epoch and the thresholds.
    """

    schema: str
    name: str
    signal: SignalSpec
    subject_signals: dict[str, SignalSpec]
    decision: DecisionSpec
    reference_decisions: dict[str, DecisionSpec]
    target_fa_per_min: float
    labels: Literal["events", "states"]
    network: str
    parameters: int
    macs: int
    method: Method
    config: dict[str, Any]
    data_sha256: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    seed: int
    versions: dict[str, str]
    refit: bool = False

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The recordings that the network of this run has seen, those of the run it started from too."""
        return tuple(dict.fromkeys((*self.train, *(self.validation if self.refit else ()))))

    def __post_init__(self) -> None:
        if self.schema != RUN_SCHEMA:
            raise ValueError(f"schema {self.schema!r} is not {RUN_SCHEMA!r}; train again")
