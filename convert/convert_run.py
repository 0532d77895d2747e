"""A run folder in, a verified bundle out: quantize, compare, calibrate, write."""

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograsp.convert.bundle_writer import golden_npz, write_bundle
from neurograsp.convert.candidates import Int8, Progress, after_refit, compare
from neurograsp.convert.layer_noise import layer_noise
from neurograsp.convert.report import render_report
from neurograsp.convert.run_reader import Run, read_run
from neurograsp.convert.stream_check import HOPS, check_stream
from neurograsp.convert.streaming import Streamed, stream
from neurograsp.convert.validation import by_subject, golden_of, recorded_windows, scored_streams
from neurograsp.convert.verify import Gate, check_full_int8, decided_alike
from neurograsp.edge_runtime.bundle import MANIFEST, largest_difference
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.config import override
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.manifest import (
    SCHEMA,
    GoldenFacts,
    Manifest,
    NetworkFacts,
    Provenance,
    StreamFacts,
)
from neurograsp.edge_runtime.contract.run_folder import SPARE_STEPS, ConvertConfig, Method
from neurograsp.edge_runtime.decoder_scores import mean_over_subjects
from neurograsp.edge_runtime.event_scores import score_streams
from neurograsp.edge_runtime.files import refuse_foreign_folder
from neurograsp.firmware_bridge.strict import decode, encode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, eq=False)
class Converted:
    """Attributes:
    path: the bundle.
    sha256: of its manifest.
    chosen: the way that the network was quantized.
    reason: why.
    candidates: figures of each.
    gates: what was looked at before it got into the bundle.
    refit: of the network in the bundle, where it was trained on the validation recordings after that.
    stream: of its form that is computed hop by hop, where that saves anything.
    """

    path: Path
    sha256: str
    chosen: str
    reason: str
    candidates: dict[str, dict[str, Any]]
    gates: tuple[Gate, ...]
    refit: dict[str, Any] | None
    stream: StreamFacts | None


def convert_run(
    path: Path,
    out: Path,
    method: Method | None = None,
    progress: Progress = lambda step: None,
    *,
    whole_windows: bool = False,
    overrides: Iterable[str] = (),
    key: "Ed25519PrivateKey | None" = None,
) -> Converted:
    """Convert a run.

    Args:
        path: run folder.
        out: bundle folder to write.
        method: overrides the run's own.
        progress: told what begins.
        whole_windows: leave out the form of the network that is computed hop by hop.
        overrides: `gates.key=value`, over what the run was configured with.
        key: to sign the bundle with.

    Raises:
        ConfigError: the run is incomplete, its network cannot be quantized, or `out` is something else.
        CheckFailed: no method makes a network that passes the gates, or the board's own checks fail.
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
    config = _config(run, overrides)
    compared = compare(run, method or config.method, config.gates, progress)
    best, reason = compared.passing[0], compared.reason
    floating, final = compared.floating, best
    if run.refit is not None:
        refitted = after_refit(run, run.refit, compared.passing, config.gates, progress)
        best, floating, final = refitted.before, refitted.floating, refitted.final
        if refitted.dropped:
            reason = "; ".join([reason, *refitted.dropped, f"so {best.name} was kept"])
    decision = best.decision
    scores: dict[str, Any] = {
        "recordings": list(facts.validation),
        "candidates": compared.figures(),
        "chosen": best.name,
        "reason": reason,
        "decision": _decision_figures(run, best, decision),
    }
    if run.refit is not None:
        scores["refit"] = final.likeness()
    scores["gates"] = [encode(gate) for gate in final.gates]
    scores["layers"] = _layers(run, final)
    streamed, stream_facts = None, None
    if not whole_windows:
        progress("hop by hop")
        streamed, stream_facts = _hop_by_hop(run, final.blob)
    progress("golden vectors, bundle")
    tensor = check_full_int8(final.blob)
    golden = golden_of(run, decision, Classifier(final.blob, reference_kernels=True))
    fast = golden_of(run, decision, Classifier(final.blob))
    steps = largest_difference(golden, fast) + SPARE_STEPS
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
        golden=GoldenFacts(len(golden.windows), steps, decided_alike(golden, fast, recorded_windows(run))),
        files={},
        provenance=Provenance(
            config=facts.config,
            data_sha256=facts.data_sha256,
            train=facts.train,
            validation=facts.validation,
            seed=facts.seed,
            versions={**facts.versions, **_versions()},
            refit=facts.refit,
            validated_before=facts.validated_before,
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
    digest = write_bundle(out, manifest, files, key)
    return Converted(
        path=out,
        sha256=digest,
        chosen=best.name,
        reason=reason,
        candidates=compared.figures(),
        gates=final.gates,
        refit=scores.get("refit"),
        stream=stream_facts,
    )


def _config(run: Run, overrides: Iterable[str]) -> ConvertConfig:
    """How the run wants to be converted, and what was said on the command line."""
    where = f"{run.path}: run.json: config.convert"
    given = run.facts.config.get("convert", {})
    tree = copy.deepcopy(given) if isinstance(given, dict) else {}
    override(tree, overrides)
    return replace(decode(ConvertConfig, tree, where), method=run.facts.method)


def _layers(run: Run, final: Int8) -> list[dict[str, Any]]:
    noise = layer_noise(final.blob, final.floating, run.streams[0].windows)
    return [
        {
            "operator": one.operator,
            "shape": list(one.shape),
            "sqnr_db": round(one.sqnr_db, 1) if math.isfinite(one.sqnr_db) else None,
        }
        for one in noise
    ]


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


def _decision_figures(run: Run, best: Int8, decision: DecisionSpec) -> dict[str, Any]:
    actions = run.facts.signal.actions
    streams = scored_streams(run, best.logits)
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


def _versions() -> dict[str, str]:
    return {
        name: version(name)
        for name in ("ai-edge-litert", "ai-edge-quantizer", "tensorflow-model-optimization")
    }
