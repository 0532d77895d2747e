"""The part of the page about the decoders as controllers of a hand."""

from neurograsp.edge_runtime.contract.manifest import Manifest
from neurograsp.edge_runtime.event_scores import ControllerScores, score_streams
from neurograsp.train.bundle_scores import BundleScores
from neurograsp.train.cli.tables import cell
from neurograsp.train.operating_points import operating_points
from neurograsp.train.report.page import figure, heading, paragraph, plots, table
from neurograsp.train.report.plots import draw_latency, draw_sweep


def controllers(scores: BundleScores) -> dict[str, ControllerScores]:
    """Each model at the thresholds that the bundle sets for it."""
    return {
        model: score_streams([one.stream for one in own], scores.decisions[model], scores.actions)
        for model, own in scores.replays.items()
    }


def controller_section(manifest: Manifest, scores: BundleScores) -> list[str]:
    """Events found against false activations, and latency; only where the data has rest."""
    if "int8" not in scores.swept:
        return []
    points = controllers(scores)
    own = points["int8"]
    shown = [
        figure(
            draw_sweep(scores.swept, points, manifest.decision),
            "events found against false activations a minute",
            "Lines: one threshold for all actions, swept; they turn back where low thresholds keep an action "
            "going that should end. All recordings together.",
        )
    ]
    if own.latencies_s:
        caption = f"int8 as set: {len(own.latencies_s)} detections"
        shown.append(
            figure(draw_latency(own.latencies_s), "histogram of the latencies of detection", caption)
        )
    text = (
        f"As set, the int8 network found {own.hits} of {own.n_events} events, and started an action "
        f"{own.false_activations} times in {own.rest_min:.1f} minutes of rest; {own.wrong} times it started "
        "another action than the one under way. "
        f"Thresholds from {manifest.decision.calibrated_on or 'an unnamed calibration'}."
    )
    header = ("false activations a minute", *scores.replays)
    rows = [
        (
            f"up to {point['at_most_per_min']:g}",
            *(cell("event_tpr", point["event_tpr"][model]) for model in scores.replays),
        )
        for point in operating_points(scores.swept)
    ]
    hindsight = (
        "Share of events found at other rates, each with the threshold that is best for it on these very "
        "recordings: what a threshold could give, not what one chosen beforehand will."
    )
    return [
        heading("As a controller"),
        paragraph(text),
        plots(*shown),
        paragraph(hindsight, "note"),
        table(header, rows),
    ]
