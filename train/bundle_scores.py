"""Score a bundle: its int8 network, the float network and the linear baseline it carries."""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.decoder_scores import mean_over_subjects
from neurograsp.train.bootstrap import BOOTSTRAPPED, Interval, draw
from neurograsp.train.datasets import Recording
from neurograsp.train.evaluate import (
    BatchScorer,
    Replay,
    by_measure,
    group_by_subject,
    hear,
    measure_subjects,
    replay,
)
from neurograsp.train.labelled import meant_labels
from neurograsp.train.models.filterbank_linear import FilterbankLinear
from neurograsp.train.operating_points import Sweep, operating_points, sweep_models
from neurograsp.train.splits import Unseen, unseen


@dataclass(frozen=True, eq=False)
class BundleScores:
    """Attributes:
    names: the recordings as "subject/session".
    unseen: what the scores of each say, see `splits.Unseen`.
    figures: model ("float", "int8", "linear") to measure to value; the mean over subjects, and the
        sum for n_events and n_scored.
    by_subject: the same for each subject.
    replays: model to replays, in the order of the recordings.
    intervals: model to measure to its 95 % interval (see `bootstrap`), of the mean over subjects.
    subject_intervals: subject to the same.
    margins: model to measure to the 95 % interval of how far it is above the linear baseline, over the same
        draws; empty in a bundle without one.
    decisions: model to its decision layer.
    actions: of the bundle.
    """

    names: tuple[str, ...]
    unseen: dict[str, Unseen]
    figures: dict[str, dict[str, Any]]
    by_subject: dict[str, dict[str, dict[str, Any]]]
    replays: dict[str, list[Replay]]
    intervals: dict[str, dict[str, Interval]]
    subject_intervals: dict[str, dict[str, dict[str, Interval]]]
    margins: dict[str, dict[str, Interval]]
    decisions: dict[str, DecisionSpec]
    actions: ActionSet

    @cached_property
    def swept(self) -> dict[str, Sweep]:
        """Each model as a controller at other thresholds, made when it is first asked for."""
        return sweep_models(self.replays, self.decisions, self.actions)

    def to_json(self) -> dict[str, Any]:
        """See docs/schemas/evaluate.schema.json."""
        return {
            **by_measure(self.figures),
            "recordings": list(self.names),
            "unseen": self.unseen,
            "intervals": by_measure(self.intervals, BOOTSTRAPPED),
            "above_linear": by_measure(self.margins, BOOTSTRAPPED),
            "operating_points": operating_points(self.swept),
            "by_subject": {
                subject: {
                    **by_measure(figures),
                    "intervals": by_measure(self.subject_intervals[subject], BOOTSTRAPPED),
                }
                for subject, figures in self.by_subject.items()
            },
        }


def score_bundle(
    bundle: Bundle,
    recordings: Sequence[Recording],
    track: Callable[[Sequence[Recording]], Iterable[Recording]] = iter,
    skip_s: float = 0.0,
) -> BundleScores:
    """Replay the recordings through the pipeline with each of the bundle's models.

    Args:
        bundle: what to score.
        recordings: what to score it on.
        track: hands the recordings out one by one and may show how far that is.
        skip_s: windows that end so soon after a change of labels are no examples, see `evaluate.replay`.

    Raises:
        ConfigError: the bundle does not say which labels its actions had.
        RecordingError: a recording does not fit the bundle, or two are of the same session.
    """
    sources: dict[tuple[str, str], str] = {}
    for recording in recordings:
        session = recording.subject, recording.session
        if session in sources:
            raise RecordingError(
                f"{recording.source}: subject {session[0]}, session {session[1]} again, as in "
                f"{sources[session]}; give each session once"
            )
        sources[session] = recording.source
    manifest = bundle.manifest
    spec = manifest.signal
    actions, labels = meant_labels(manifest, str(bundle.path))
    decisions = {"int8": manifest.decision, **manifest.reference_decisions}
    models = {name: scorer for name, scorer in scorers(bundle).items() if name in decisions}
    replays: dict[str, list[Replay]] = {name: [] for name in models}
    for recording in track(recordings):
        heard = hear(recording, spec)
        for name, scorer in models.items():
            replays[name].append(replay(recording, heard, spec, actions, labels, scorer, skip_s))
    subjects = {name: measure_subjects(recordings, replays[name], spec, decisions[name]) for name in models}
    by_subject = {
        recording.subject: {name: subjects[name][recording.subject] for name in models}
        for recording in recordings
    }
    figures = {name: mean_over_subjects(list(subjects[name].values())) for name in models}
    names = tuple(f"{recording.subject}/{recording.session}" for recording in recordings)
    provenance = manifest.provenance
    known = {*provenance.train, *provenance.validation, *provenance.validated_before}
    drawn = {
        name: draw(group_by_subject(recordings, found), spec.actions.output)
        for name, found in replays.items()
    }
    linear = drawn.get("linear")
    return BundleScores(
        names=names,
        unseen={name: unseen(name, known) for name in names},
        figures=figures,
        by_subject=by_subject,
        replays=replays,
        intervals={name: draws.intervals() for name, draws in drawn.items()},
        subject_intervals={
            subject: {name: draws.subject_intervals()[subject] for name, draws in drawn.items()}
            for subject in by_subject
        },
        margins={
            name: draws.margins(linear)
            for name, draws in drawn.items()
            if linear is not None and draws is not linear
        },
        decisions={name: decisions[name] for name in models},
        actions=spec.actions,
    )


def scorers(bundle: Bundle) -> dict[str, BatchScorer]:
    """The bundle's models by name."""
    found = {"int8": one_by_one(bundle.classifier())}
    if "float.tflite" in bundle.files:
        found = {"float": one_by_one(Classifier(bundle.files["float.tflite"])), **found}
    if "linear.npz" in bundle.files:
        found["linear"] = FilterbankLinear.load(io.BytesIO(bundle.files["linear.npz"])).logits
    return found


def one_by_one(classifier: Classifier) -> BatchScorer:
    """Run windows singly, as the board does."""
    return lambda windows: np.stack([classifier.real_logits(window) for window in windows])
