"""What a calibration changes of a run: its thresholds, and the watch over the signal."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.edge_runtime.bundle import Bundle
    from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
    from neurograsp.edge_runtime.drift import DriftMonitor
    from neurograsp.edge_runtime.pipeline import Pipeline

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibrated:
    """Attributes:
    decision: of the bundle, with the thresholds of the calibration if there is one.
    path: of the calibration.
    monitor: of the signal, where the calibration has a reference for it.
    """

    decision: "DecisionSpec"
    path: Path | None = None
    monitor: "DriftMonitor | None" = None

    def watch(self, pipeline: "Pipeline") -> None:
        """Show the pipeline's windows to the monitor, and log once when the signal has drifted."""
        monitor = self.monitor
        if monitor is None:
            return

        def push(window: Any, decision: Any) -> None:
            if monitor.push(decision.time_s, window):
                log.warning("the signal has drifted: %s", describe_drift(monitor.report()))

        pipeline.watch(push)

    def report(self) -> dict[str, Any]:
        """See docs/schemas/run.schema.json."""
        return {
            "calibration": None if self.path is None else str(self.path),
            "drift": None if self.monitor is None else self.monitor.report(),
        }


def applied_calibration(path: Path | None, bundle: "Bundle") -> Calibrated:
    """Read the calibration that `--calibration` names, if any.

    Raises:
        ConfigError: it cannot be read, is damaged, or was made for another bundle.
    """
    from neurograsp.edge_runtime.calibration import read_calibration
    from neurograsp.edge_runtime.drift import DriftMonitor

    manifest = bundle.manifest
    if path is None:
        return Calibrated(manifest.decision)
    calibration = read_calibration(path)
    decision = calibration.applied_to(manifest, bundle.sha256, str(path))
    if calibration.drift is None:
        return Calibrated(decision, path)
    signal = manifest.signal
    monitor = DriftMonitor(calibration.drift, len(signal.channels), signal.hop, signal.hop_s)
    return Calibrated(decision, path, monitor)


def describe_drift(report: dict[str, Any]) -> str:
    """The watch over the signal in words."""
    if report["octaves"] is None:
        return "too little rest for a look at the signal"
    far = f"power {report['octaves']:+.2f} octaves from the calibration's, {report['limit']:.2f} allowed"
    if report["asked_at_s"] is None:
        return far
    return f"{far}; beyond it at {report['asked_at_s']:.0f} s: check gain and electrodes, calibrate again"
