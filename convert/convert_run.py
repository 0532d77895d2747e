"""A run folder in, a verified bundle out: quantize, compare, calibrate, write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.convert import quantize
from neurograsp.convert.bundle_writer import golden_npz, write_bundle
from neurograsp.convert.report import render_report
from neurograsp.convert.run_reader import Refit, Run, ValidationStream, read_run
from neurograsp.convert.verify import check_full_int8
from neurograsp.edge_runtime.bundle import MANIFEST, Golden, largest_difference, run_golden
from neurograsp.edge_runtime.classifier import Classifier, probabilities
from neurograsp.edge_runtime.contract.codec import decode
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.contract.manifest import (
    MAX_XNNPACK_STEPS,
    SCHEMA,
    GoldenFacts,
    Manifest,
    NetworkFacts,
    Provenance,
)
from neurograsp.edge_runtime.contract.run_folder import Method
from neurograsp.edge_runtime.decoder_scores import macro_auc, mean_over_subjects, one_against_rest
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
        auc: mean over the actions of the one-vs-rest AUC, mean over subjects.
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
        return {"auc_macro": self.auc, **self.likeness()}

    def likeness(self) -> dict[str, Any]:
        """The figures that need no labels."""
        return {
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
    method: Method | None = None,
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
        CheckFailed: no method makes a network that is integer throughout, or the board's own checks
            fail.
    """
    refuse_foreign_folder(out, MANIFEST)
    run = read_run(path)
    facts = run.facts
    if facts.subject_signals:
        raise ConfigError(
            f"{path}: each of its subjects ({', '.join(facts.subject_signals)}) has a signal of its own, and "
            f"a bundle is for one; fit it to one first: neurograsp train CONFIG --from {path} --out RUN "
            "--set data.subjects=[...]"
        )
    method = method or facts.method
    progress("float32 network")
    model = quantize.load_model(run.model_path)
    float_blob = quantize.to_float_tflite(model)
    float_scored = _candidate("float", float_blob, run, None)
    made: list[Candidate] = []
    inside, dropped = {}, {}
    for name in METHODS if method == "auto" else (method,):
        try:
            blob = METHODS[name](model, run, progress)
            inside[name] = check_full_int8(blob)
        except (CheckFailed, ConfigError) as error:
            if method != "auto":
                raise
            dropped[name] = f"{name} was left out: {error}"
        else:
            made.append(_candidate(name, blob, run, float_scored))
    if not made:
        raise CheckFailed(f"{path}: {'; '.join(dropped.values())}")
    best = _choose(made)
    reason = f"{best.name} was asked for"
    if method == "auto":
        reason = "; ".join([_reason(made, best, facts.validation), *dropped.values()])

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
    figures = {candidate.name: candidate.figures() for candidate in (float_scored, *made)}
    blob, tensor = best.blob, inside[best.name]
    scores: dict[str, Any] = {}
    if run.refit is not None:
        float_blob, blob = _after_refit(run, run.refit, best.name, progress)
        tensor = check_full_int8(blob)
        refitted = _candidate("float", float_blob, run, None)
        scores["refit"] = _candidate(best.name, blob, run, refitted).likeness()
    golden, steps = _golden(run, decision, blob)
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
            refit=facts.refit,
        ),
        scores={
            **scores,
            "recordings": list(facts.validation),
            "candidates": figures,
            "chosen": best.name,
            "reason": reason,
            "decision": _decision_figures(streams, decision, run),
        },
    )
    files = {
        "model.tflite": blob,
        "float.tflite": float_blob,
        "linear.npz": run.linear,
        "golden.npz": golden_npz(golden),
        "report.html": render_report(manifest).encode(),
    }
    digest = write_bundle(out, manifest, files)
    return Converted(out, digest, best.name, reason, figures)


def _ptq(model: Any, run: Run, progress: Progress) -> bytes:
    progress("post-training quantization (PTQ)")
    return quantize.ptq(model, run.x_train, seed=run.facts.seed)


def _qat(model: Any, run: Run, progress: Progress) -> bytes:
    progress("quantization-aware training (QAT)")
    return quantize.qat(
        model,
        (run.x_train, run.y_train),
        (run.x_validation, run.y_validation),
        run.facts.signal.actions.output,
        seed=run.facts.seed,
        options=_loss_options(run),
        progress=lambda epoch, epochs, figures: progress(
            f"QAT epoch {epoch} of {epochs}, validation loss {figures['val_loss']:.3f}"
        ),
    )


METHODS: dict[str, Callable[[Any, Run, Progress], bytes]] = {"ptq": _ptq, "qat": _qat}


def _after_refit(run: Run, refit: Refit, method: str, progress: Progress) -> tuple[bytes, bytes]:
    """Float and int8 form of the network after it was trained on the validation recordings too."""
    progress("the network of all recordings")
    model = quantize.load_model(refit.model_path)
    everything = replace(run, x_train=refit.x, y_train=refit.y)
    return quantize.to_float_tflite(model), METHODS[method](model, everything, progress)


def _loss_options(run: Run) -> quantize.QatOptions:
    """Fine-tuning goes on with the loss that the run was trained with."""
    fit = run.facts.config.get("fit")
    fit = fit if isinstance(fit, Mapping) else {}
    given = {name: fit[name] for name in ("balance", "label_smoothing") if name in fit}
    return decode(quantize.QatOptions, given, f"{run.path}: run.json: config.fit")


def _candidate(name: str, blob: bytes, run: Run, reference: Candidate | None) -> Candidate:
    scorer = Classifier(blob).real_logits
    logits = [np.stack([scorer(window) for window in stream.windows]) for stream in run.streams]
    output = run.facts.signal.actions.output
    aucs = []
    for own in _by_subject(run):
        examples = np.concatenate([logits[i][run.streams[i].picked] for i in own])
        truth = np.concatenate([run.streams[i].truth for i in own])
        aucs.append({"auc": macro_auc(truth, one_against_rest(examples, output))})
    mine = np.concatenate(logits)
    theirs = np.concatenate(reference.logits) if reference else mine
    return Candidate(
        name=name,
        blob=blob,
        logits=logits,
        auc=mean_over_subjects(aucs)["auc"],
        agreement=float((mine.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        difference=float(np.abs(probabilities(mine, output) - probabilities(theirs, output)).mean()),
    )


def _by_subject(run: Run) -> list[list[int]]:
    """Numbers of the validation recordings of each subject."""
    own: dict[str, list[int]] = {}
    for number, name in enumerate(run.facts.validation):
        own.setdefault(name.rpartition("/")[0], []).append(number)
    return list(own.values())


def _choose(made: Sequence[Candidate]) -> Candidate:
    """Of those with (almost) the highest AUC the one nearest to the float network."""
    highest = max(candidate.auc or 0 for candidate in made)
    level = [candidate for candidate in made if highest - (candidate.auc or 0) < NO_DIFFERENCE]
    return min(level, key=lambda candidate: candidate.difference)


def _reason(made: Sequence[Candidate], best: Candidate, validation: tuple[str, ...]) -> str:
    aucs = ", ".join(f"{candidate.name} {candidate.auc or 0:.4f}" for candidate in made)
    figures = f"AUC on validation {', '.join(validation)}: {aucs}"
    if all(abs((one.auc or 0) - (best.auc or 0)) >= NO_DIFFERENCE for one in made if one is not best):
        return figures
    return f"{figures}, which is no difference; {best.name} stays nearer to the float network"


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
    actions = run.facts.signal.actions
    scores = [score_streams([streams[i] for i in own], decision, actions) for own in _by_subject(run)]
    return mean_over_subjects(
        [
            {
                "n_events": one.n_events,
                "event_tpr": one.event_tpr,
                "false_activations_per_min": one.false_activations_per_min,
                "detection_latency_ms_p50": one.latency_ms(0.5),
            }
            for one in scores
        ]
    )


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
