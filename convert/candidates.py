"""The ways to run a network, each scored on the validation recordings, and which of them is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from neurograsp.convert import quantize
from neurograsp.convert.layer_rules import check_layers
from neurograsp.convert.run_reader import Refit, Run
from neurograsp.convert.validation import (
    agreement,
    by_subject,
    calibrated,
    golden_of,
    logits_of,
    recorded_windows,
    same_decisions,
)
from neurograsp.convert.verify import Gate, Likeness, closed, likeness_gates, micro_gate, structure_gates
from neurograsp.edge_runtime.classifier import Classifier, probabilities
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.contract.run_folder import GateLimits, Method
from neurograsp.edge_runtime.decoder_scores import macro_auc, mean_over_subjects, one_against_rest
from neurograsp.firmware_bridge.strict import decode

NO_DIFFERENCE = 0.001

Progress = Callable[[str], None]
C = TypeVar("C", bound="Candidate")


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to run the network, scored on the validation recordings.

    Attributes:
        name: "float", "float, fine-tuned", or the way to quantize.
        blob: the `.tflite`.
        logits: (n_scores, n_actions) for each stream.
        auc: mean over the actions of the one-vs-rest AUC, mean over subjects.
        agreement: share of scores that call for the float network's action.
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
class Int8(Candidate):
    """Attributes:
    floating: the float `.tflite` of the same weights.
    auc_loss: how much of the float network's is lost; None where one of them is not defined.
    decision: thresholds chosen by its own scores.
    gates: see `neurograsp.convert.verify`.
    """

    floating: bytes
    auc_loss: float | None
    decision: DecisionSpec
    gates: tuple[Gate, ...]

    @property
    def passes(self) -> bool:
        return all(gate.passed for gate in self.gates)

    @property
    def failed(self) -> str:
        return f"failed at {', '.join(gate.name for gate in self.gates if not gate.passed)}"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Attributes:
    floats: the float network, and with QAT among the ways the one that was trained as long without it.
    made: the int8 ones.
    passing: of these, the best first.
    reason: why that is the best.
    """

    floats: Sequence[Candidate]
    made: Sequence[Int8]
    passing: Sequence[Int8]
    reason: str

    @property
    def floating(self) -> Candidate:
        return self.floats[0]

    def figures(self) -> dict[str, dict[str, Any]]:
        return {candidate.name: candidate.figures() for candidate in (*self.floats, *self.made)}


def compare(run: Run, method: Method, limits: GateLimits, progress: Progress) -> Comparison:
    """Quantize the network that was not trained on the validation recordings, and choose on them.

    Raises:
        CheckFailed: no way, or not the one asked for, makes a network that passes the gates.
        ConfigError: the network cannot be quantized in the way asked for.
    """
    progress("float32 network")
    model = quantize.load_model(run.model_path)
    check_layers(model, str(run.model_path))
    floating = _candidate("float", quantize.to_float_tflite(model), run, None)
    floats, dropped = [floating], []
    made: list[Int8] = []
    for name in METHODS if method == "auto" else (method,):
        try:
            candidate = _gated(
                name, METHODS[name](model, floating.blob, run, progress), run, floating, limits
            )
        except (CheckFailed, ConfigError) as error:
            if method != "auto":
                raise
            dropped.append(f"{name} was left out: {error}")
        else:
            made.append(candidate)
            if name == "qat":
                progress("as many epochs without quantization")
                floats.append(_candidate("float, fine-tuned", _control(model, run), run, floating))
    passing = [candidate for candidate in made if candidate.passes]
    if not passing:
        failed = [f"{one.name} does not pass: {closed(one.gates)}" for one in made]
        raise CheckFailed(f"{run.path}: {'; '.join([*failed, *dropped])}")
    ranked = rank(passing)
    if method != "auto":
        return Comparison(floats, made, ranked, f"{method} was asked for")
    dropped += [f"{one.name} {one.failed}" for one in made if not one.passes]
    reason = reason_for(passing, ranked[0], run.facts.validation)
    return Comparison(floats, made, ranked, "; ".join([reason, *dropped]))


def _ptq(model: Any, floating: bytes, run: Run, progress: Progress) -> quantize.Quantized:
    progress("post-training quantization (PTQ)")
    return quantize.Quantized(quantize.ptq(model, run.x_train, seed=run.facts.seed), floating)


def _ai_edge(model: Any, floating: bytes, run: Run, progress: Progress) -> quantize.Quantized:
    progress("post-training quantization by AI Edge Quantizer")
    return quantize.Quantized(quantize.ai_edge(floating, run.x_train, seed=run.facts.seed), floating)


def _qat(model: Any, floating: bytes, run: Run, progress: Progress) -> quantize.Quantized:
    progress("quantization-aware training (QAT)")
    return quantize.qat(
        model,
        *_training(run),
        options=_loss_options(run),
        seed=run.facts.seed,
        progress=lambda epoch, epochs, figures: progress(
            f"QAT epoch {epoch} of {epochs}, validation loss {figures['val_loss']:.3f}"
        ),
    )


def _control(model: Any, run: Run) -> bytes:
    return quantize.fine_tuned(model, *_training(run), options=_loss_options(run), seed=run.facts.seed)


def _training(run: Run) -> tuple[Any, Any, quantize.Output]:
    return (
        (run.x_train, run.y_train),
        (run.x_validation, run.y_validation),
        run.facts.signal.actions.output,
    )


METHODS: dict[str, Callable[[Any, bytes, Run, Progress], quantize.Quantized]] = {
    "ptq": _ptq,
    "ai-edge": _ai_edge,
    "qat": _qat,
}
"""Each takes the network, its float `.tflite`, the run, and tells what begins."""


@dataclass(frozen=True, eq=False)
class Refitted:
    """Attributes:
    before: the candidate that has not seen the validation recordings; its thresholds and loss of AUC hold
        for `final` too, since both need labels that the network has not seen.
    floating, final: float and int8 form of the network that has.
    dropped: better ways that this network does not pass with, and why.
    """

    before: Int8
    floating: Candidate
    final: Int8
    dropped: tuple[str, ...]


def after_refit(
    run: Run, refit: Refit, ranked: Sequence[Int8], limits: GateLimits, progress: Progress
) -> Refitted:
    """Quantize the network that was trained on the validation recordings too, in the best way that passes.

    Raises:
        CheckFailed: none passes.
    """
    progress("the network of all recordings")
    model = quantize.load_model(refit.model_path)
    everything = replace(run, x_train=refit.x, y_train=refit.y)
    floating = _candidate("float", quantize.to_float_tflite(model), run, None)
    dropped, reasons = [], []
    for before in ranked:
        what = f"{before.name} of the network of all recordings"
        try:
            made = METHODS[before.name](model, floating.blob, everything, progress)
            final = _gated(before.name, made, run, floating, limits, before)
        except (CheckFailed, ConfigError) as error:
            if len(ranked) == 1:
                raise
            dropped.append(f"{what} was left out: {error}")
            reasons.append(dropped[-1])
            continue
        if final.passes:
            return Refitted(before, floating, final, tuple(dropped))
        dropped.append(f"{what} {final.failed}")
        reasons.append(f"{what} does not pass: {closed(final.gates)}")
    raise CheckFailed(f"{run.path}: {'; '.join(reasons)}")


def _loss_options(run: Run) -> quantize.QatOptions:
    """Fine-tuning goes on with the loss that the run was trained with."""
    fit = run.facts.config.get("fit")
    fit = fit if isinstance(fit, Mapping) else {}
    given = {name: fit[name] for name in ("balance", "label_smoothing") if name in fit}
    return decode(quantize.QatOptions, given, f"{run.path}: run.json: config.fit")


def _candidate(name: str, blob: bytes, run: Run, reference: Candidate | None) -> Candidate:
    logits = logits_of(blob, run)
    output = run.facts.signal.actions.output
    aucs = []
    for own in by_subject(run):
        examples = np.concatenate([logits[i][run.streams[i].picked] for i in own])
        truth = np.concatenate([run.streams[i].truth for i in own])
        aucs.append({"auc": macro_auc(truth, one_against_rest(examples, output))})
    wanted = reference.logits if reference else logits
    mine, theirs = np.concatenate(logits), np.concatenate(wanted)
    return Candidate(
        name=name,
        blob=blob,
        logits=logits,
        auc=mean_over_subjects(aucs)["auc"],
        agreement=agreement(run, logits, wanted),
        difference=float(np.abs(probabilities(mine, output) - probabilities(theirs, output)).mean()),
    )


def _gated(
    name: str,
    made: quantize.Quantized,
    run: Run,
    floating: Candidate,
    limits: GateLimits,
    before: Int8 | None = None,
) -> Int8:
    """With its gates; thresholds and loss of AUC are those of `before` where that is given."""
    structure = structure_gates(made.blob, limits)
    scored = _candidate(name, made.blob, run, floating)
    if before is None:
        auc_loss = None if floating.auc is None or scored.auc is None else floating.auc - scored.auc
        decision = calibrated(run, scored.logits)
    else:
        auc_loss, decision = before.auc_loss, before.decision
    real = logits_of(made.floating, run)
    likeness = Likeness(
        auc_loss=auc_loss,
        agreement=agreement(run, scored.logits, real),
        decisions=same_decisions(run, decision, scored.logits, real),
        golden=golden_of(run, decision, Classifier(made.blob, reference_kernels=True)),
        fast=golden_of(run, decision, Classifier(made.blob)),
        recorded=recorded_windows(run),
    )
    return Int8(
        **vars(scored),
        floating=made.floating,
        auc_loss=auc_loss,
        decision=decision,
        gates=(
            *structure,
            *likeness_gates(likeness, limits),
            micro_gate(made.blob, likeness.golden, limits),
        ),
    )


def rank(made: Sequence[C]) -> list[C]:
    """The best first: of those with (almost) the highest AUC the one nearest to the float network."""
    left, ranked = list(made), []
    while left:
        highest = max(candidate.auc or 0 for candidate in left)
        level = [candidate for candidate in left if highest - (candidate.auc or 0) < NO_DIFFERENCE]
        ranked.append(min(level, key=lambda candidate: candidate.difference))
        left.remove(ranked[-1])
    return ranked


def reason_for(made: Sequence[Candidate], best: Candidate, validation: tuple[str, ...]) -> str:
    aucs = ", ".join(f"{candidate.name} {candidate.auc or 0:.4f}" for candidate in made)
    figures = f"AUC on validation {', '.join(validation)}: {aucs}"
    if all(abs((one.auc or 0) - (best.auc or 0)) >= NO_DIFFERENCE for one in made if one is not best):
        return figures
    return f"{figures}, which is no difference; {best.name} stays nearer to the float network"
