"""`Manifest`: what a bundle says of itself. Pure data; reading and checking files is bundle.py's."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import BundleError, ConfigError
from neurograsp.edge_runtime.contract.quality_spec import QualitySpec
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.firmware_bridge.strict import decode, encode, parse_json, show

SCHEMA = "neurograsp.bundle/1"
MAX_GOLDEN_WINDOWS = 256
MAX_XNNPACK_STEPS = 16


@dataclass(frozen=True)
class NetworkFacts:
    """The network in `model.tflite`.

    Attributes:
        name: its name in the registry of networks.
        parameters: trained numbers.
        macs: multiplications a window.
        method: how it was quantized, "ptq" or "qat".
        input_shape: (1, window, channels, 1).
        input_scale, input_zero_point: real = (int8 - zero point) * scale.
        output_scale, output_zero_point: the same, for the logits.
        operators: names of the operators inside.
    """

    name: str
    parameters: int
    macs: int
    method: str
    input_shape: tuple[int, ...]
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    operators: tuple[str, ...]


@dataclass(frozen=True)
class StreamFacts:
    """The same network computed hop by hop, in `stream.tflite`.

    Attributes:
        macs: multiplications a hop.
        window_macs: of the window network, counted alike.
        state_bytes: carried from hop to hop.
        window_from: the operator from which on all columns are computed at every hop; None: from none on.
        unused_frames: newest frames of a window that the network does not look at.
        checked_hops: compared with windows at conversion, bit for bit, under the "reference" kernels and the
            "fast" ones; as many of recorded as of random frames.
    """

    macs: int
    window_macs: int
    state_bytes: int
    window_from: str | None
    unused_frames: int
    checked_hops: dict[str, int]


@dataclass(frozen=True)
class GoldenFacts:
    """How exactly `golden.npz` must be reproduced.

    Attributes:
        windows: how many windows are cut from its counts.
        xnnpack_steps: largest difference of a logit, in int8 steps, that other kernels than the
            reference kernels may show.
        decided_alike: on so many of the windows, from the first on, LiteRT's reference and fast kernels led
            to the same decisions at conversion, and must do so anywhere. At most those of recorded counts
            alone: in the random ones behind them one step may decide.
    """

    windows: int
    xnnpack_steps: int
    decided_alike: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.windows <= MAX_GOLDEN_WINDOWS:
            raise ValueError(f"windows: 1 to {MAX_GOLDEN_WINDOWS}, not {self.windows}")
        if not 0 <= self.xnnpack_steps <= MAX_XNNPACK_STEPS:
            raise ValueError(f"xnnpack_steps: 0 to {MAX_XNNPACK_STEPS}, not {self.xnnpack_steps}")
        if not 0 <= self.decided_alike <= self.windows:
            raise ValueError(f"decided_alike: 0 to {self.windows} windows, not {self.decided_alike}")


@dataclass(frozen=True)
class Provenance:
    """Where a bundle comes from.

    Attributes:
        config: the training configuration, complete.
        data_sha256: of the counts and labels it was trained on.
        train, validation: the recordings of each, as "subject/session".
        seed: of training and conversion.
        versions: of the packages that took part.
        refit: the network was trained on the validation recordings too, after these had chosen the epoch,
            the way to quantize and the thresholds.
        validated_before: what else validated the runs it was started from.
    """

    config: dict[str, Any]
    data_sha256: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    seed: int
    versions: dict[str, str]
    refit: bool = False
    validated_before: tuple[str, ...] = ()

    @property
    def validated_on(self) -> str:
        """In words."""
        said = ", ".join(self.validation) + (", then trained on these too" if self.refit else "")
        if self.validated_before:
            said += f"; the runs before it on {', '.join(self.validated_before)}"
        return said


@dataclass(frozen=True)
class Manifest:
    """Attributes:
    schema: "neurograsp.bundle/1".
    name: of the bundle, for people.
    signal, decision, network, golden, provenance: see the classes.
    labels: how labels were turned into targets, "events" or "states".
    reference_decisions: thresholds of the "float" network and of the "linear" baseline, for comparison.
    files: SHA-256 of every other file in the bundle, by name.
    scores: on the validation recordings: `recordings`, figures of the `candidates`, which one was
        `chosen` and the `reason`, and the controller's figures (`decision`); docs/scores.md.
    stream: of `stream.tflite`; None in a bundle without it.
    quality: when the signal is not to be believed.
    """

    schema: str
    name: str
    signal: SignalSpec
    decision: DecisionSpec
    labels: Literal["events", "states"]
    reference_decisions: dict[str, DecisionSpec]
    network: NetworkFacts
    golden: GoldenFacts
    files: dict[str, str]
    provenance: Provenance
    scores: dict[str, Any]
    stream: StreamFacts | None = None
    quality: QualitySpec = field(default_factory=QualitySpec)

    def __post_init__(self) -> None:
        n_actions = len(self.signal.actions.names)
        moving = set(self.signal.actions.names) - {self.signal.actions.rest}
        for spec in (self.decision, *self.reference_decisions.values()):
            if len(spec.on) != n_actions:
                raise ValueError(f"decision: {n_actions} actions need as many thresholds")
            after = spec.after or {}
            before = {name for names in after.values() for name in names}
            unknown = (set(after) | before - {""}) - moving
            if unknown:
                raise ValueError(f"decision.after: {show(sorted(unknown))} are not actions that can start")
        wanted = (1, self.signal.window, len(self.signal.channels), 1)
        if self.network.input_shape != wanted:
            raise ValueError(
                f"network.input_shape: {self.network.input_shape}, but the signal gives {wanted}"
            )
        for name, digest in self.files.items():
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                raise ValueError(f"files.{name}: not a SHA-256")


def parse_manifest(raw: bytes, where: str) -> Manifest:
    """Read `manifest.json`.

    Raises:
        BundleError: not JSON, another schema, or a field that is missing, unknown or impossible.
    """
    try:
        tree = parse_json(raw)
    except ValueError as error:
        raise BundleError(f"{where}: manifest.json is not valid JSON: {error}") from error
    schema = tree.get("schema") if isinstance(tree, dict) else None
    if schema != SCHEMA:
        raise BundleError(f"{where}: schema {show(schema)} is not {SCHEMA!r}; convert the run again")
    try:
        return decode(Manifest, tree, f"{where}: manifest")
    except ConfigError as error:
        raise BundleError(str(error)) from error


def render_manifest(manifest: Manifest) -> bytes:
    """`manifest.json`: sorted keys, so that the same manifest gives the same bytes."""
    text = json.dumps(encode(manifest), indent=1, sort_keys=True, allow_nan=False)
    return text.encode() + b"\n"
