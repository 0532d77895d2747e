"""Scores as text."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

DASH = "-"
ABOVE_LINEAR = "above linear, 95 %"
SHOWN = {
    "auc_macro": "AUC (macro, one against rest)",
    "auc_frame": "AUC within a frame",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "n_events": "events",
    "event_tpr": "events found",
    "false_activations_per_min": "false activations a minute",
    "held_in_rest": "share of rest with an action",
    "detection_latency_ms_p50": "latency, median (ms)",
    "detection_latency_ms_p90": "latency, 90th percentile (ms)",
}


def score_table(
    figures: dict[str, dict[str, Any]],
    examples: Literal["events", "states"],
    intervals: Mapping[str, Mapping[str, Any]] | None = None,
    margins: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """A row a measure, a column a model; `-` where a measure does not apply.

    Args:
        figures: model to measure to value.
        examples: what an example is: an event, or every window (docs/scores.md).
        intervals: model to measure to its 95 % interval, for a row under the measure.
        margins: model to measure to the interval of how far it is above the linear baseline, for another.
    """
    lines = [f"  {'':<30}" + "".join(f"{model:>10}" for model in figures)]
    accuracy = "event accuracy" if examples == "events" else SHOWN["accuracy"]
    for name, label in {**SHOWN, "accuracy": accuracy}.items():
        values = [figures[model].get(name) for model in figures]
        lines.append(f"  {label:<30}" + "".join(f"{cell(name, value):>10}" for value in values))
        for title, many, text in (("95 % interval", intervals, span), (ABOVE_LINEAR, margins, margin)):
            drawn = [(many or {}).get(model, {}).get(name) for model in figures]
            if any(drawn):
                lines.append(f"  {'  ' + title:<30}" + "".join(f"{text(one):>10}" for one in drawn))
    return "\n".join(lines)


def operating_table(points: Sequence[Mapping[str, Any]], models: Sequence[str]) -> str:
    """Of `operating_points.operating_points`: a row a rate, a column a model."""
    lines = ["Events found at up to so many false activations a minute, thresholds chosen in hindsight:"]
    for point in points:
        found = "".join(f"{cell('event_tpr', point['event_tpr'][model]):>10}" for model in models)
        lines.append(f"  {point['at_most_per_min']:<30g}{found}")
    return "\n".join(lines)


def span(interval: tuple[float, float] | None) -> str:
    """An interval of shares as text, such as .93-.97."""
    if interval is None:
        return DASH
    return "-".join(f"{end:.2f}".removeprefix("0") for end in interval)


def margin(interval: tuple[float, float] | None) -> str:
    """An interval of differences as text, such as -.02/+.05."""
    if interval is None:
        return DASH
    return "/".join(f"{end:+.2f}".replace("0.", ".", 1) for end in interval)


def cell(name: str, value: Any) -> str:
    """A figure as text; a dash where it does not apply."""
    if value is None:
        return DASH
    if name == "n_events":
        return str(value)
    return f"{value:.0f}" if "_ms_" in name else f"{value:.3f}"
