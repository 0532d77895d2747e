"""The parts of the page, top to bottom, each as a list of HTML pieces."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.edge_runtime.contract.manifest import Manifest
from neurograsp.edge_runtime.event_scores import TOLERANCE_S
from neurograsp.firmware_bridge.strict import decode
from neurograsp.train.bootstrap import BOOTSTRAPPED
from neurograsp.train.bundle_scores import BundleScores
from neurograsp.train.cli.tables import ABOVE_LINEAR, DASH, SHOWN, cell, margin, span
from neurograsp.train.config import SignalConfig
from neurograsp.train.datasets import Recording
from neurograsp.train.evaluate import MODELS
from neurograsp.train.report.curves import draw_precision_recall, draw_reliability
from neurograsp.train.report.page import facts, figure, heading, paragraph, plots, table
from neurograsp.train.report.plots import (
    draw_agreement,
    draw_confusion,
    draw_response,
    draw_roc,
)
from neurograsp.train.report.response import decibel, designed_response, grid, integer_response
from neurograsp.train.report.session import Session
from neurograsp.train.report.timeline import Timeline
from neurograsp.train.splits import Unseen
from neurograsp.train.windows import data_sha256

PASSED_DB, AUDIBLE_DB = -3.0, -40.0
MOST_NAMES = 12

WORTH: dict[Unseen, str] = {
    "cross-session": "Cross-session scores: other sessions of people who were trained or validated on",
    "cross-subject": "Cross-subject scores: people of whom nothing was trained or validated on",
}


def opening(manifest: Manifest, scores: BundleScores) -> list[str]:
    """What this is, the safety line, and what the scores are worth."""
    signal = manifest.signal
    pieces = [
        f"<h1>{escape(manifest.name)}</h1>",
        "<p><strong>Research use only. Not a medical device.</strong></p>",
        paragraph(
            f"Scored on {_names(scores.names)} (subject/session): {len(signal.actions.names)} actions from "
            f"{len(signal.channels)} channels at {signal.rate_hz:g} Hz, a window of "
            f"{signal.window_s * 1000:.0f} ms, a decision every {signal.hop_s * 1000:.0f} ms."
        ),
    ]
    of_kind = {
        kind: [name for name in scores.names if scores.unseen[name] == kind] for kind in (*WORTH, "seen")
    }
    pieces += [
        paragraph(f"{text} ({_names(of_kind[kind])}).") for kind, text in WORTH.items() if of_kind[kind]
    ]
    if of_kind["seen"]:
        pieces.append(
            paragraph(
                f"Not unseen: {_names(of_kind['seen'])} took part in training or validation. "
                "Figures on them are better than on new recordings.",
                "warn",
            )
        )
    if sum(bool(names) for names in of_kind.values()) > 1:
        pieces.append(paragraph("The figures below mix these kinds. Score each on its own.", "warn"))
    return pieces


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MOST_NAMES else f"{len(names)} recordings"


def picture_section(picture: bytes, timeline: Timeline, run: Session | None) -> list[str]:
    if timeline.live:
        caption = f"Recording of {timeline.recording}, played into the runtime."
        if timeline.joints_s is not None:
            caption += " The hand is the C firmware in a process of its own."
    else:
        caption = f"Recording of {timeline.recording}, replayed through the board's pipeline without a hand."
        if run is not None:
            caption += " The given session did not play any of these recordings, so that it is not shown."
    if len(timeline.gap_s):
        caption += " Dotted: gaps of the recording, which take no time here."
    caption += (
        f" A start counts as right during its event and up to {TOLERANCE_S:g} s after. "
        "Shown from the first event on, whatever the decoder made of it."
    )
    alt = "filtered signals, probabilities of the actions and positions of the hand over time"
    return [heading("What happened"), figure(picture, alt, caption, wide=True)]


def score_section(manifest: Manifest, scores: BundleScores) -> list[str]:
    """The table of all models, the reasons for its dashes, a row a subject, confusions and ROC."""
    models = [model for model in MODELS if model in scores.figures]
    rows = []
    for name, label in SHOWN.items():
        rows.append((label, *(cell(name, scores.figures[model].get(name)) for model in models)))
        if name in BOOTSTRAPPED:
            rows.append(("95 % interval", *(span(scores.intervals[model][name]) for model in models)))
            if scores.margins:
                above = (scores.margins.get(model, {}).get(name) for model in models)
                rows.append((ABOVE_LINEAR, *map(margin, above)))
    pieces = [heading("Scores"), table(("", *models), rows)]
    pieces += [paragraph(reason, "note") for reason in _dashes(scores, models)]
    if len(scores.by_subject) > 1:
        measures = {"auc_macro": "AUC", "balanced_accuracy": "bal. acc."}
        header = ("subject", *(f"{model} {label}" for label in measures.values() for model in models))
        by_subject = [
            (
                subject,
                *(
                    f"{cell(name, figures[model][name])} "
                    f"({span(scores.subject_intervals[subject][model][name])})"
                    for name in measures
                    for model in models
                ),
            )
            for subject, figures in scores.by_subject.items()
        ]
        pieces += [
            heading("By subject"),
            paragraph("In brackets 95 % intervals, by drawing labelled stretches with replacement.", "note"),
            table(header, by_subject),
        ]
    actions = manifest.signal.actions
    if any(len(one.truth) for one in scores.replays["int8"]):
        shown = [
            figure(
                draw_confusion(scores.replays[model], actions, model),
                f"confusion matrix of the {model} network, rows what was, columns what was most probable",
                f"{model}: balanced accuracy {cell('accuracy', scores.figures[model]['balanced_accuracy'])}",
            )
            for model in ("float", "int8")
            if model in scores.replays
        ]
        roc = draw_roc(scores.replays["int8"], actions)
        if roc is not None:
            caption = (
                f"int8, one action against the rest; macro {cell('', scores.figures['int8']['auc_macro'])}"
            )
            shown.append(figure(roc, "ROC curve of each action, true over false positive rate", caption))
        pieces += [heading("Confusions and ROC"), plots(*shown)]
    return pieces


def curve_section(manifest: Manifest, scores: BundleScores) -> list[str]:
    """Precision and recall, and reliability."""
    actions = manifest.signal.actions
    drawn = (
        (
            draw_precision_recall(scores.replays["int8"], actions),
            "precision and recall of each action",
            "int8, one action against the rest; thin lines: what guessing gives.",
        ),
        (
            draw_reliability(scores.replays, actions),
            "reliability: share that is so over the probability given",
            "All actions together. The thresholds are set on these probabilities as they are.",
        ),
    )
    shown = [figure(picture, alt, caption) for picture, alt, caption in drawn if picture is not None]
    return [heading("Curves"), plots(*shown)] if shown else []


def agreement_section(manifest: Manifest, scores: BundleScores) -> list[str]:
    """Float against int8, score by score."""
    if "float" not in scores.replays:
        return []
    theirs = np.concatenate([one.logits for one in scores.replays["float"]])
    mine = np.concatenate([one.logits for one in scores.replays["int8"]])
    if not len(mine):
        return []
    size = float(np.abs(mine - theirs).mean())
    if mine.shape[1] > 1:
        equal = float((mine.argmax(axis=1) == theirs.argmax(axis=1)).mean())
        decided = f"In {100 * equal:.1f} % of {len(mine)} windows both find the same action most probable. "
        title = f"{100 * equal:.1f} % equal decisions"
    else:
        decided, title = "", "logits"
    network = manifest.network
    text = (
        f"{decided}The logits differ by {size:.3f} on average; one int8 step is {network.output_scale:.3f}. "
        f"Quantized by {network.method}, {network.parameters} parameters."
    )
    plot = draw_agreement(theirs, mine, manifest.signal.actions, title)
    return [
        heading("What quantization changed"),
        paragraph(text),
        plots(
            figure(plot, "logit of every window, int8 against float", "on the line: the same logit in both")
        ),
    ]


def filter_section(bundle: Bundle) -> list[str]:
    """Response of the float design and of the integers."""
    signal = bundle.manifest.signal
    if not signal.stages:
        return []
    where = f"{bundle.path}: provenance.config.signal"
    config = decode(SignalConfig, bundle.manifest.provenance.config.get("signal"), where)
    hz = grid(signal)
    designed, integer = designed_response(config.filters, signal.rate_hz, hz), integer_response(signal, hz)
    difference = np.abs(decibel(integer) - decibel(designed))
    passed, audible = (
        float(difference[decibel(designed) > floor].max(initial=0.0)) for floor in (PASSED_DB, AUDIBLE_DB)
    )
    text = (
        "The board computes with integer coefficients. Their gain is within "
        f"{passed:.2g} dB of the designed one where that is above {PASSED_DB:g} dB, "
        f"and within {audible:.2g} dB where it is above {AUDIBLE_DB:g} dB."
    )
    plot = draw_response(hz, designed, integer)
    alt = "gain of the filter over frequency, float design and integer coefficients"
    caption = "Gain over the frequency at the input"
    if signal.decimation > 1:
        half = signal.rate_hz / signal.decimation / 2
        caption += (
            f"; what is left above {half:g} Hz folds down when one frame in {signal.decimation} is kept"
        )
    return [heading("Filter"), paragraph(text), plots(figure(plot, alt, f"{caption}."))]


def session_section(run: Session | None) -> list[str]:
    """Timing, stream and link of a run."""
    if run is None:
        return []
    figures = run.figures
    timing, link = figures["timing"], figures["hand"]["link"]
    rows = [
        (str(name), str(section["count"]), *(_ms(section[key]) for key in ("p50_us", "p99_us", "max_us")))
        for name, section in timing["sections"].items()
    ]
    stream = {
        **figures["stream"],
        **{f"clipped at the {key}": value for key, value in figures["clipped"].items()},
    }
    commands = figures["hand"].get("commands") or {}
    rest = [
        ("source", str(figures["source"])),
        ("ended", str(figures["ended"])),
        ("stream", _listed(stream)),
        ("decisions", f"{figures.get('decisions', DASH)}, activations {figures.get('activations', DASH)}"),
        ("hand", str(figures["hand"].get("name", DASH))),
        ("commands", _listed(commands) if commands else "none"),
        ("link", _listed(link) if link else "no hand"),
    ]
    text = (
        f"{timing['deadline_misses']} deadline misses in {timing['ticks']} ticks; "
        f"a tick has {timing['tick_ms']:g} ms. Measured on the machine that ran it."
    )
    header = ("part of a tick", "count", "p50 (ms)", "p99 (ms)", "max (ms)")
    return [heading("The run"), paragraph(text), table(header, rows), facts(rest)]


def provenance_section(bundle: Bundle, recordings: Sequence[Recording]) -> list[str]:
    manifest, provenance = bundle.manifest, bundle.manifest.provenance
    network = manifest.network
    rows = [
        ("bundle", str(bundle.path)),
        ("bundle SHA-256", bundle.sha256),
        (
            "network",
            f"{network.name}, {network.parameters} parameters, {network.macs} multiplications a window, "
            f"int8 by {network.method}, {len(bundle.files['model.tflite']) / 1000:.1f} kB",
        ),
        ("trained on", ", ".join(provenance.train)),
        ("validated on", provenance.validated_on),
        ("training data SHA-256", provenance.data_sha256),
        ("scored data SHA-256", data_sha256(recordings)),
        ("seed", str(provenance.seed)),
        ("versions", _listed(provenance.versions)),
    ]
    return [heading("Where it comes from"), facts(rows)]


def _dashes(scores: BundleScores, models: Sequence[str]) -> list[str]:
    """Why some figures are missing."""
    figures = scores.figures["int8"]
    reasons = []
    if not any(one.stream.rest_s for one in scores.replays["int8"]):
        reasons.append(
            "A dash: these recordings hold no rest, so that false activations cannot be counted; "
            "without them the share of events found and the latency say nothing."
        )
    elif any(scores.figures[model]["detection_latency_ms_p50"] is None for model in models):
        reasons.append("A dash for the latency: no event was found, so that there is no latency.")
    if figures["auc_macro"] is None:
        reasons.append("A dash for the AUC: the recordings hold examples of one action only, or of none.")
    missing = [model for model in MODELS if model not in models]
    if missing:
        reasons.append(f"The bundle carries no {' and no '.join(missing)} model to compare with.")
    return reasons


def _ms(us: Any) -> str:
    return DASH if us is None else f"{float(us) / 1000:.2f}"


def _listed(values: Any) -> str:
    return ", ".join(f"{str(name).replace('_', ' ')} {_brief(value)}" for name, value in values.items())


def _brief(value: Any) -> str:
    if value is None:
        return DASH
    return f"{value:.1f}" if isinstance(value, float) else str(value)
