"""A run folder in, a verified bundle out: quantize, compare, calibrate, write."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.convert.bundle_writer import golden_npz, write_bundle
from neurograsp.convert.candidates import Progress, after_refit, by_subject, compare
from neurograsp.convert.report import render_report
from neurograsp.convert.run_reader import Run, ValidationStream, read_run
from neurograsp.convert.stream_check import HOPS, check_stream
from neurograsp.convert.streaming import Streamed, stream
from neurograsp.convert.verify import check_full_int8
from neurograsp.edge_runtime.bundle import MANIFEST, Golden, largest_difference, run_golden
from neurograsp.edge_runtime.classifier import Classifier, probabilities
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.contract.manifest import (
    MAX_XNNPACK_STEPS,
    SCHEMA,
    GoldenFacts,
    Manifest,
    NetworkFacts,
    Provenance,
    StreamFacts,
)
from neurograsp.edge_runtime.contract.run_folder import Method
from neurograsp.edge_runtime.decoder_scores import mean_over_subjects
from neurograsp.edge_runtime.event_scores import ScoredStream, calibrate, score_streams
from neurograsp.edge_runtime.files import refuse_foreign_folder

GOLDEN_WINDOWS = 16
SPARE_STEPS = 2
"""Steps added to the largest difference seen between kernels here: other machines' kernels differ."""


@dataclass(frozen=True, eq=False)
class Converted:
    """Attributes:
    path: the bundle.
    sha256: of its manifest.
    chosen: "ptq" or "qat".
    reason: why.
    candidates: figures of each.
    refit: of the network in the bundle, where it was trained on the validation recordings after that.
    stream: of its form that is computed hop by hop, where that saves anything.
    """

    path: Path
    sha256: str
    chosen: str
    reason: str
    candidates: dict[str, dict[str, Any]]
    refit: dict[str, Any] | None
    stream: StreamFacts | None


def convert_run(
    path: Path,
    out: Path,
    method: Method | None = None,
    progress: Progress = lambda step: None,
    *,
    whole_windows: bool = False,
) -> Converted:
    """Convert a run.

    Args:
        path: run folder.
        out: bundle folder to write.
        method: overrides the run's own.
        progress: told what begins.
        whole_windows: leave out the form of the network that is computed hop by hop.

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
    compared = compare(run, method or facts.method, progress)
    best = compared.best
    streams = [_scored(stream, logits, run) for stream, logits in zip(run.streams, best.logits)]
    actions = facts.signal.actions
    decision = calibrate(
        streams,
        actions,
        facts.decision,
        facts.target_fa_per_min,
        f"validation recordings {', '.join(facts.validation)}, int8 scores",
    )
    scores: dict[str, Any] = {
        "recordings": list(facts.validation),
        "candidates": compared.figures(),
        "chosen": best.name,
        "reason": compared.reason,
        "decision": _decision_figures(streams, decision, run),
    }
    floating, final = compared.floating, best
    if run.refit is not None:
        floating, final = after_refit(run, run.refit, best.name, progress)
        scores["refit"] = final.likeness()
    streamed, stream_facts = None, None
    if not whole_windows:
        progress("hop by hop")
        streamed, stream_facts = _hop_by_hop(run, final.blob)
    progress("golden vectors, bundle")
    tensor = check_full_int8(final.blob)
    golden, steps = _golden(run, decision, final.blob)
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
        scores=scores,
        stream=stream_facts,
    )
    files = {
        "model.tflite": final.blob,
        "float.tflite": floating.blob,
        "linear.npz": run.linear,
        "golden.npz": golden_npz(golden),
        "report.html": render_report(manifest).encode(),
    }
    if streamed is not None:
        files["stream.tflite"] = streamed.blob
    digest = write_bundle(out, manifest, files)
    return Converted(
        out, digest, best.name, compared.reason, compared.figures(), scores.get("refit"), stream_facts
    )


def _hop_by_hop(run: Run, blob: bytes) -> tuple[Streamed | None, StreamFacts | None]:
    """The network's other form and what is to be said of it, where it saves multiplications."""
    signal = run.facts.signal
    made = stream(blob, signal.hop)
    if signal.hop > signal.window or made.macs >= made.window_macs:
        return None, None
    frames = run.x_train.frames[: signal.window + HOPS * signal.hop]
    return made, StreamFacts(
        macs=made.macs,
        window_macs=made.window_macs,
        state_bytes=made.state_bytes,
        window_from=made.window_from,
        unused_frames=made.lead,
        checked_hops=check_stream(made, blob, frames, run.facts.seed),
    )


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
    scores = [score_streams([streams[i] for i in own], decision, actions) for own in by_subject(run)]
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
