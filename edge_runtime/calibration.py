"""A bundle's thresholds for this person on this day: listens to a pipeline, chooses, keeps the result.

No hand has any part in it. The rules are those of training (`thresholds`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.edge_runtime.contract.calibration import MAX_BYTES, Calibration, parse_calibration
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.contract.signal_spec import ActionSet, SignalSpec
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.event_scores import (
    ControllerScores,
    Happened,
    ScoredStream,
    score_streams,
    scored_stream,
)
from neurograsp.edge_runtime.sources.base import Source
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.edge_runtime.thresholds import (
    calibrate,
    minutes_needed,
    poisson_upper_bound,
    raise_thresholds,
)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Attributes:
    name: "subject/session".
    frames: in the bundle's channels, in its order.
    happened: according to the labels.
    """

    name: str
    frames: DeltaFrames
    happened: Happened


class Listener:
    """Keeps what a pipeline decides from, hop by hop: for `Pipeline.watch`.

    Args:
        signal: of the pipeline.
        skip_s: hops so soon after the first one are left out, while the filter settles.
    """

    def __init__(self, signal: SignalSpec, skip_s: float = 0.0) -> None:
        self._signal = signal
        self._skip_s = skip_s
        self._begin_s: float | None = None
        self._hops: list[npt.NDArray[np.int8]] = []
        self._frames: list[int] = []
        self._probabilities: list[npt.NDArray[np.float64]] = []

    def push(self, window: npt.NDArray[np.int8], decision: Decision) -> None:
        if self._begin_s is None:
            self._begin_s = decision.time_s
        if decision.time_s - self._begin_s >= self._skip_s:
            self._hops.append(window[-self._signal.hop :].copy())
            self._frames.append(decision.frame)
            self._probabilities.append(decision.probabilities)

    @property
    def heard_s(self) -> float:
        return len(self._frames) * self._signal.hop_s

    def stream(self, happened: Happened | None = None) -> ScoredStream:
        """The scores, beside what happened; without that all of it is rest.

        Raises:
            CheckFailed: nothing was heard.
        """
        if not self._frames:
            raise CheckFailed(
                f"no window of {self._signal.window_s:g} s came without a gap, with electrodes to believe; "
                "look at them, then listen longer"
            )
        frames = np.array(self._frames)
        if happened is None:
            happened = self._all_rest(frames)
        return scored_stream(frames, np.stack(self._probabilities), self._signal, happened)

    def hops(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
        """(n, hop, n_channels) the newest frames of those windows of the stream."""
        return np.stack(self._hops)[chosen]

    def _all_rest(self, frames: npt.NDArray[np.int64]) -> Happened:
        step = self._signal.hop * self._signal.decimation
        gaps = np.flatnonzero(np.diff(frames) > step)
        first, last = np.append(0, gaps + 1), np.append(gaps, len(frames) - 1)
        nothing = np.zeros(0)
        return Happened(
            event_start_s=nothing,
            event_stop_s=nothing,
            event_action=nothing.astype(np.int64),
            rest_start_s=(frames[first] + 1 - step) / self._signal.rate_hz,
            rest_stop_s=(frames[last] + 1) / self._signal.rate_hz,
        )


class UntilHeard:
    """A source that ends when so much was heard of it, see `Source`.

    Args:
        source: to be heard.
        listener: hears it.
        heard_s: seconds, without what the listener leaves out.
    """

    def __init__(self, source: Source, listener: Listener, heard_s: float) -> None:
        self.description = source.description
        self.start, self.read, self.stop = source.start, source.read, source.stop
        self._source = source
        self._listener = listener
        self._heard_s = heard_s

    def finished(self) -> bool:
        return self._listener.heard_s >= self._heard_s or self._source.finished()


def listen_to(bundle: Bundle, labelled: Labelled) -> tuple[ScoredStream, npt.NDArray[np.int8]]:
    """Push a recording through the bundle's pipeline.

    Returns:
        its scores beside its labels, and the hops (n, hop, n_channels) in labelled rest.

    Raises:
        CheckFailed: it is shorter than a window.
    """
    pipeline = bundle.pipeline()
    listener = Listener(bundle.manifest.signal)
    pipeline.watch(listener.push)
    pipeline.push(labelled.frames.counts, labelled.frames.frame_index)
    stream = listener.stream(labelled.happened)
    return stream, listener.hops(stream.in_rest)


def check_enough_rest(rest_s: float, target_fa_per_min: float) -> None:
    """Raises CheckFailed where so little rest cannot show so low a rate, however quiet it is."""
    needed_s = 60 * minutes_needed(target_fa_per_min)
    if rest_s < needed_s:
        raise CheckFailed(
            f"{rest_s:.0f} s of rest cannot show {target_fa_per_min:g} false activations a minute: "
            f"{needed_s / 60:.1f} minutes ({needed_s:.0f} s) are needed; rest longer, or raise --target"
        )


@dataclass(frozen=True)
class Outcome:
    """Attributes:
    decision: with the thresholds that were chosen.
    before, after: what the bundle's own thresholds and these make of the streams.
    """

    decision: DecisionSpec
    before: ControllerScores
    after: ControllerScores


def choose(
    streams: Sequence[ScoredStream], actions: ActionSet, own: DecisionSpec, target_fa_per_min: float
) -> Outcome:
    """Choose thresholds that keep the wanted rate: by the rule of training where there are events, else the
    bundle's own, raised as far as needed.

    Args:
        streams: with rest.
        actions: of the bundle.
        own: decision layer of the bundle.
        target_fa_per_min: the wanted number.

    Raises:
        CheckFailed: there is too little rest to show it, or no threshold keeps it.
    """
    check_enough_rest(sum(stream.rest_s for stream in streams), target_fa_per_min)
    chosen: DecisionSpec | None
    if any(len(stream.event_action) for stream in streams):
        chosen = calibrate(streams, actions, own, target_fa_per_min, "")
    else:
        chosen = raise_thresholds(streams, actions, own, target_fa_per_min)
    before = score_streams(streams, own, actions)
    after = before if chosen is None else score_streams(streams, chosen, actions)
    if chosen is None or poisson_upper_bound(after.false_activations) > target_fa_per_min * after.rest_min:
        raise CheckFailed(
            f"no threshold keeps {target_fa_per_min:g} false activations a minute, with those of the bundle "
            f"there are {before.false_activations} in {before.rest_min:.1f} minutes; look at the electrodes, "
            "set a higher --target, or train again"
        )
    return Outcome(chosen, before, after)


def read_calibration(path: Path) -> Calibration:
    """Raises ConfigError where it cannot be read or is no calibration."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES >> 20} MiB; this is no calibration")
    return parse_calibration(raw, str(path))
