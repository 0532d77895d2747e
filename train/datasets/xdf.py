"""XDF recordings (LabRecorder), read by pyxdf: the one stream of EEG or EMG, labels from streams of markers.

pyxdf brings the streams to one clock and the time stamps of a regular stream to even steps. Units and types
of channels are those of github.com/sccn/xdf/wiki/EEG-Meta-Data. Kothe et al., "The lab streaming layer for
synchronized multimodal recording", Imaging Neuroscience 3 (2025).
"""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import MissingExtra, RecordingError
from neurograsp.edge_runtime.contract.units import LSB_UV, UV_PER_UNIT
from neurograsp.train.datasets import markers, xdf_chunks
from neurograsp.train.datasets.gaps import counter_of
from neurograsp.train.datasets.kept import kept
from neurograsp.train.datasets.microvolts import to_counts
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps

FILE_NAME = re.compile(r".+\.xdf", re.IGNORECASE)
KINDS = ("eeg", "emg")
"""Types of a stream that are taken, the first that a file has; channels of other types are left out."""

GAP_S = 0.25
"""Frames further apart than this are a gap; less is the jitter of packets that arrive in bursts."""

MOST_DRIFT = 0.05
"""How far the rate that was measured may be from the one that the stream announces."""

_VERSION = 1


def identify(path: Path) -> tuple[str, str]:
    """Subject and session from the name, see `markers.names_in`."""
    return markers.names_in(path.stem)


def read(path: Path, subject: str, session: str) -> Recording:
    """One file; a marker labels what follows until the next one of its stream. The second time from a cache.

    Integers stay as stored. Numbers of a known unit become counts of `LSB_UV`; without a unit a count is a
    hundredth of whatever the stream counts in, and `lsb_uv` is None. A gap of `GAP_S` or more becomes a jump
    of the frame counter. What markers label is cut to the recording, see `markers.until_next`.

    Raises:
        MissingExtra: pyxdf is not installed.
        RecordingError: the file is damaged, or does not hold one such stream.
    """
    return kept(path, (path,), _VERSION, lambda: _read(path, subject, session), subject, session)


def _read(path: Path, subject: str, session: str) -> Recording:
    streams = _load(path)
    stream = _signal_stream(path, streams)
    info, stamps = stream["info"], np.asarray(stream["time_stamps"], np.float64)
    rate_hz = float(info["nominal_srate"][0])
    channels, picks, units = _channels(path, info)
    counts, lsb_uv = _counts(path, np.asarray(stream["time_series"])[:, picks], units)
    frame_index = _frame_index(path, stamps, rate_hz)
    return Recording(
        counts=counts,
        rate_hz=rate_hz,
        channels=channels,
        lsb_uv=lsb_uv,
        pieces=split_at_jumps(frame_index),
        frame_index=frame_index,
        labels=_labels(path, streams, stamps, rate_hz),
        subject=subject,
        session=session,
        source=str(path),
    )


def _load(path: Path) -> list[Any]:
    try:
        import pyxdf
    except ImportError as error:
        raise MissingExtra("pyxdf", "train") from error
    xdf_chunks.check(path)
    try:
        with _in_silence():
            streams, _ = pyxdf.load_xdf(
                path, jitter_break_threshold_seconds=GAP_S, jitter_break_threshold_samples=2
            )
    except Exception as error:  # on a damaged file pyxdf lets anything out
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise RecordingError(
            f"{path}: pyxdf cannot read it ({reason}); copy it again from its source"
        ) from error
    return list(streams)


@contextmanager
def _in_silence() -> Iterator[None]:
    """pyxdf logs what it repairs, and numpy warns of numbers that no clock gives."""
    log = logging.getLogger("pyxdf")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _signal_stream(path: Path, streams: list[Any]) -> Any:
    there = [f"{_text(one['info'], 'name')} ({_text(one['info'], 'type')})" for one in streams]
    for kind in KINDS:
        found = [one for one in streams if _text(one["info"], "type").lower() == kind]
        if len(found) > 1:
            names = ", ".join(_text(one["info"], "name") for one in found)
            raise RecordingError(
                f"{path}: {len(found)} streams of {kind.upper()} ({names}); record or save one of them alone"
            )
        if found:
            (one,) = found
            name, rate_hz = _text(one["info"], "name"), float(one["info"]["nominal_srate"][0])
            if one["info"]["channel_format"][0] == "string" or not 0 < rate_hz <= 1e6:
                raise RecordingError(
                    f"{path}: the stream {name} has no regular rate, but {rate_hz:g} Hz; "
                    "announce it with its rate"
                )
            if not len(one["time_stamps"]):
                raise RecordingError(f"{path}: the stream {name} is empty; record it again")
            return one
    raise RecordingError(
        f"{path}: no stream of the type EEG or EMG among {', '.join(there) or 'no stream at all'}; "
        "give the stream that type"
    )


def _text(tree: Any, key: str) -> str:
    """The text of the first `key` in a header, as pyxdf gives it: lists of everything, None for nothing."""
    values = tree.get(key) if isinstance(tree, dict) else None
    first = values[0] if values else None
    return markers.printable(first) if isinstance(first, str) else ""


def _channels(path: Path, info: Any) -> tuple[tuple[str, ...], list[int], list[float | None]]:
    """Names, columns, and microvolt a unit, of the channels that are electrodes."""
    n_channels = int(info["channel_count"][0])
    kind = _text(info, "type")
    described = _described(info)
    if not described:
        return (
            tuple(f"{kind}{i + 1}" for i in range(n_channels)),
            list(range(n_channels)),
            [None] * n_channels,
        )
    if len(described) != n_channels:
        raise RecordingError(
            f"{path}: {len(described)} descriptions for {n_channels} channels; describe each once"
        )
    picks = [i for i, one in enumerate(described) if (_text(one, "type") or kind).lower() in KINDS]
    if not picks:
        raise RecordingError(f"{path}: no channel of the type EEG or EMG; give the channels their types")
    return (
        tuple(_text(described[i], "label") or f"{kind}{i + 1}" for i in picks),
        picks,
        [UV_PER_UNIT.get(_text(described[i], "unit").lower()) for i in picks],
    )


def _described(info: Any) -> list[Any]:
    """`desc/channels/channel` of a header, or nothing where one of the three is not there."""
    tree = info
    for key in ("desc", "channels"):
        values = tree.get(key) if isinstance(tree, dict) else None
        tree = values[0] if values else None
    return list(tree.get("channel", [])) if isinstance(tree, dict) else []


def _counts(
    path: Path, values: NDArray[Any], units: list[float | None]
) -> tuple[NDArray[np.int32], float | None]:
    known = set(units)
    if len(known) > 1 and (None in known or values.dtype.kind == "i"):
        raise RecordingError(f"{path}: channels of several units; record those of one unit")
    unit = known.pop() if len(known) == 1 else None
    if values.dtype.kind == "i":
        if np.any(np.abs(values.astype(np.float64)) >= 2**31):
            raise RecordingError(f"{path}: a value has more than 32 bits; record it in microvolts")
        return np.ascontiguousarray(values, np.int32), unit
    if None not in units:
        return to_counts(path, values.astype(np.float64) * np.array(units)), LSB_UV
    if np.abs(values).max() < 1:
        raise RecordingError(
            f"{path}: values below 1 without a unit, which may be volts; name the unit of the channels"
        )
    return to_counts(path, values.astype(np.float64)), None


def _frame_index(path: Path, stamps: NDArray[np.float64], rate_hz: float) -> NDArray[np.int64]:
    step = np.diff(stamps)
    if not np.isfinite(stamps).all() or np.any(step < 0):
        raise RecordingError(
            f"{path}: the clock of the stream went backwards; record again without restarting its computer"
        )
    even = step[step <= max(GAP_S / 2, 1.5 / rate_hz)]
    if len(even) > rate_hz and abs(even.mean() * rate_hz - 1) > MOST_DRIFT:
        raise RecordingError(
            f"{path}: frames are {even.mean() * 1e3:.4g} ms apart, announced are {rate_hz:g} Hz; many "
            "were lost, or the rate is wrong: look at the amplifier"
        )
    try:
        # Half, because even steps on both sides may have made a gap smaller.
        return counter_of(stamps, rate_hz, GAP_S / 2)
    except ValueError as error:
        raise RecordingError(f"{path}: {error}; copy it again from its source") from error


def _labels(path: Path, streams: list[Any], stamps: NDArray[np.float64], rate_hz: float) -> Labels:
    sequences = []
    n_markers = n_inside = 0
    for stream in filter(_is_markers, streams):
        time_s = np.asarray(stream["time_stamps"], np.float64)
        order = np.argsort(time_s, kind="stable")
        rows = np.searchsorted(stamps, time_s[order] - 0.5 / rate_hz).astype(np.int64)
        sequences.append((rows, [_marker(stream["time_series"][i]) for i in order]))
        n_markers += len(time_s)
        inside = (time_s >= stamps[0] - 1 / rate_hz) & (time_s <= stamps[-1] + 1 / rate_hz)
        n_inside += int(np.count_nonzero(inside))
    if n_markers and not n_inside:
        raise RecordingError(
            f"{path}: a label does not match: all {n_markers} markers lie outside the signal; record both "
            "at one time, with their clock offsets"
        )
    return markers.until_next(sequences, len(stamps))


def _is_markers(stream: Any) -> bool:
    info = stream["info"]
    irregular = float(info["nominal_srate"][0]) == 0
    return info["channel_format"][0] == "string" or (irregular and _text(info, "type").lower() == "markers")


def _marker(values: Any) -> str:
    """One text of the values of all channels of a marker."""
    return markers.printable("/".join(str(value) for value in np.atleast_1d(values) if value != ""))
