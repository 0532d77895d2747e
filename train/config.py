"""The training configuration: one TOML file, see examples/configs/."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec, Proportional
from neurograsp.edge_runtime.contract.quality_spec import QualitySpec
from neurograsp.edge_runtime.contract.run_folder import ConvertConfig
from neurograsp.edge_runtime.contract.signal_spec import GapPolicy
from neurograsp.train.filter_design import FilterConfig
from neurograsp.train.fit import FitOptions
from neurograsp.train.splits import Split


@dataclass(frozen=True)
class DataOrigin:
    """Whom to thank for recordings, and on which terms they may be used.

    Attributes:
        name: of the data set.
        version: of the data set, or of what it came through.
        licence: its short name.
        citation: the publication that the authors ask to be cited.
        address: where it comes from.
    """

    name: str
    version: str
    licence: str
    citation: str
    address: str


@dataclass(frozen=True)
class DataConfig:
    """Attributes:
    path: a folder of recordings or one recording; relative to the configuration file.
    subjects, sessions: which ones; all when left out.
    channels: only these, in this order; all when left out. Names in any case.
    without: all but these.
    split: what of them validates, see `Split`.
    held_out: the sessions (of "cross-session") or subjects (of "cross-subject") that validate; the last
        one when left out.
    origin: where the recordings come from, kept with the run.
    """

    path: str
    subjects: tuple[int | str, ...] | None = None
    sessions: tuple[int | str, ...] | None = None
    channels: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    split: Split = "auto"
    held_out: tuple[int | str, ...] | None = None
    origin: DataOrigin | None = None

    def __post_init__(self) -> None:
        if self.channels is not None and self.without:
            raise ValueError("data: channels and without are both given; name one kind")
        if self.held_out is not None and self.split not in ("cross-session", "cross-subject"):
            raise ValueError(
                "data.held_out: set data.split to 'cross-session' or 'cross-subject', to tell sessions from "
                "subjects"
            )


@dataclass(frozen=True)
class ActionsConfig:
    """Attributes:
    names: the actions, in the order of the network's outputs.
    commands: the hand's action for each.
    output: "sigmoid" or "softmax".
    rest: the action that means none.
    labels: the recordings' labels for each action, by the action's name; the name itself when left out.
    """

    names: tuple[str, ...]
    commands: tuple[str, ...]
    output: Literal["sigmoid", "softmax"]
    rest: str | None = None
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class SignalConfig:
    """Attributes:
    adc_bits: counts lie within +-2^(adc_bits - 1).
    filters: the stages, in order.
    window, hop: frames after decimation.
    gap: what to do when frames are missing.
    per_subject: fit whitening and scale to each subject alone, without labels, so that people become
        alike. A run of several such subjects is one to start others from, see `neurograsp train --from`.
    """

    adc_bits: int
    filters: tuple[FilterConfig, ...]
    window: int
    hop: int
    gap: GapPolicy = field(default_factory=GapPolicy)
    per_subject: bool = False


Unlabelled = Literal["unknown", "none"]


@dataclass(frozen=True)
class LabelsConfig:
    """How labelled stretches become targets.

    Attributes:
        kind: "events": a stretch surrounds an event; the window that ends with it is its example.
            "states": every window is an example of the state at its newest frame.
        train_hop: frames after decimation between two training windows.
        tolerance: events: training windows may end so many frames (after decimation) beside the
            stretch's end.
        skip_s: states: seconds after a state begins that no training window reaches into, because
            labels follow the cue and people are slower.
        border_s: states: training windows across the border of two states are examples too, and the target
            goes from one to the other along a straight line, from so many seconds before the border to as
            many after. What validates is hard, and the baseline trains within one state. 0: they are left
            out.
        unlabelled: states: what it means when nothing is labelled; "unknown" makes no example of it, "none"
            an example of no action (of rest, where the action set has it).
    """

    kind: Literal["events", "states"]
    train_hop: int = 1
    tolerance: int = 2
    skip_s: float = 0.0
    border_s: float = 0.0
    unlabelled: Unlabelled = "unknown"

    @property
    def hard(self) -> "LabelsConfig":
        """The same without windows across a border of states."""
        return replace(self, border_s=0.0)

    def __post_init__(self) -> None:
        if self.train_hop < 1:
            raise ValueError(f"labels: train_hop is {self.train_hop}, make it 1 or greater")
        if self.tolerance < 0 or not self.skip_s >= 0:
            raise ValueError("labels: tolerance and skip_s must be zero or greater")
        if not 0 <= self.border_s < math.inf:
            raise ValueError("labels: border_s must be zero or greater")
        if self.border_s and self.kind == "events":
            raise ValueError("labels: border_s is for states; events in pieces have no border to another")
        if self.border_s and self.skip_s:
            raise ValueError(
                "labels: border_s and skip_s are both given; soften the borders or leave them out"
            )


@dataclass(frozen=True)
class NetworkConfig:
    """Attributes:
    name: in the registry of networks.
    options: of that network.
    """

    name: str = "eegnet"
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "seed" in self.options:
            raise ValueError("network.options: seed is not one of them; set fit.seed")


@dataclass(frozen=True)
class DecisionConfig:
    """The times and order of `DecisionSpec`; the thresholds are chosen on the validation recordings.

    Attributes:
        target_fa_per_min: false activations a minute of rest to choose them for.
        proportional: speed or force by the probability.
    """

    target_fa_per_min: float = 2.0
    smooth: int = 1
    dwell: int = 1
    refractory_s: float = 0.0
    after: dict[str, tuple[str, ...]] | None = None
    proportional: Proportional | None = None

    def __post_init__(self) -> None:
        if not self.target_fa_per_min > 0:
            raise ValueError("decision: target_fa_per_min must be greater than zero")
        self.template(1)

    def template(self, n_actions: int) -> DecisionSpec:
        thresholds = (0.5,) * n_actions
        return DecisionSpec(
            *(thresholds, thresholds, self.smooth, self.dwell, self.refractory_s, self.after),
            proportional=self.proportional,
        )


@dataclass(frozen=True)
class TrainConfig:
    """Attributes:
    name: of the bundle this becomes.
    """

    name: str
    data: DataConfig
    signal: SignalConfig
    labels: LabelsConfig
    actions: ActionsConfig
    network: NetworkConfig = field(default_factory=NetworkConfig)
    fit: FitOptions = field(default_factory=FitOptions)
    decision: DecisionConfig = field(default_factory=DecisionConfig)
    quality: QualitySpec = field(default_factory=QualitySpec)
    convert: ConvertConfig = field(default_factory=ConvertConfig)

    def __post_init__(self) -> None:
        names = self.actions.names
        if self.labels.unlabelled == "none" and self.actions.output == "softmax" and not self.actions.rest:
            raise ValueError(
                "labels.unlabelled = 'none': a softmax always has one action; name actions.rest, or set "
                "actions.output = 'sigmoid'"
            )
        moving = tuple(name for name in names if name != self.actions.rest)
        after = self.decision.after or {}
        predecessors = {name for allowed in after.values() for name in allowed} - {""}
        for key, used, known in (
            ("actions.labels", set(self.actions.labels), names),
            ("decision.after", set(after) | predecessors, moving),
        ):
            unknown = used.difference(known)
            if unknown:
                raise ValueError(f"{key}: {', '.join(sorted(unknown))} is none of {', '.join(known)}")
