"""The signal of a run: filters designed, and whatever is fitted to the recordings, without their labels."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.edge_runtime.contract.signal_spec import (
    INPUT_SCALE,
    ActionSet,
    Scale,
    SignalSpec,
    SpatialStage,
    Stage,
)
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.train import spatial
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Recording
from neurograsp.train.filter_design import FilterConfig, design

OUTLIERS = 0.99
BULK = 0.9
MOST_OF_BULK = 6.0
"""Times the quantile BULK. In the EEG and EMG of the repository the quantile OUTLIERS is at most 5.1 times as
large; it is larger where a filter rings with an artefact."""

MOST_FRAMES = 1_000_000
"""Frames that are looked at, spread over the recordings."""

Float = npt.NDArray[np.float64]


def fit_signals(
    config: TrainConfig, recordings: Sequence[Recording], validating: Iterable[str] = ()
) -> dict[str, SignalSpec]:
    """The signal of each subject: one for all, or with `signal.per_subject` one fitted to each alone.

    Args:
        config: what to design and fit.
        recordings: to train on; the others are not looked at.
        validating: subjects of the others.

    Raises:
        ConfigError: the configuration is impossible.
        RecordingError: recordings that differ in channels, rate or unit, or a channel without signal.
    """
    check_alike(recordings)
    subjects = list(dict.fromkeys(recording.subject for recording in recordings))
    others = [subject for subject in dict.fromkeys(validating) if subject not in subjects]
    if not config.signal.per_subject:
        return dict.fromkeys([*subjects, *others], build_spec(config, recordings))
    if others:
        raise ConfigError(
            f"signal.per_subject: nothing of subject {others[0]} is trained on, to fit the signal to; leave "
            "this person out of data.subjects, and fit to them afterwards with `neurograsp train --from`"
        )
    return {
        subject: build_spec(config, [one for one in recordings if one.subject == subject])
        for subject in subjects
    }


def check_alike(recordings: Sequence[Recording]) -> None:
    """Raises RecordingError unless channels, rate and unit are those of the first one."""
    first = recordings[0]
    for other in recordings[1:]:
        for what in ("channels", "rate_hz", "lsb_uv"):
            if getattr(other, what) != getattr(first, what):
                raise RecordingError(
                    f"{other.source}: {what} is {getattr(other, what)!r:.60}, unlike that of {first.source}; "
                    "train on one kind of recording at a time"
                )


def build_spec(config: TrainConfig, recordings: Sequence[Recording]) -> SignalSpec:
    """Design the filter, and fit mixing of channels and scale to the training recordings.

    Raises:
        ConfigError: the configuration is impossible.
        RecordingError: recordings that differ in channels, rate or unit.
    """
    check_alike(recordings)
    first = recordings[0]
    n_channels = len(first.channels)
    actions = config.actions

    def draft(stages: tuple[Stage, ...], scale: Scale | None = None) -> SignalSpec:
        return SignalSpec(
            channels=first.channels,
            rate_hz=first.rate_hz,
            lsb_uv=first.lsb_uv,
            adc_bits=config.signal.adc_bits,
            stages=stages,
            scale=scale or Scale((0,) * n_channels, (2**30,) * n_channels, (30,) * n_channels),
            window=config.signal.window,
            hop=config.signal.hop,
            actions=ActionSet(actions.names, actions.commands, actions.output, actions.rest),
            gap=config.signal.gap,
        )

    def fit_spatial(wanted: FilterConfig, before: tuple[Stage, ...]) -> SpatialStage:
        if wanted.kind == "average_reference":
            return spatial.average_reference(n_channels)
        if wanted.kind == "laplacian":
            return spatial.laplacian(first.channels, wanted.neighbours)
        frames, rms = without_outliers(filtered(draft(before), recordings))
        _refuse_flat(first.channels, rms, recordings)
        return spatial.whitening(frames, wanted.shrinkage)

    try:
        stages = design(config.signal.filters, first.rate_hz, fit_spatial)
        return draft(stages, fit_scale(draft(stages), recordings))
    except ValueError as error:
        raise ConfigError(f"signal: {error}") from error


def filtered(spec: SignalSpec, recordings: Sequence[Recording]) -> Float:
    """What the stages give, (n_frames, n_channels); of long recordings evenly spaced frames."""
    n_frames = sum(recording.n_frames for recording in recordings) // spec.decimation
    every = math.ceil(n_frames / MOST_FRAMES) or 1
    chain = FilterChain(spec)
    pieces = []
    for recording in recordings:
        for rows in recording.iter_pieces():
            chain.reset()
            pieces.append(chain.filter(recording.counts[rows])[::every].astype(np.float64))
    return np.concatenate(pieces)


def without_outliers(frames: Float) -> tuple[Float, Float]:
    """Clip each channel at the quantile OUTLIERS of its sizes, or at MOST_OF_BULK times the quantile BULK
    where that is less, so that an artefact decides nothing, nor a filter that rings with it.

    Returns:
        the frames, and the root mean square of each channel.
    """
    outliers, bulk = np.quantile(np.abs(frames), (OUTLIERS, BULK), axis=0)
    limit = np.minimum(outliers, MOST_OF_BULK * bulk)
    clipped = np.clip(frames, -limit, limit)
    return clipped, np.sqrt(np.mean(clipped**2, axis=0))


def fit_scale(spec: SignalSpec, recordings: Sequence[Recording]) -> Scale:
    """Scale each channel so that its root mean square becomes 1 (16 int8 steps).

    Raises:
        RecordingError: a channel that (almost) never changes has no scale; what little it does later
            would fill the network's whole input.
    """
    _, rms = without_outliers(filtered(spec, recordings))
    _refuse_flat(spec.channels, rms, recordings)
    multiplier, shift = [], []
    for value in rms:
        factor = 1 / (INPUT_SCALE * value)
        places = min(62, 30 - math.floor(math.log2(factor)))
        multiplier.append(min(2**31 - 1, max(1, round(factor * 2.0**places))))
        shift.append(places)
    return Scale((0,) * len(rms), tuple(multiplier), tuple(shift))


def _refuse_flat(channels: Sequence[str], rms: Float, recordings: Sequence[Recording]) -> None:
    flat = [name for name, value in zip(channels, rms) if value < 1]
    if flat:
        raise RecordingError(
            f"{recordings[0].source} and {len(recordings) - 1} more: {', '.join(flat)} never changed; "
            "fix the electrode and record again, or leave it out by `data.without`"
        )
