"""`metrics.json` beside the page: its figures, and the points of its curves, for whoever draws their own."""

from collections.abc import Sequence
from typing import Any

from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.train.bundle_scores import BundleScores
from neurograsp.train.datasets import Recording
from neurograsp.train.evaluate import MODELS
from neurograsp.train.fit import FitHistory
from neurograsp.train.report.controller import controllers
from neurograsp.train.report.curves import calibration_error
from neurograsp.train.windows import data_sha256

SCHEMA = "neurograsp.metrics/1"


def metrics(
    bundle: Bundle, recordings: Sequence[Recording], scores: BundleScores, history: FitHistory | None
) -> dict[str, Any]:
    """See docs/schemas/metrics.schema.json."""
    found = controllers(scores)
    errors = {model: calibration_error(own, scores.actions) for model, own in scores.replays.items()}
    return {
        "schema": SCHEMA,
        "bundle": {"name": bundle.manifest.name, "sha256": bundle.sha256},
        "data_sha256": data_sha256(recordings),
        "scores": scores.to_json(),
        "calibration_error": {model: errors.get(model) for model in MODELS},
        "latencies_ms": {
            model: [1000 * one for one in found[model].latencies_s] if model in scores.swept else None
            for model in MODELS
        },
        "sweep": {
            model: {
                "threshold": list(one.thresholds),
                "event_tpr": list(one.found),
                "false_activations_per_min": list(one.false_per_min),
            }
            if (one := scores.swept.get(model)) is not None
            else None
            for model in MODELS
        },
        "history": None if history is None else history.to_json(),
    }
