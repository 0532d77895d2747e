"""A run folder in, a verified bundle out: quantize, compare, calibrate, write."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurograsp.convert import quantize
from neurograsp.convert.bundle_writer import golden_npz, write_bundle
from neurograsp.convert.report import render_report
from neurograsp.convert.run_reader import Run, ValidationStream, read_run
from neurograsp.edge_runtime.bundle import MANIFEST, Golden, largest_difference, run_golden
from neurograsp.edge_runtime.classifier import Classifier, probabilities
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.contract.manifest import (
    MAX_XNNPACK_STEPS,
    SCHEMA,
    GoldenFacts,
    Manifest,
    NetworkFacts,
    Provenance,
)
from neurograsp.edge_runtime.event_scores import ScoredStream, calibrate, score_streams
from neurograsp.edge_runtime.files import refuse_foreign_folder

NO_DIFFERENCE = 0.001
GOLDEN_WINDOWS = 16
SPARE_STEPS = 2
"""Steps added to the largest difference seen between kernels here: other machines' kernels differ."""

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to run the network, scored on the validation recordings.

    Attributes:
        name: "float", "ptq" or "qat".
        blob: the `.tflite`.
        logits: (n_scores, n_actions) for each stream.
        auc: mean over the actions of the one-vs-rest AUC.
        agreement: share of scores whose most probable action is the float network's.
        difference: mean absolute difference of the probabilities from the float network's.
    """

    name: str
    blob: bytes
    logits: list[npt.NDArray[np.float64]]
    auc: float | None
    agreement: float
    difference: float

    def figures(self) -> dict[str, Any]:
        """For the report and the manifest."""
        return {
            "auc_macro": self.auc,
            "agreement": self.agreement,
            "probability_difference": self.difference,
            "bytes": len(self.blob),
        }


@dataclass(frozen=True, eq=False)
class Converted:
    """Attributes:
    path: the bundle.
    sha256: of its manifest.
    chosen: "ptq" or "qat".
    reason: why.
    candidates: figures of each.
    """

    path: Path
    sha256: str
    chosen: str
    reason: str
    candidates: dict[str, dict[str, Any]]


def convert_run(
    path: Path,
    out: Path,
    method: Literal["auto", "qat", "ptq"] | None = None,
    progress: Progress = lambda step: None,
) -> Converted:
    """Convert a run.

    Args:
        path: run folder.
        out: bundle folder to write.
        method: overrides the run's own.
        progress: told what begins.

    Raises:
        ConfigError: the run is incomplete, or `out` is something else.
        CheckFailed: a float tensor is left inside, or the board's own checks fail.
    """
    refuse_foreign_folder(out, MANIFEST)
    run = read_run(path)
    facts = run.facts
    method = method or facts.method
    progress("float32 network")
    model = quantize.load_model(run.model_path)
    float_blob = quantize.to_float_tflite(model)
    float_scored = _candidate("float", float_blob, run, None)
    made = []
    if method in ("auto", "ptq"):
        progress("post-training quantization (PTQ)")
        made.append(_candidate("ptq", quantize.ptq(model, run.x_train, seed=facts.seed), run, float_scored))
    if method in ("auto", "qat"):
        progress("quantization-aware training (QAT)")
        blob = quantize.qat(
            model,
            (run.x_train, run.y_train),
            (run.x_validation, run.y_validation),
            facts.signal.actions.output,
            seed=facts.seed,
        )
        made.append(_candidate("qat", blob, run, float_scored))
    inside = {candidate.name: quantize.check_full_int8(candidate.blob) for candidate in made}
    best, reason = _choose(made, facts.validation)

    progress("thresholds, golden vectors, bundle")
    streams = [_scored(stream, logits, run) for stream, logits in zip(run.streams, best.logits)]
    actions = facts.signal.actions
    decision = calibrate(
        streams,
        actions,
        facts.decision,
        facts.target_fa_per_min,
        f"validation recordings {', '.join(facts.validation)}, int8 scores",
    )
    golden, steps = _golden(run, decision, best.blob)
    figures = {candidate.name: candidate.figures() for candidate in (float_scored, *made)}
    tensor = inside[best.name]
    manifest = Manifest(
        schema=SCHEMA,
        name=facts.name,
        signal=facts.signal,
        decision=decision,
        labels=facts.labels,
        reference_decisions=facts.reference_decisions,
        network=NetworkFacts(
            name=facts.network,
            parameters=facts.parameters,
            macs=facts.macs,
            method=best.name,
            input_shape=tensor.input_shape,
            input_scale=tensor.input_scale,
            input_zero_point=tensor.input_zero_point,
            output_scale=tensor.output_scale,
            output_zero_point=tensor.output_zero_point,
            operators=tensor.operators,
        ),
        golden=GoldenFacts(windows=len(golden.windows), xnnpack_steps=steps),
        files={},
        provenance=Provenance(
            config=facts.config,
            data_sha256=facts.data_sha256,
            train=facts.train,
            validation=facts.validation,
            seed=facts.seed,
            versions={**facts.versions, **_versions()},
        ),
        scores={
            "recordings": list(facts.validation),
            "candidates": figures,
            "chosen": best.name,
            "reason": reason,
            "decision": _decision_figures(streams, decision, run),
        },
    )
    files = {
        "model.tflite": best.blob,
        "float.tflite": float_blob,
        "linear.npz": run.linear,
        "golden.npz": golden_npz(golden),
        "report.html": render_report(manifest).encode(),
    }
    digest = write_bundle(out, manifest, files)
    return Converted(out, digest, best.name, reason, figures)


def _candidate(name: str, blob: bytes, run: Run, reference: Candidate | None) -> Candidate:
    scorer = Classifier(blob).real_logits
    logits = [np.stack([scorer(window) for window in stream.windows]) for stream in run.streams]
    examples = np.concatenate([one[stream.picked] for one, stream in zip(logits, run.streams)])
    truth = np.concatenate([stream.truth for stream in run.streams])
    output = run.facts.signal.actions.output
    mine = np.concatenate(logits)
    theirs = np.concatenate(reference.logits) if reference else mine
    return Candidate(
        name=name,
        blob=blob,
        logits=logits,
        auc=macro_auc(truth, probabilities(examples, output)),
        agreement=float((mine.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        difference=float(np.abs(probabilities(mine, output) - probabilities(theirs, output)).mean()),
    )


def macro_auc(truth: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> float | None:
    """Mean over the actions that are there, and not always there, of the one-vs-rest AUC."""
    from sklearn.metrics import roc_auc_score

    values = [
        roc_auc_score(truth == code, scores[:, code])
        for code in range(scores.shape[1])
        if 0 < (truth == code).sum() < len(truth)
    ]
    return float(np.mean(values)) if values else None


def _choose(made: list[Candidate], validation: tuple[str, ...]) -> tuple[Candidate, str]:
    """The higher AUC; where they differ by less than NO_DIFFERENCE, the one nearer to the float network."""
    if len(made) == 1:
        return made[0], f"{made[0].name} was asked for"
    ptq, qat = made
    aucs = ", ".join(f"{candidate.name} {candidate.auc or 0:.4f}" for candidate in made)
    figures = f"AUC on validation {', '.join(validation)}: {aucs}"
    if abs((ptq.auc or 0) - (qat.auc or 0)) < NO_DIFFERENCE:
        nearest = min(made, key=lambda candidate: candidate.difference)
        return nearest, f"{figures}, which is no difference; {nearest.name} stays nearer to the float network"
    return max(made, key=lambda candidate: candidate.auc or 0), figures


def _scored(stream: ValidationStream, logits: npt.NDArray[np.float64], run: Run) -> ScoredStream:
    return ScoredStream(
        time_s=stream.time_s,
        restart=stream.restart,
        probabilities=probabilities(logits, run.facts.signal.actions.output),
        event_start_s=stream.event_start_s,
        event_stop_s=stream.event_stop_s,
        event_action=stream.event_action,
        rest_start_s=stream.rest_start_s,
        rest_stop_s=stream.rest_stop_s,
    )


def _decision_figures(streams: list[ScoredStream], decision: DecisionSpec, run: Run) -> dict[str, Any]:
    scores = score_streams(streams, decision, run.facts.signal.actions)
    return {
        "n_events": scores.n_events,
        "event_tpr": scores.event_tpr,
        "false_activations_per_min": scores.false_activations_per_min,
        "detection_latency_ms_p50": scores.latency_ms(0.5),
    }


def _golden(run: Run, decision: DecisionSpec, blob: bytes) -> tuple[Golden, int]:
    """The beginning of a validation recording, and after it noise over the whole range of the converter."""
    spec = run.facts.signal
    n_real = (spec.window + (GOLDEN_WINDOWS - 1) * spec.hop) * spec.decimation
    n_noise = min(spec.window, GOLDEN_WINDOWS * spec.hop) * spec.decimation
    rail = 2 ** (spec.adc_bits - 1)
    noise = np.random.default_rng(run.facts.seed).integers(
        -rail, rail, (n_noise, len(spec.channels)), dtype=np.int32
    )
    counts = np.concatenate([run.golden_counts[:n_real], noise])
    golden = run_golden(spec, decision, Classifier(blob, reference_kernels=True), counts)
    steps = largest_difference(golden, Classifier(blob)) + SPARE_STEPS
    if steps > MAX_XNNPACK_STEPS:
        raise CheckFailed(
            f"{run.path}: the int8 network differs by {steps - SPARE_STEPS} steps between LiteRT's kernels, "
            f"at most {MAX_XNNPACK_STEPS - SPARE_STEPS} are allowed; convert with another --method"
        )
    return golden, steps


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("ai-edge-litert", "tensorflow-model-optimization")}
