"""Windows and targets, cut by running the device's own filter over recordings."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.lazy_windows import LazyWindows
from neurograsp.train.channels import fitted
from neurograsp.train.config import ActionsConfig, LabelsConfig
from neurograsp.train.datasets import Recording
from neurograsp.train.frame_store import frame_store
from neurograsp.train.targets import action_codes, training_targets
from neurograsp.train.window_set import WindowSet


@dataclass(frozen=True, eq=False)
class Windows:
    """Attributes:
    x: (n, window, n_channels) int8.
    number: (n,) int64, of each window in its piece.
    end: (n,) int64, row of the newest frame in each window.
    first: (n,) int64, row of the oldest frame.
    """

    x: LazyWindows
    number: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]


def cut(recording: Recording, spec: SignalSpec, hop: int | None = None) -> Windows:
    """All windows of a recording; none reaches across a gap.

    Raises:
        RecordingError: the recording does not fit the spec, or is shorter than a window.
    """
    recording = fitted(recording, spec)
    chain = FilterChain(spec)
    frames, numbers, lasts, ends = [], [], [], []
    n_frames = 0
    for rows in recording.iter_pieces():
        chain.reset()
        frames.append(chain.process(recording.counts[rows]))
        taken = np.arange(spec.window, len(frames[-1]) + 1, hop or spec.hop)
        numbers.append(np.arange(len(taken)))
        lasts.append(n_frames + taken - 1)
        ends.append(rows.start + taken * spec.decimation - 1)
        n_frames += len(frames[-1])
    end = np.concatenate(ends)
    if not len(end):
        raise RecordingError(
            f"{recording.source}: no piece is as long as the window of {spec.window_s:g} s; "
            "take a longer recording or a shorter window"
        )
    x = LazyWindows(np.concatenate(frames), np.concatenate(lasts), spec.window)
    return Windows(x, np.concatenate(numbers), end, end + 1 - spec.window * spec.decimation)


def training_set(
    recordings: Sequence[Recording],
    signals: Mapping[str, SignalSpec],
    labels: LabelsConfig,
    actions: ActionsConfig,
    store: Path,
) -> WindowSet:
    """Windows and targets to fit on; the windows are cut from a file, batch by batch.

    Args:
        recordings: what to cut.
        signals: of each subject.
        labels: how labels become targets.
        actions: which labels are which action.
        store: `.npy` file to write the filtered frames to, (n_frames, n_channels) int8; kept mapped.

    Raises:
        ConfigError: the file cannot be written.
        RecordingError: an action without a single example.
    """
    lasts, ys, rooms = [], [], []
    signal = signals[recordings[0].subject]
    with frame_store(store, len(signal.channels)) as file:
        for recording in recordings:
            spec = signals[recording.subject]
            windows = cut(recording, spec, hop=1)
            codes = action_codes(recording, actions)
            y, known = training_targets(recording, codes, windows.end, spec, labels)
            taken = known & (windows.number % labels.train_hop == 0)
            lasts.append(windows.x.last[taken] + file.n_frames)
            ys.append(y[taken])
            rooms.append(room_to_move(windows.number, y, known)[taken])
            file.append(windows.x.frames)
    frames = np.load(store, mmap_mode="r")
    x = LazyWindows(frames, np.concatenate(lasts), signal.window)
    result = WindowSet(x, np.concatenate(ys), np.concatenate(rooms))
    for name, n_examples in zip(signal.actions.names, result.y.sum(axis=0)):
        if n_examples == 0:
            raise RecordingError(
                f"{recordings[0].source} and {len(recordings) - 1} more: no example of action {name!r}; "
                "check actions.labels and the sessions"
            )
    return result


def room_to_move(
    number: npt.NDArray[np.int64], y: npt.NDArray[np.float32], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """(n, 2) how many frames earlier and later each window could end with the same target, in its piece.

    Args:
        number: (n,) of windows at every frame in their pieces, from 0.
        y: (n, n_actions) their targets.
        known: (n,) whether they are examples.
    """
    alike = (y[1:] == y[:-1]).all(axis=1) & known[1:] & known[:-1]
    first = np.flatnonzero(np.concatenate([[True], ~alike | (number[1:] == 0)]))
    lengths = np.diff(np.append(first, len(number)))
    index = np.arange(len(number))
    earlier = index - np.repeat(first, lengths)
    return np.stack([earlier, np.repeat(lengths, lengths) - 1 - earlier], axis=1)


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
