"""What the pictures show, as arrays; nothing is averaged or filtered across a gap."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.train.channels import fitted
from neurograsp.train.datasets import Recording
from neurograsp.train.splits import take_rows

Float = npt.NDArray[np.float64]

LONGEST_SEGMENT_S = 2.0
Z_95 = 1.96


@dataclass(frozen=True, eq=False)
class Signal:
    """A recording in its unit, before or after a filter.

    Attributes:
        pieces: (n_frames, n_channels) each.
        start_s: (n_pieces,) of each, in the recording's own time.
        rate_hz: frames a second.
        unit: "uV" or "counts".
    """

    pieces: tuple[Float, ...]
    start_s: Float
    rate_hz: float
    unit: str

    @property
    def n_channels(self) -> int:
        return int(self.pieces[0].shape[1])


@dataclass(frozen=True, eq=False)
class Average:
    """Attributes:
    time_s: (n_time,) from the event.
    mean: (n_time, n_channels).
    half_width: (n_time, n_channels) of the 95 % interval of the mean.
    n_epochs: how many.
    """

    time_s: Float
    mean: Float
    half_width: Float
    n_epochs: int


def cut_out(recording: Recording, start_s: float, seconds: float | None) -> Recording:
    """A part of a recording by its own time, gaps included.

    Raises:
        RecordingError: nothing of it is there.
    """
    time_s = (recording.frame_index - recording.frame_index[0]) / recording.rate_hz
    stop_s = np.inf if seconds is None else start_s + seconds
    first, last = (int(row) for row in np.searchsorted(time_s, [start_s, stop_s]))
    ranges = np.clip(recording.pieces, first, last)
    if start_s < 0 or last <= first:
        raise RecordingError(
            f"{recording.source}: no frame at {start_s:g} s and after; it lasts {time_s[-1]:.1f} s, gaps "
            "included"
        )
    return take_rows(recording, ranges)


def signal_of(recording: Recording, spec: SignalSpec | None = None) -> Signal:
    """The recording in its unit; with a spec after the board's integer filter.

    Raises:
        RecordingError: the recording does not fit the spec.
    """
    if spec is not None:
        recording = fitted(recording, spec)
    lsb = recording.lsb_uv or 1.0
    pieces, start_s = [], []
    chain = None if spec is None else FilterChain(spec)
    for rows in recording.iter_pieces():
        counts = recording.counts[rows]
        if chain is None or spec is None:
            filtered = counts.astype(np.float64)
        else:
            chain.reset()
            filtered = chain.filter(counts) / 2.0**spec.input_shift
        if len(filtered):
            pieces.append(filtered * lsb)
            start_s.append((recording.frame_index[rows.start] - recording.frame_index[0]) / recording.rate_hz)
    if not pieces:
        raise RecordingError(f"{recording.source}: shorter than what the filter keeps one frame of")
    rate_hz = recording.rate_hz / (1 if spec is None else spec.decimation)
    return Signal(tuple(pieces), np.array(start_s), rate_hz, "counts" if recording.lsb_uv is None else "uV")


def spectra(signal: Signal) -> tuple[Float, Float]:
    """Power spectral density by Welch's method, over all pieces long enough for one segment.

    Segments of 2 s, or of the median piece where that is shorter, half overlapping, Hann window, their mean
    removed. Welch, P. IEEE Trans. Audio Electroacoust. 15(2):70-73 (1967).

    Returns:
        (n_hz,) frequencies and (n_hz, n_channels) density in the signal's unit squared a hertz.
    """
    from scipy.signal import welch

    usual = int(np.median([len(piece) for piece in signal.pieces]))
    length = min(round(LONGEST_SEGMENT_S * signal.rate_hz), usual)
    total, weight = np.zeros((length // 2 + 1, signal.n_channels)), 0
    hz: Float = np.fft.rfftfreq(length, 1 / signal.rate_hz).astype(np.float64)
    for piece in signal.pieces:
        if len(piece) >= length:
            n_segments = 1 + 2 * (len(piece) - length) // length
            _, density = welch(piece, signal.rate_hz, nperseg=length, axis=0)
            total += n_segments * density
            weight += n_segments
    return hz, total / weight


def heat(signal: Signal, n_columns: int) -> tuple[Float, list[int]]:
    """Each channel without its median, the pieces one after the other, averaged to so many columns at most.

    Returns:
        (n_channels, n_columns or fewer), and the columns at which a piece begins, the first one left out.
    """
    frames = np.concatenate([piece - np.median(piece, axis=0) for piece in signal.pieces])
    every = -(-len(frames) // n_columns)
    whole = len(frames) // every * every
    columns = frames[:whole].reshape(-1, every, signal.n_channels).mean(axis=1).T
    begins = np.cumsum([len(piece) for piece in signal.pieces])[:-1] // every
    return columns, [int(begin) for begin in begins]


def epochs(
    recording: Recording,
    signal: Signal,
    label: str,
    before_s: float,
    after_s: float,
    at: Literal["start", "middle"],
) -> Float:
    """Signal around the labelled stretches of one name, those that lie in a piece whole.

    Args:
        recording: with the labels.
        signal: of this recording.
        label: its name.
        before_s, after_s: of the moment.
        at: the moment, a stretch's start or its middle.

    Returns:
        (n_epochs, n_time, n_channels)
    """
    labels = recording.labels
    of_label = labels.code == labels.names.index(label)
    rows = labels.start if at == "start" else (labels.start + labels.stop) // 2
    moments_s = (recording.frame_index[rows[of_label]] - recording.frame_index[0]) / recording.rate_hz
    n_before, n_after = round(before_s * signal.rate_hz), round(after_s * signal.rate_hz)
    found = []
    for moment_s in moments_s:
        for piece, start_s in _around(signal, moment_s):
            centre = round((moment_s - start_s) * signal.rate_hz)
            if centre - n_before >= 0 and centre + n_after < len(piece):
                found.append(piece[centre - n_before : centre + n_after + 1])
    return np.stack(found) if found else np.zeros((0, n_before + n_after + 1, signal.n_channels))


def _around(signal: Signal, moment_s: float) -> Iterator[tuple[Float, float]]:
    number = int(np.searchsorted(signal.start_s, moment_s, side="right")) - 1
    if number >= 0:
        yield signal.pieces[number], float(signal.start_s[number])


def average(cut: Float, before_s: float, rate_hz: float, baseline: bool) -> Average:
    """Mean over epochs with the 95 % interval of the mean.

    Args:
        cut: see `epochs`; at least two.
        before_s: of the moment, as in `epochs`.
        rate_hz: of the signal.
        baseline: take away each epoch's mean before the moment.
    """
    n_before = round(before_s * rate_hz)
    if baseline and n_before:
        cut = cut - cut[:, :n_before].mean(axis=1, keepdims=True)
    spread = cut.std(axis=0, ddof=1) / np.sqrt(len(cut))
    time_s = (np.arange(cut.shape[1]) - n_before) / rate_hz
    return Average(time_s, cut.mean(axis=0), Z_95 * spread, len(cut))
