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

from dataclasses import dataclass, field
from typing import Any, Literal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.manifest import MAX_XNNPACK_STEPS
from neurograsp.edge_runtime.contract.quality_spec import QualitySpec
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec

RUN_SCHEMA = "neurograsp.run/1"
SPARE_STEPS = 2
"""Added to the largest difference seen between kernels: those of other machines differ."""

MAX_KERNEL_STEPS = MAX_XNNPACK_STEPS - SPARE_STEPS

Method = Literal["auto", "qat", "ptq", "ai-edge"]
"""How to quantize: by training, after it by TensorFlow's converter or AI Edge Quantizer, or the best."""


@dataclass(frozen=True)
class GateLimits:
    """What an int8 network must keep to get into a bundle.

    Attributes:
        auc_loss: largest loss of AUC against the float network, on the validation recordings.
        agreement: smallest share of the scores of the validation recordings that call for the same action
            as those of a float network of the same weights.
        decisions: smallest share of the hops there at which the decision layer has the same action active.
            One start that comes later costs as many hops as it is late.
        kernel_steps: largest difference of a golden logit between LiteRT's reference and fast kernels.
        model_bytes: largest `.tflite`.
        arena_bytes: most bytes of its tensors that are alive at the same time.
        operators: allowed besides those that both LiteRT and TFLite Micro run in int8.
    """

    auc_loss: float = 0.003
    agreement: float = 0.99
    decisions: float = 0.95
    kernel_steps: int = MAX_KERNEL_STEPS
    model_bytes: int = 16_000_000
    arena_bytes: int = 1_000_000
    operators: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, share in (("agreement", self.agreement), ("decisions", self.decisions)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}, make it 0 to 1")
        if not 0 <= self.kernel_steps <= MAX_KERNEL_STEPS:
            raise ValueError(f"kernel_steps is {self.kernel_steps}, make it 0 to {MAX_KERNEL_STEPS}")


@dataclass(frozen=True)
class ConvertConfig:
    """Attributes:
    method: "auto" makes all and keeps the best one on the validation recordings.
    gates: what it must keep.
    """

    method: Method = "auto"
    gates: GateLimits = field(default_factory=GateLimits)


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
    quality: when the board is not to believe the signal.
    validated_before: what else validated the runs it was started from.
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
    quality: QualitySpec = field(default_factory=QualitySpec)
    validated_before: tuple[str, ...] = ()

    @property
    def trained_on(self) -> tuple[str, ...]:
        """The recordings that the network of this run has seen, those of the run it started from too."""
        return tuple(dict.fromkeys((*self.train, *(self.validation if self.refit else ()))))

    def __post_init__(self) -> None:
        if self.schema != RUN_SCHEMA:
            raise ValueError(f"schema {self.schema!r} is not {RUN_SCHEMA!r}; train again")
