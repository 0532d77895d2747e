"""One training run: recordings and a configuration in, a run folder out."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.run_folder import RUN_SCHEMA, RunFacts
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.decoder_scores import mean_over_subjects
from neurograsp.edge_runtime.files import refuse_foreign_folder, whole_folder
from neurograsp.edge_runtime.thresholds import calibrate
from neurograsp.firmware_bridge.strict import encode
from neurograsp.train import evaluate
from neurograsp.train.channels import chosen
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Recording
from neurograsp.train.fit import FitHistory, Progress, predict_logits
from neurograsp.train.fit_network import fit_network, refit_network
from neurograsp.train.models import NetworkSummary, build, summarise
from neurograsp.train.models.filterbank_linear import FilterbankLinear, fit_filterbank_linear
from neurograsp.train.signal_fit import fit_signals
from neurograsp.train.splits import split
from neurograsp.train.starting_point import StartingPoint
from neurograsp.train.window_set import WindowSet
from neurograsp.train.windows import data_sha256, training_set

PACKAGES = ("neurograsp", "numpy", "scipy", "scikit-learn", "tensorflow", "tensorflow-cpu", "tf-keras")
GOLDEN_SECONDS = 2.0
RUN_MARKER = "run.json"


@dataclass(frozen=True)
class TrainedRun:
    """Attributes:
    facts: what goes into run.json.
    history: of the fit.
    metrics: {"float": ..., "linear": ...} on the validation recordings, the mean over subjects; of the
        models from before a refit.
    linear: size of the linear baseline.
    """

    facts: RunFacts
    history: FitHistory
    metrics: dict[str, dict[str, Any]]
    linear: NetworkSummary


def train_run(
    config: TrainConfig,
    recordings: list[Recording],
    out: Path,
    config_text: str,
    progress: Progress | None = None,
    start: StartingPoint | None = None,
) -> TrainedRun:
    """Train and write the run folder, complete or not at all.

    Args:
        config: what to do.
        recordings: all of them, sorted by subject and session; `splits` divides them.
        out: folder to create.
        config_text: the configuration file as the user wrote it.
        progress: called after each epoch.
        start: a finished run whose weights to start from.

    Raises:
        ConfigError: `out` exists and is no run folder, the configuration is impossible, or `start` does
            not fit it.
        RecordingError: the recordings don't fit it.
    """
    refuse_foreign_folder(out, RUN_MARKER)
    recordings = [chosen(recording, config.data) for recording in recordings]
    train, validation = split(recordings, config.labels.kind, config.data.split, config.data.held_out)
    signals = fit_signals(config, train, [one.subject for one in validation])
    if start is not None:
        signal = signals[train[0].subject]
        start.check_fits(
            signal, config.network.name, names_of(train), names_of(validation), config.data.split
        )
    job = _Job(config, train, validation, signals, data_sha256(recordings), start)
    with whole_folder(out, RUN_MARKER) as folder:
        (folder / "config.toml").write_text(config_text, encoding="utf-8")
        return _train_into(folder, job, progress)


@dataclass(frozen=True, eq=False)
class _Job:
    config: TrainConfig
    train: list[Recording]
    validation: list[Recording]
    signals: dict[str, SignalSpec]
    data_sha256: str
    start: StartingPoint | None


def _train_into(folder: Path, job: _Job, progress: Progress | None) -> TrainedRun:
    config, train, validation, signals, start = job.config, job.train, job.validation, job.signals, job.start
    spec = signals[validation[0].subject]
    train_windows, validation_windows = (
        training_set(part, signals, labels, config.actions, folder / f"frames_{name}.npy")
        for name, part, labels in (
            ("train", train, config.labels),
            ("validation", validation, config.labels.hard),
        )
    )
    model = _network(job)
    # The baseline takes seconds and refuses what the network would learn nothing from.
    linear = _fit_linear(job, train, train_windows, folder)
    history = fit_network(model, train_windows, validation_windows, config.fit, spec.actions.output, progress)

    template = config.decision.template(len(spec.actions.names))
    metrics, decisions = {}, {}
    heard = [evaluate.hear(recording, signals[recording.subject]) for recording in validation]
    scored: dict[str, list[evaluate.Replay]] = {}
    for name, scorer in (("float", keras_scorer(model)), ("linear", linear.logits)):
        scored[name] = [
            evaluate.replay(recording, one, signals[recording.subject], config.actions, config.labels, scorer)
            for recording, one in zip(validation, heard)
        ]
        decisions[name] = calibrate(
            [one.stream for one in scored[name]],
            spec.actions,
            template,
            config.decision.target_fa_per_min,
            f"validation recordings {', '.join(names_of(validation))}",
        )
        subjects = evaluate.measure_subjects(validation, scored[name], spec, decisions[name])
        metrics[name] = mean_over_subjects(list(subjects.values()))
    refitted = config.fit.refit and any(history.kept)
    sets = {"train": train_windows, "validation": validation_windows}
    if refitted:
        model.save(folder / "validated.keras")
        everything = training_set(
            [*train, *validation], signals, config.labels, config.actions, folder / "frames_refit.npy"
        )
        sets["refit"] = everything
        model = _network(job)
        refit_network(model, everything, config.fit, spec.actions.output, history.kept, progress)
        linear = _fit_linear(job, [*train, *validation], everything, folder)
    summary = summarise(model)
    taught, judged = names_of(train), names_of(validation)
    if start is not None:
        taught = tuple(dict.fromkeys((*start.facts.trained_on, *taught)))
    facts = RunFacts(
        schema=RUN_SCHEMA,
        name=config.name,
        signal=spec,
        subject_signals=signals if config.signal.per_subject and len(signals) > 1 else {},
        decision=template,
        reference_decisions=decisions,
        target_fa_per_min=config.decision.target_fa_per_min,
        labels=config.labels.kind,
        network=config.network.name,
        parameters=summary.parameters,
        macs=summary.macs,
        method=config.convert.method,
        config=encode(config),
        data_sha256=job.data_sha256,
        train=taught,
        validation=judged,
        seed=config.fit.seed,
        versions=_versions(),
        refit=refitted,
        quality=config.quality,
        validated_before=_validated_before(start, {*taught, *judged}),
    )
    _write_json(folder / "run.json", encode(facts))
    _write_json(folder / "history.json", history.to_json())
    _write_json(folder / "metrics.json", evaluate.by_measure(metrics))
    model.save(folder / "model.keras")
    linear.save(folder / "linear.npz")
    arrays: dict[str, Any] = {}
    for name, windows in sets.items():
        arrays |= {f"last_{name}": windows.x.last, f"y_{name}": windows.y}
    np.savez_compressed(folder / "windows.npz", **arrays)
    streams: dict[str, Any] = _streams(heard, scored["float"])
    streams["golden_counts"] = _golden_counts(spec, validation)
    np.savez_compressed(folder / "streams.npz", **streams)
    return TrainedRun(facts, history, metrics, linear.summary())


def _validated_before(start: StartingPoint | None, named: Collection[str]) -> tuple[str, ...]:
    """What chose the epochs of the runs before, and is not named already."""
    if start is None:
        return ()
    before = dict.fromkeys((*start.facts.validated_before, *start.facts.validation))
    return tuple(name for name in before if name not in named)


def _fit_linear(
    job: _Job, recordings: Sequence[Recording], windows: WindowSet, folder: Path
) -> FilterbankLinear:
    """The baseline, without the windows across a border of states: those make it worse (docs/results.md)."""
    config, spec = job.config, job.signals[job.validation[0].subject]
    store = folder / "frames_linear.npy"
    if config.labels.border_s:
        windows = training_set(recordings, job.signals, config.labels.hard, config.actions, store)
    linear = fit_filterbank_linear(windows, spec.rate_hz / spec.decimation, spec.actions.output)
    store.unlink(missing_ok=True)
    return linear


def _network(job: _Job) -> Any:
    """The network before it is trained."""
    config, spec = job.config, job.signals[job.validation[0].subject]
    model = build(
        config.network.name,
        spec.window,
        len(spec.channels),
        len(spec.actions.names),
        seed=config.fit.seed,
        **config.network.options,
    )
    if job.start is not None:
        job.start.give_weights(model)
    return model


def keras_scorer(model: Any) -> evaluate.BatchScorer:
    """A float Keras network as a scorer."""

    def score(windows: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        logits: npt.NDArray[np.float64] = predict_logits(model, windows).astype(np.float64)
        return logits

    return score


def names_of(recordings: Sequence[Recording]) -> tuple[str, ...]:
    """The recordings as "subject/session"."""
    return tuple(f"{recording.subject}/{recording.session}" for recording in recordings)


def _streams(
    heard: Sequence[evaluate.Heard], replays: Sequence[evaluate.Replay]
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of streams.npz, see `neurograsp.edge_runtime.contract.run_folder`."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for number, (one, scored) in enumerate(zip(heard, replays)):
        stream = scored.stream
        arrays |= {
            f"{number}.windows": one.windows,
            f"{number}.time_s": stream.time_s,
            f"{number}.restart": stream.restart,
            f"{number}.event_start_s": stream.event_start_s,
            f"{number}.event_stop_s": stream.event_stop_s,
            f"{number}.event_action": stream.event_action,
            f"{number}.rest_start_s": stream.rest_start_s,
            f"{number}.rest_stop_s": stream.rest_stop_s,
            f"{number}.picked": scored.picked,
            f"{number}.truth": scored.truth,
        }
    return arrays


def _golden_counts(spec: SignalSpec, validation: Sequence[Recording]) -> npt.NDArray[np.int32]:
    recording = validation[0]
    longest = max(recording.iter_pieces(), key=lambda rows: rows.stop - rows.start)
    n_frames = max(round(GOLDEN_SECONDS * spec.rate_hz), spec.window * spec.decimation)
    return recording.counts[longest][:n_frames]


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _write_json(path: Path, tree: Any) -> None:
    path.write_text(json.dumps(tree, indent=1, allow_nan=False) + "\n")
