"""The ways to run a network, each scored on the validation recordings, and which of them is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.convert import quantize
from neurograsp.convert.run_reader import Refit, Run
from neurograsp.convert.verify import check_full_int8
from neurograsp.edge_runtime.classifier import Classifier, probabilities
from neurograsp.edge_runtime.contract.codec import decode
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.contract.run_folder import Method
from neurograsp.edge_runtime.decoder_scores import macro_auc, mean_over_subjects, one_against_rest

NO_DIFFERENCE = 0.001

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
class Comparison:
    """Attributes:
    floating: the float network.
    made: the int8 ones.
    best: of these.
    reason: why.
    """

    floating: Candidate
    made: Sequence[Candidate]
    best: Candidate
    reason: str

    def figures(self) -> dict[str, dict[str, Any]]:
        return {candidate.name: candidate.figures() for candidate in (self.floating, *self.made)}


def compare(run: Run, method: Method, progress: Progress) -> Comparison:
    """Quantize the network that was not trained on the validation recordings, and choose on them."""
    progress("float32 network")
    model = quantize.load_model(run.model_path)
    floating = _candidate("float", quantize.to_float_tflite(model), run, None)
    made: list[Candidate] = []
    dropped = []
    for name in METHODS if method == "auto" else (method,):
        try:
            blob = METHODS[name](model, run, progress)
            check_full_int8(blob)
        except (CheckFailed, ConfigError) as error:
            if method != "auto":
                raise
            dropped.append(f"{name} was left out: {error}")
        else:
            made.append(_candidate(name, blob, run, floating))
    if not made:
        raise CheckFailed(f"{run.path}: {'; '.join(dropped)}")
    best = choose(made)
    if method != "auto":
        return Comparison(floating, made, best, f"{best.name} was asked for")
    reason = "; ".join([reason_for(made, best, run.facts.validation), *dropped])
    return Comparison(floating, made, best, reason)


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


def after_refit(run: Run, refit: Refit, method: str, progress: Progress) -> tuple[Candidate, Candidate]:
    """Float and int8 form of the network after it was trained on the validation recordings too."""
    progress("the network of all recordings")
    model = quantize.load_model(refit.model_path)
    everything = replace(run, x_train=refit.x, y_train=refit.y)
    floating = _candidate("float", quantize.to_float_tflite(model), run, None)
    return floating, _candidate(method, METHODS[method](model, everything, progress), run, floating)


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
    for own in by_subject(run):
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


def by_subject(run: Run) -> list[list[int]]:
    """Numbers of the validation recordings of each subject."""
    own: dict[str, list[int]] = {}
    for number, name in enumerate(run.facts.validation):
        own.setdefault(name.rpartition("/")[0], []).append(number)
    return list(own.values())


def choose(made: Sequence[Candidate]) -> Candidate:
    """Of those with (almost) the highest AUC the one nearest to the float network."""
    highest = max(candidate.auc or 0 for candidate in made)
    level = [candidate for candidate in made if highest - (candidate.auc or 0) < NO_DIFFERENCE]
    return min(level, key=lambda candidate: candidate.difference)


def reason_for(made: Sequence[Candidate], best: Candidate, validation: tuple[str, ...]) -> str:
    aucs = ", ".join(f"{candidate.name} {candidate.auc or 0:.4f}" for candidate in made)
    figures = f"AUC on validation {', '.join(validation)}: {aucs}"
    if all(abs((one.auc or 0) - (best.auc or 0)) >= NO_DIFFERENCE for one in made if one is not best):
        return figures
    return f"{figures}, which is no difference; {best.name} stays nearer to the float network"
