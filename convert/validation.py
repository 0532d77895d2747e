"""What a network makes of the validation recordings: scores, thresholds, decisions, the golden stretch."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neurograsp.convert.run_reader import Run
from neurograsp.edge_runtime.bundle import Golden, run_golden, windows_in
from neurograsp.edge_runtime.classifier import Classifier, probabilities
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.event_scores import ScoredStream, play
from neurograsp.edge_runtime.thresholds import calibrate

GOLDEN_WINDOWS = 16

Logits = Sequence[npt.NDArray[np.float64]]
"""(n_scores, n_actions) of each validation recording."""


def by_subject(run: Run) -> list[list[int]]:
    """Numbers of the validation recordings of each subject."""
    own: dict[str, list[int]] = {}
    for number, name in enumerate(run.facts.validation):
        own.setdefault(name.rpartition("/")[0], []).append(number)
    return list(own.values())


def logits_of(blob: bytes, run: Run) -> list[npt.NDArray[np.float64]]:
    """The logits of a `.tflite` at every hop of every validation recording."""
    scorer = Classifier(blob).real_logits
    return [np.stack([scorer(window) for window in stream.windows]) for stream in run.streams]


def scored_streams(run: Run, logits: Logits) -> list[ScoredStream]:
    """The validation recordings with the scores of a network."""
    return [
        ScoredStream(
            time_s=stream.time_s,
            restart=stream.restart,
            probabilities=probabilities(one, run.facts.signal.actions.output),
            event_start_s=stream.event_start_s,
            event_stop_s=stream.event_stop_s,
            event_action=stream.event_action,
            rest_start_s=stream.rest_start_s,
            rest_stop_s=stream.rest_stop_s,
        )
        for stream, one in zip(run.streams, logits)
    ]


def calibrated(run: Run, logits: Logits) -> DecisionSpec:
    """The decision layer with thresholds chosen by these scores."""
    facts = run.facts
    return calibrate(
        scored_streams(run, logits),
        facts.signal.actions,
        facts.decision,
        facts.target_fa_per_min,
        f"validation recordings {', '.join(facts.validation)}, int8 scores",
    )


def agreement(run: Run, logits: Logits, others: Logits) -> float:
    """Share of scores that call for what the others do: the most probable action, or those above one half.

    In int8 two actions can be equally probable, and one as probable as not: that calls for either.
    """
    mine, theirs = np.concatenate(logits), np.concatenate(others)
    if run.facts.signal.actions.output == "softmax":
        wanted = np.take_along_axis(mine, theirs.argmax(axis=1)[:, None], axis=1)[:, 0]
        same = wanted == mine.max(axis=1)
    else:
        same = ((mine == 0) | ((mine > 0) == (theirs > 0))).all(axis=1)
    return float(same.mean())


def same_decisions(run: Run, decision: DecisionSpec, logits: Logits, others: Logits) -> float:
    """Share of hops at which the decision layer has the same action active after either scores."""
    actions = run.facts.signal.actions
    same = [
        play(one, decision, actions).action == play(other, decision, actions).action
        for one, other in zip(scored_streams(run, logits), scored_streams(run, others))
    ]
    return float(np.concatenate(same).mean())


def recorded_windows(run: Run) -> int:
    """How many of the golden windows hold recorded counts alone."""
    return windows_in(len(_recorded(run)), run.facts.signal)


def golden_of(run: Run, decision: DecisionSpec, classifier: Classifier) -> Golden:
    """The beginning of a validation recording, and after it noise over the whole range of the converter."""
    spec = run.facts.signal
    n_noise = min(spec.window, GOLDEN_WINDOWS * spec.hop) * spec.decimation
    rail = 2 ** (spec.adc_bits - 1)
    noise = np.random.default_rng(run.facts.seed).integers(
        -rail, rail, (n_noise, len(spec.channels)), dtype=np.int32
    )
    return run_golden(spec, decision, classifier, np.concatenate([_recorded(run), noise]))


def _recorded(run: Run) -> npt.NDArray[np.int32]:
    spec = run.facts.signal
    return run.golden_counts[: (spec.window + (GOLDEN_WINDOWS - 1) * spec.hop) * spec.decimation]
