"""One self-contained page about a bundle on recordings, and the picture of what it did."""

import json
from collections.abc import Sequence
from pathlib import Path

from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.edge_runtime.files import write_whole
from neurograsp.train.bundle_scores import BundleScores
from neurograsp.train.datasets import Recording
from neurograsp.train.report.controller import controller_section
from neurograsp.train.report.learning import history_of, learning_section
from neurograsp.train.report.metrics import metrics
from neurograsp.train.report.page import page
from neurograsp.train.report.picture import draw_picture
from neurograsp.train.report.scalp_maps import scalp_section
from neurograsp.train.report.sections import (
    agreement_section,
    curve_section,
    filter_section,
    opening,
    picture_section,
    provenance_section,
    score_section,
    session_section,
)
from neurograsp.train.report.session import read_session
from neurograsp.train.report.style import drawing
from neurograsp.train.report.timeline import build_timeline

__all__ = ["write_report"]


def write_report(
    bundle: Bundle,
    recordings: Sequence[Recording],
    scores: BundleScores,
    session: Path | None,
    out: Path,
    run: Path | None = None,
) -> Path:
    """Write report.html, demo.png and metrics.json.

    Args:
        bundle: what was scored.
        recordings: what it was scored on.
        scores: of `score_bundle` for these.
        session: what `neurograsp run --out FILE` wrote, for the timing and the hand in the picture.
        out: folder to write them into.
        run: folder of the training run that the bundle was made from, for the learning curves.

    Returns:
        the path of report.html.

    Raises:
        ConfigError: the session or the run is not one of this bundle, or `out` cannot be written.
        MissingExtra: Matplotlib, MNE or SciPy is not installed.
    """
    manifest = bundle.manifest
    actions = manifest.signal.actions
    history = None if run is None else history_of(run, manifest)
    played = None if session is None else read_session(session, bundle.sha256, len(actions.names))
    timeline = build_timeline(bundle, recordings, scores, played)
    with drawing():
        title = f"{manifest.name}: {timeline.recording}"
        picture = draw_picture(timeline, actions, manifest.decision, title)
        body = [
            *opening(manifest, scores),
            *picture_section(picture, timeline, played),
            *score_section(manifest, scores),
            *curve_section(manifest, scores),
            *agreement_section(manifest, scores),
            *controller_section(manifest, scores),
            *scalp_section(bundle, recordings),
            *filter_section(bundle),
            *learning_section(history),
            *session_section(played),
            *provenance_section(bundle, recordings),
        ]
    write_whole(out / "demo.png", picture)
    figures = metrics(bundle, recordings, scores, history)
    write_whole(out / "metrics.json", json.dumps(figures, indent=1, allow_nan=False).encode() + b"\n")
    path = out / "report.html"
    write_whole(path, page(f"{manifest.name}: report", body).encode("utf-8", "replace"))
    return path
