"""What the picture shows: signals, truth, scores, commands and joints on one time axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE, SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.event_scores import TOLERANCE_S, activations
from neurograsp.edge_runtime.pipeline import STOP
from neurograsp.firmware_bridge.strict import decode
from neurograsp.train.bundle_scores import BundleScores
from neurograsp.train.channels import fitted
from neurograsp.train.config import ActionsConfig
from neurograsp.train.datasets import Recording
from neurograsp.train.report.session import Session
from neurograsp.train.targets import NO_ACTION, action_codes

EVENTS = 16
SHORTEST_S = 8.0
LONGEST_S = 40.0
LONGEST_WITHOUT_HAND_S = 120.0
LEAD = 0.08
MOTOR = ("c3", "cz", "c4", "pz")
N_CHANNELS = 4

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mark:
    """An activation.

    Attributes:
        at_s: when.
        action: index of what started.
        right: whether that action was under way, or over for less than the tolerance.
    """

    at_s: float
    action: int
    right: bool


@dataclass(frozen=True, eq=False)
class Timeline:
    """Seconds are of the played recording: gaps between its pieces take no time.

    Nothing outside of begin_s to end_s is in it, save in the hand's trace.

    Attributes:
        recording: subject and session.
        live: whether scores and hand are those of a run, not of a replay.
        begin_s, end_s: what to show.
        channels: names of the signals.
        signal_s: (n,) time of each filtered frame.
        signal: (n, n_channels) filtered, in units of each channel's training RMS; NaN rows at gaps.
        gap_s: times of gaps.
        truth: start, stop and action of what really happened, rest included.
        score_s: (n_scores,).
        probabilities: (n_scores, n_actions) as the thresholds see them; NaN rows at restarts.
        marks: activations.
        commands: time, command and index of its action, for the activations while the hand was armed.
        joints_s: (n_servo_frames,) or None where no simulated hand took part.
        joints_us: (n_servo_frames, n_joints).
    """

    recording: str
    live: bool
    begin_s: float
    end_s: float
    channels: tuple[str, ...]
    signal_s: Float
    signal: Float
    gap_s: Float
    truth: tuple[tuple[float, float, int], ...]
    score_s: Float
    probabilities: Float
    marks: tuple[Mark, ...]
    commands: tuple[tuple[float, str, int], ...]
    joints_s: Float | None
    joints_us: Float


@dataclass(frozen=True)
class _Clock:
    """Rows of a recording to seconds on the axis."""

    offset_s: float
    s_a_row: float

    def at(self, rows: npt.ArrayLike) -> Float:
        return np.asarray(self.offset_s + self.s_a_row * np.asarray(rows, np.float64), np.float64)


def build_timeline(
    bundle: Bundle, recordings: Sequence[Recording], scores: BundleScores, session: Session | None
) -> Timeline:
    """From the session where it played one of the recordings, else from the replay of the first."""
    signal, decision = bundle.manifest.signal, bundle.manifest.decision
    found = None if session is None else _played(session, recordings)
    if session is not None and found is not None:
        recording, rows = found
        scored = ~np.isnan(session.probabilities).any(axis=1)
        clock = _fit_clock(rows, session.wall_s, recording.rate_hz)
        stream_s, score_s = session.time_s[scored], session.wall_s[scored]
        probabilities = session.probabilities[scored]
        frames = recording.frame_index[rows[scored]]
        restart = np.diff(frames, prepend=frames[:1]) > signal.hop * signal.decimation
        names = {name: index for index, name in enumerate(signal.actions.names)}
        started = [
            (float(time_s), float(wall_s), names[action])
            for time_s, wall_s, action in zip(session.time_s, session.wall_s, session.started)
            if action in names
        ]
        joints_s, joints_us = session.trace_s, session.joints_us
        first_s, last_s = float(score_s[0]) if len(score_s) else 0.0, float(session.wall_s[-1])
        armed_s, stopped_s = _armed(session, signal.hop_s)
    else:
        recording = recordings[0]
        clock = _Clock(0.0, 1 / recording.rate_hz)
        stream = scores.replays["int8"][0].stream
        stream_s, probabilities, restart = stream.time_s, stream.probabilities, stream.restart
        score_s = clock.at(_rows(recording, stream_s))
        started = [
            (time_s, float(clock.at(_rows(recording, np.array([time_s])))[0]), action)
            for time_s, action in activations(stream, decision, signal.actions)
        ]
        joints_s, joints_us = None, np.empty((0, 0))
        first_s, last_s = 0.0, float(clock.at(recording.n_frames))
        armed_s = stopped_s = 0.0
    codes = _codes(bundle, recording)
    truth = tuple(
        (float(start), float(stop), int(code))
        for start, stop, code in zip(clock.at(recording.labels.start), clock.at(recording.labels.stop), codes)
        if code != NO_ACTION
    )
    longest_s = LONGEST_WITHOUT_HAND_S if joints_s is None else LONGEST_S
    begin_s, end_s = _span(truth, signal.actions.rest_index, first_s, last_s, longest_s)
    signal_s, filtered, channels = _filtered(recording, signal, clock, begin_s, end_s)
    smoothed = _smooth(probabilities, restart, decision.smooth)
    broken_s, broken = _break(score_s, smoothed, np.flatnonzero(restart))
    shown = (begin_s <= broken_s) & (broken_s <= end_s)
    gap_s = clock.at(_gap_rows(recording))
    return Timeline(
        recording=f"subject {recording.subject}, session {recording.session}",
        live=found is not None,
        begin_s=begin_s,
        end_s=end_s,
        channels=channels,
        signal_s=signal_s,
        signal=filtered,
        gap_s=gap_s[(begin_s <= gap_s) & (gap_s <= end_s)],
        truth=tuple(one for one in truth if one[0] < end_s and one[1] > begin_s),
        score_s=broken_s[shown],
        probabilities=broken[shown],
        marks=tuple(
            Mark(at, action, _right(recording, codes, when, action))
            for when, at, action in started
            if begin_s <= at <= end_s
        ),
        commands=tuple(
            (at, signal.actions.commands[action], action)
            for _, at, action in started
            if armed_s < at < stopped_s and begin_s <= at <= end_s
        ),
        joints_s=joints_s,
        joints_us=joints_us,
    )


def _played(
    session: Session, recordings: Sequence[Recording]
) -> tuple[Recording, npt.NDArray[np.int64]] | None:
    """The recording that the session played, and the row of each of its decisions."""
    name = Path(str(session.figures["source"]).partition(":")[2]).name
    for recording in recordings:
        frames = np.rint(session.time_s * recording.rate_hz)
        if Path(recording.source).name != name or not len(frames) or np.abs(frames).max() > 2**62:
            continue
        rows = np.minimum(np.searchsorted(recording.frame_index, frames), recording.n_frames - 1)
        if (recording.frame_index[rows] == frames).all():
            return recording, rows
    return None


def _fit_clock(rows: npt.NDArray[np.int64], wall_s: Float, rate_hz: float) -> _Clock:
    """A recording is played at an even pace: the straight line through the decisions."""
    if len(rows) < 2 or rows[0] == rows[-1]:
        return _Clock(float(wall_s[0] - rows[0] / rate_hz), 1 / rate_hz)
    slope, offset = np.polyfit(rows, wall_s, 1)
    return _Clock(float(offset), float(slope))


def _armed(session: Session, hop_s: float) -> tuple[float, float]:
    """When the hand took commands: armed after the first decision, until a gap stopped it for good."""
    stops = [float(at) for at, command in zip(session.wall_s, session.commands) if command == STOP]
    return float(session.wall_s[0]) + hop_s / 2, min(stops, default=float("inf"))


def _rows(recording: Recording, stream_s: Float) -> npt.NDArray[np.int64]:
    return np.searchsorted(recording.frame_index, np.rint(stream_s * recording.rate_hz))


def _gap_rows(recording: Recording) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.diff(recording.frame_index) != 1) + 1


def _codes(bundle: Bundle, recording: Recording) -> npt.NDArray[np.int64]:
    where = f"{bundle.path}: actions"
    return action_codes(recording, decode(ActionsConfig, bundle.manifest.provenance.config["actions"], where))


def _right(recording: Recording, codes: npt.NDArray[np.int64], stream_s: float, action: int) -> bool:
    """As `event_scores.score_streams` counts hits."""
    start_s = recording.frame_index[recording.labels.start] / recording.rate_hz
    stop_s = (recording.frame_index[recording.labels.stop - 1] + 1) / recording.rate_hz
    during = (start_s <= stream_s) & (stream_s <= stop_s + TOLERANCE_S) & (codes == action)
    return bool(during.any())


def _span(
    truth: Sequence[tuple[float, float, int]],
    rest: int | None,
    first_s: float,
    last_s: float,
    longest_s: float,
) -> tuple[float, float]:
    """From just before the first event to EVENTS later: never chosen by how well the decoder did."""
    events = [(start, stop) for start, stop, action in truth if action != rest and first_s <= start < last_s]
    if not events:
        return first_s, min(last_s, first_s + longest_s)
    wanted = events[min(EVENTS, len(events)) - 1][1] - events[0][0]
    length = min(max(wanted * (1 + LEAD), SHORTEST_S), longest_s)
    begin = max(first_s, min(events[0][0] - LEAD * length, last_s - length))
    return begin, min(last_s, begin + length)


def _filtered(
    recording: Recording, spec: SignalSpec, clock: _Clock, begin_s: float, end_s: float
) -> tuple[Float, Float, tuple[str, ...]]:
    """Some channels after the device's filter, and their names."""
    recording = fitted(recording, spec)
    shown = _channels(spec.channels)
    chain = FilterChain(spec)
    times: list[Float] = [np.empty(0)]
    values: list[Float] = [np.empty((0, len(shown)))]
    for rows in recording.iter_pieces():
        if float(clock.at(rows.stop)) < begin_s or float(clock.at(rows.start)) > end_s:
            continue
        chain.reset()
        out = chain.process(recording.counts[rows])[:, shown].astype(np.float64) * INPUT_SCALE
        at = clock.at(rows.start + spec.decimation * np.arange(1, len(out) + 1) - 1)
        inside = (begin_s <= at) & (at <= end_s)
        times += [at[inside], at[inside][-1:]]
        values += [out[inside], np.full_like(out[inside][-1:], np.nan)]
    return np.concatenate(times), np.concatenate(values), tuple(spec.channels[index] for index in shown)


def _channels(names: Sequence[str]) -> list[int]:
    """Over the motor cortex where the names tell, else evenly spread."""
    lower = [name.strip(".").lower() for name in names]
    motor = [lower.index(name) for name in MOTOR if name in lower]
    if len(motor) >= 3:
        return motor
    return sorted(set(np.linspace(0, len(names) - 1, N_CHANNELS).round().astype(int).tolist()))


def _smooth(probabilities: Float, restart: npt.NDArray[np.bool_], length: int) -> Float:
    """The mean of the last `length` scores since the last restart, as the decision layer takes it."""
    smoothed = probabilities.copy()
    since = 0
    for index, again in enumerate(restart):
        since = 0 if again else since + 1
        smoothed[index] = probabilities[index - min(since, length - 1, index) : index + 1].mean(axis=0)
    return smoothed


def _break(times: Float, values: Float, before: npt.NDArray[np.int64]) -> tuple[Float, Float]:
    """With a NaN row in front of each of the given rows, so that no line is drawn across."""
    return np.insert(times, before, times[before]), np.insert(values, before, np.nan, axis=0)
