"""Scores as text."""

from typing import Any, Literal

DASH = "-"
SHOWN = {
    "auc_macro": "AUC (macro, one against rest)",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "n_events": "events",
    "event_tpr": "events found",
    "false_activations_per_min": "false activations a minute",
    "held_in_rest": "share of rest with an action",
    "detection_latency_ms_p50": "latency, median (ms)",
    "detection_latency_ms_p90": "latency, 90th percentile (ms)",
}


def score_table(figures: dict[str, dict[str, Any]], examples: Literal["events", "states"]) -> str:
    """A row a measure, a column a model; `-` where a measure does not apply.

    Args:
        figures: model to measure to value.
        examples: what an example is: an event, or every window (docs/scores.md).
    """
    lines = [f"  {'':<30}" + "".join(f"{model:>9}" for model in figures)]
    accuracy = "event accuracy" if examples == "events" else SHOWN["accuracy"]
    for name, label in {**SHOWN, "accuracy": accuracy}.items():
        values = [figures[model].get(name) for model in figures]
        lines.append(f"  {label:<30}" + "".join(f"{cell(name, value):>9}" for value in values))
    return "\n".join(lines)


def cell(name: str, value: Any) -> str:
    """A figure as text; a dash where it does not apply."""
    if value is None:
        return DASH
    if name == "n_events":
        return str(value)
    return f"{value:.0f}" if "_ms_" in name else f"{value:.3f}"
