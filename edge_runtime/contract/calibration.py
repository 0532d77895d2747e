"""`Calibration`: what `neurograsp calibrate` leaves for `neurograsp run`. The bundle stays as it is."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.manifest import Manifest
from neurograsp.firmware_bridge.strict import decode, encode, parse_json, show

SCHEMA = "neurograsp.calibration/1"
MAX_BYTES = 4 * 2**20
MAX_OCTAVES = 100.0


@dataclass(frozen=True)
class DriftReference:
    """The network's input while the person rested, for `drift.DriftMonitor` to compare with.

    Attributes:
        covariance: of the channels about zero, in real values (a step of the window is 1/16): its lower
            triangle, row by row.
        level: lower quartile, over the hops, of log2 of the power of their frames whitened by it.
        spread: interquartile range of the same.
    """

    covariance: tuple[float, ...]
    level: float
    spread: float

    def __post_init__(self) -> None:
        if not abs(self.level) <= MAX_OCTAVES or not 0 <= self.spread <= MAX_OCTAVES:
            raise ValueError(f"drift: level within +-{MAX_OCTAVES:g}, spread 0 to {MAX_OCTAVES:g} octaves")


@dataclass(frozen=True)
class Calibration:
    """Attributes:
    schema: "neurograsp.calibration/1".
    bundle_sha256: the one bundle that it is for.
    made_at: when, as ISO 8601.
    source: what was listened to, in words.
    target_fa_per_min: false activations a minute of rest that were wanted.
    rest_s: seconds of rest that they were counted in.
    false_activations: how many there were, with the thresholds below.
    n_events, hits: labelled events, and how many were found; both 0 where only rest was listened to.
    on, off: thresholds, see `DecisionSpec`.
    drift: None where the rest was too short for one.
    """

    schema: str
    bundle_sha256: str
    made_at: str
    source: str
    target_fa_per_min: float
    rest_s: float
    false_activations: int
    n_events: int
    hits: int
    on: tuple[float, ...]
    off: tuple[float, ...]
    drift: DriftReference | None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.bundle_sha256):
            raise ValueError("bundle_sha256: not a SHA-256")
        if not self.target_fa_per_min > 0 or not self.rest_s > 0:
            raise ValueError("target_fa_per_min and rest_s must be above 0")
        if self.false_activations < 0 or not 0 <= self.hits <= self.n_events:
            raise ValueError("false_activations and hits are counts, of n_events at most")
        DecisionSpec(self.on, self.off)

    def applied_to(self, manifest: Manifest, sha256: str, where: str) -> DecisionSpec:
        """The bundle's decision layer with these thresholds; its times and its order stay.

        Args:
            manifest, sha256: of the bundle that is to run.
            where: the calibration's file, for messages.

        Raises:
            ConfigError: it was made for another bundle, or does not fit this one.
        """
        if self.bundle_sha256 != sha256:
            raise ConfigError(
                f"{where}: made for the bundle {self.bundle_sha256[:12]}, not for {sha256[:12]}; calibrate "
                "this bundle"
            )
        if len(self.on) != len(manifest.decision.on):
            raise ConfigError(f"{where}: {len(self.on)} thresholds for {len(manifest.decision.on)} actions")
        n_channels = len(manifest.signal.channels)
        wanted = n_channels * (n_channels + 1) // 2
        if self.drift is not None and len(self.drift.covariance) != wanted:
            raise ConfigError(
                f"{where}: drift.covariance has {len(self.drift.covariance)} values, {n_channels} channels "
                f"need {wanted}"
            )
        return replace(
            manifest.decision,
            on=self.on,
            off=self.off,
            calibrated_on=f"{self.source}, {self.made_at}",
            target_fa_per_min=self.target_fa_per_min,
        )


def parse_calibration(raw: bytes, where: str) -> Calibration:
    """Read a calibration file.

    Raises:
        ConfigError: not JSON, another schema, or a field that is missing, unknown or impossible.
    """
    try:
        tree = parse_json(raw)
    except ValueError as error:
        raise ConfigError(f"{where}: not valid JSON: {error!s:.100}; calibrate again") from error
    schema = tree.get("schema") if isinstance(tree, dict) else None
    if schema != SCHEMA:
        raise ConfigError(f"{where}: schema {show(schema)} is not {SCHEMA!r}; calibrate again")
    return decode(Calibration, tree, where)


def render_calibration(calibration: Calibration) -> bytes:
    """The same calibration gives the same bytes."""
    tree: dict[str, Any] = encode(calibration)
    return json.dumps(tree, sort_keys=True, allow_nan=False).encode() + b"\n"
