"""Windows and targets, cut by running the device's own filter over recordings."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.edge_runtime.contract.signal_spec import (
    INPUT_SCALE,
    ActionSet,
    Scale,
    SignalSpec,
)
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.pipeline import WindowCutter
from neurograsp.train.config import ActionsConfig, LabelsConfig, TrainConfig
from neurograsp.train.datasets import Recording
from neurograsp.train.filter_design import design
from neurograsp.train.window_set import WindowSet

OUTLIERS = 0.99
NO_ACTION = -1


@dataclass(frozen=True, eq=False)
class Windows:
    """Attributes:
    x: (n, window, n_channels) int8.
    end: (n,) int64, row of the newest frame in each window.
    first: (n,) int64, row of the oldest frame.
    """

    x: npt.NDArray[np.int8]
    end: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]


def build_spec(config: TrainConfig, recordings: Sequence[Recording]) -> SignalSpec:
    """Design the filter and fit the scale to the training recordings.

    Raises:
        ConfigError: the configuration is impossible.
        RecordingError: recordings that differ in channels, rate or unit.
    """
    first = recordings[0]
    for other in recordings[1:]:
        for what in ("channels", "rate_hz", "lsb_uv"):
            if getattr(other, what) != getattr(first, what):
                raise RecordingError(
                    f"{other.source}: {what} is {getattr(other, what)!r:.60}, unlike that of {first.source}; "
                    "train on one kind of recording at a time"
                )
    n_channels = len(first.channels)
    unscaled = Scale((0,) * n_channels, (2**30,) * n_channels, (30,) * n_channels)
    actions = config.actions
    try:
        draft = SignalSpec(
            channels=first.channels,
            rate_hz=first.rate_hz,
            lsb_uv=first.lsb_uv,
            adc_bits=config.signal.adc_bits,
            stages=design(config.signal.filters, first.rate_hz),
            scale=unscaled,
            window=config.signal.window,
            hop=config.signal.hop,
            actions=ActionSet(actions.names, actions.commands, actions.output, actions.rest),
            gap=config.signal.gap,
        )
        return SignalSpec(**{**vars(draft), "scale": fit_scale(draft, recordings)})
    except ValueError as error:
        raise ConfigError(f"signal: {error}") from error


def fit_scale(spec: SignalSpec, recordings: Sequence[Recording]) -> Scale:
    """Scale each channel so that its root mean square becomes 1 (16 int8 steps).

    Samples are clipped to the quantile OUTLIERS of their sizes first, so that an artefact does not set
    the scale.

    Raises:
        RecordingError: a channel that (almost) never changes has no scale; what little it does later
            would fill the network's whole input.
    """
    chain = FilterChain(spec)
    pieces = []
    for recording in recordings:
        for rows in recording.iter_pieces():
            chain.reset()
            pieces.append(chain.filter(recording.counts[rows]))
    size = np.abs(np.concatenate(pieces).astype(np.float64))
    limit = np.quantile(size, OUTLIERS, axis=0)
    rms = np.sqrt(np.mean(np.minimum(size, limit) ** 2, axis=0))
    flat = [name for name, value in zip(spec.channels, rms) if value < 1]
    if flat:
        raise RecordingError(
            f"{recordings[0].source} and {len(recordings) - 1} more: {', '.join(flat)} never changed; "
            "fix the electrode and record again, or train without it"
        )
    multiplier, shift = [], []
    for value in rms:
        factor = 1 / (INPUT_SCALE * value)
        places = min(62, 30 - math.floor(math.log2(factor)))
        multiplier.append(min(2**31 - 1, max(1, round(factor * 2.0**places))))
        shift.append(places)
    return Scale((0,) * len(rms), tuple(multiplier), tuple(shift))


def cut(recording: Recording, spec: SignalSpec, hop: int | None = None) -> Windows:
    """All windows of a recording; none reaches across a gap.

    Raises:
        RecordingError: the recording does not fit the spec, or is shorter than a window.
    """
    check_fits(recording, spec)
    cutter = WindowCutter(spec, hop)
    found, ends = [], []
    for rows in recording.iter_pieces():
        cutter.reset()
        for taken, window in cutter.push(recording.counts[rows]):
            found.append(window)
            ends.append(rows.start + taken - 1)
    if not found:
        raise RecordingError(
            f"{recording.source}: no piece is as long as the window of {spec.window_s:g} s; "
            "take a longer recording or a shorter window"
        )
    end = np.array(ends, np.int64)
    return Windows(np.stack(found), end, end + 1 - spec.window * spec.decimation)


def check_fits(recording: Recording, spec: SignalSpec) -> None:
    """Raises RecordingError unless channels, rate and unit are those of the spec."""
    found, wanted = len(recording.channels), len(spec.channels)
    if (found, recording.rate_hz) != (wanted, spec.rate_hz):
        raise RecordingError(
            f"{recording.source}: {found} channels at {recording.rate_hz:g} Hz, expected {wanted} "
            f"({', '.join(spec.channels[:4])}, ...) at {spec.rate_hz:g} Hz"
        )
    for number, (name, expected) in enumerate(zip(recording.channels, spec.channels), 1):
        if name != expected:
            raise RecordingError(
                f"{recording.source}: of its channels number {number} is {name!r}, expected {expected!r}; "
                "record the same electrodes in the same order"
            )
    if recording.lsb_uv != spec.lsb_uv:
        raise RecordingError(
            f"{recording.source}: {recording.lsb_uv} microvolt a count, expected {spec.lsb_uv}; "
            "use recordings of the same amplifier and gain"
        )


def action_codes(recording: Recording, actions: ActionsConfig) -> npt.NDArray[np.int64]:
    """(n_labels,) index of the action of each labelled stretch, NO_ACTION where it is none of them."""
    of_label: dict[str, int] = {}
    for index, action in enumerate(actions.names):
        for label in actions.labels.get(action, (action,)):
            of_label[label] = index
    table = np.array([of_label.get(name, NO_ACTION) for name in recording.labels.names], np.int64)
    codes = table[recording.labels.code]
    if not (codes != NO_ACTION).any():
        raise RecordingError(
            f"{recording.source}: none of its labels ({', '.join(recording.labels.names)}) is one of the "
            f"actions' ({', '.join(sorted(of_label))}); set actions.labels"
        )
    return codes


def states_at(
    recording: Recording, codes: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The action at each row (NO_ACTION where nothing is labelled) and the row at which it began."""
    state = np.full(len(rows), NO_ACTION, np.int64)
    since = np.zeros(len(rows), np.int64)
    for start, stop, code in zip(recording.labels.start, recording.labels.stop, codes):
        inside = (start <= rows) & (rows < stop)
        state[inside], since[inside] = code, start
    return state, since


def training_set(
    recordings: Sequence[Recording], spec: SignalSpec, labels: LabelsConfig, actions: ActionsConfig
) -> WindowSet:
    """Windows and targets to fit on.

    Raises:
        RecordingError: an action without a single example.
    """
    xs, ys = [], []
    for recording in recordings:
        windows = cut(recording, spec, labels.train_hop)
        codes = action_codes(recording, actions)
        if labels.kind == "events":
            y = _event_targets(recording, codes, windows, spec, labels.tolerance)
        else:
            y = _state_targets(recording, codes, windows, spec, labels.skip_s)
        known = y.any(axis=1)
        xs.append(windows.x[known])
        ys.append(y[known])
    result = WindowSet(np.concatenate(xs), np.concatenate(ys))
    for name, n_examples in zip(spec.actions.names, result.y.sum(axis=0)):
        if n_examples == 0:
            raise RecordingError(
                f"{recordings[0].source} and {len(recordings) - 1} more: no example of action {name!r}; "
                "check actions.labels and the sessions"
            )
    return result


def _event_targets(
    recording: Recording,
    codes: npt.NDArray[np.int64],
    windows: Windows,
    spec: SignalSpec,
    tolerance: int,
) -> npt.NDArray[np.float32]:
    y = np.zeros((len(windows.end), len(spec.actions.names)), np.float32)
    known = codes != NO_ACTION
    distance = np.abs(windows.end[:, None] + 1 - recording.labels.stop[known])
    near = distance <= tolerance * spec.decimation
    if spec.actions.output == "softmax":
        near &= distance == distance.min(axis=1, keepdims=True)
        near &= np.cumsum(near, axis=1) == 1
    window, event = np.nonzero(near)
    y[window, codes[known][event]] = 1
    return y


def _state_targets(
    recording: Recording,
    codes: npt.NDArray[np.int64],
    windows: Windows,
    spec: SignalSpec,
    skip_s: float,
) -> npt.NDArray[np.float32]:
    state, since = states_at(recording, codes, windows.end)
    settled = windows.first - since >= skip_s * spec.rate_hz
    y = np.zeros((len(state), len(spec.actions.names)), np.float32)
    rows = np.flatnonzero((state != NO_ACTION) & settled)
    y[rows, state[rows]] = 1
    return y


def data_sha256(recordings: Sequence[Recording]) -> str:
    """Hash of the counts, gaps and labels of recordings."""
    digest = hashlib.sha256()
    for recording in recordings:
        for array in (
            recording.counts,
            recording.frame_index,
            recording.labels.start,
            recording.labels.stop,
            recording.labels.code,
        ):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update("\0".join(recording.labels.names).encode())
    return digest.hexdigest()
