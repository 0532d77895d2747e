"""BrainVision, FIF and GDF recordings, read by MNE.

MNE hands out volts as floats; they become counts of `microvolts.LSB_UV`.

Gramfort et al., "MEG and EEG data analysis with MNE-Python", Frontiers in Neuroscience 7:267 (2013).
"""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import MissingExtra, RecordingError
from neurograsp.edge_runtime.contract.units import LSB_UV
from neurograsp.train.datasets.microvolts import to_counts
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps

FILE_NAME = re.compile(r".+\.(?:vhdr|fif|fif\.gz|gdf)", re.IGNORECASE)
KINDS = ("eeg", "emg", "ecog", "seeg", "dbs")
"""Types of channel that are taken: electrodes whose signal a board could have. Others are left out."""

PAUSE_S = 1.0
"""How far the frame counter jumps where a recording was paused, or joined, and no one says for how long."""

_BIDS_NAME = re.compile(r"sub-([A-Za-z0-9]+)_(?:ses-)?(.+)_(?:eeg|ieeg|emg)")
_BREAKS = ("new segment", "edge boundary", "bad boundary", "boundary")
SKIP = "BAD_ACQ_SKIP"


def identify(path: Path) -> tuple[str, str]:
    """Subject and session: 1 and 2 of `sub-1_ses-2_eeg.fif` (BIDS), else the header's subject and the file's
    name.
    """
    named = _BIDS_NAME.fullmatch(path.name.partition(".")[0])
    if named:
        return named[1], named[2]
    info = _open(path).info.get("subject_info") or {}
    subject = str(info.get("his_id") or info.get("id") or "unknown").strip()
    return (re.sub(r"[/\s]+", "-", subject) or "unknown", path.name.partition(".")[0])


def read(path: Path, subject: str, session: str) -> Recording:
    """One file; labels are its annotations, else the values of its trigger channel.

    A pause ("New Segment", "boundary", "EDGE boundary", "BAD boundary", "BAD_ACQ_SKIP") becomes a jump of the
    frame counter. Other annotations that begin with "BAD" are no labels. An annotation without duration
    labels one frame.

    Raises:
        MissingExtra: MNE is not installed.
        RecordingError: MNE cannot read the file, or it has no electrode.
    """
    raw = _open(path)
    kinds = raw.get_channel_types()
    picks = [number for number, kind in enumerate(kinds) if kind in KINDS]
    if not picks:
        raise RecordingError(
            f"{path}: no channel of the types {', '.join(KINDS)} among {', '.join(sorted(set(kinds)))}; "
            "set the channels' types in MNE and save it again"
        )
    rate_hz = float(raw.info["sfreq"])
    counts = to_counts(path, _volts(path, raw, picks).T * 1e6)
    rows, frame_index = _without_breaks(raw, rate_hz)
    return Recording(
        counts=np.ascontiguousarray(counts[rows]),
        rate_hz=rate_hz,
        channels=tuple(raw.ch_names[number] for number in picks),
        lsb_uv=LSB_UV,
        pieces=split_at_jumps(frame_index),
        frame_index=frame_index,
        labels=_labels(raw, rate_hz, rows),
        subject=subject,
        session=session,
        source=str(path),
    )


def _open(path: Path) -> Any:
    try:
        import mne
    except ImportError as error:
        raise MissingExtra("MNE", "train") from error
    return _whatever_mne_says(path, lambda: mne.io.read_raw(path, preload=False, verbose="ERROR"))


def _volts(path: Path, raw: Any, picks: list[int]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = _whatever_mne_says(path, lambda: raw.get_data(picks=picks, verbose="ERROR"))
    if values.shape[1] == 0:
        raise RecordingError(f"{path}: holds no sample; copy it again from its source")
    return values


def _whatever_mne_says(path: Path, call: Any) -> Any:
    """MNE lets anything out on a damaged file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RecordingError(f"{path}: MNE cannot read it ({reason}); export it again") from error


def _without_breaks(raw: Any, rate_hz: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that hold signal, and their frame counter, which jumps where the recording was interrupted."""
    n_frames = raw.n_times
    there = np.ones(n_frames, bool)
    jump = np.zeros(n_frames, np.int64)
    for onset_s, duration_s, text in _notes(raw):
        start = min(max(0, round(onset_s * rate_hz)), n_frames)
        if text == SKIP:
            there[start : start + max(1, round(duration_s * rate_hz))] = False
        elif text.lower().partition("/")[0] in _BREAKS and 0 < start < n_frames:
            jump[start] = round(PAUSE_S * rate_hz)
    frame_index = np.arange(n_frames, dtype=np.int64) + np.cumsum(jump)
    rows = np.flatnonzero(there)
    return rows, frame_index[rows]


def _notes(raw: Any) -> list[tuple[float, float, str]]:
    """Onset in seconds from the first frame, duration and text of every annotation."""
    notes = raw.annotations
    offset_s = raw.first_time if notes.orig_time is not None else 0.0
    return [
        (float(onset) - offset_s, float(duration), str(text))
        for onset, duration, text in zip(notes.onset, notes.duration, notes.description)
    ]


def _labels(raw: Any, rate_hz: float, rows: NDArray[np.int64]) -> Labels:
    found = [
        (round(onset_s * rate_hz), round((onset_s + duration_s) * rate_hz), text)
        for onset_s, duration_s, text in _notes(raw)
        if text and not text.upper().startswith("BAD") and text.lower().partition("/")[0] not in _BREAKS
    ]
    if not found:
        found = _triggers(raw)
    names = tuple(sorted({text for _, _, text in found}))
    start, stop, code = [], [], []
    for first, last, text in found:
        begin, end = np.searchsorted(rows, [first, max(last, first + 1)])
        if end > begin:
            start.append(begin)
            stop.append(end)
            code.append(names.index(text))
    return Labels(names, np.array(start, np.int64), np.array(stop, np.int64), np.array(code, np.int64))


def _triggers(raw: Any) -> list[tuple[int, int, str]]:
    """Row, row after, and value of the changes to another value than 0 in the trigger channel."""
    import mne

    if "stim" not in raw.get_channel_types():
        return []
    events = mne.find_events(raw, shortest_event=1, verbose="ERROR")
    return [(int(row) - raw.first_samp, int(row) - raw.first_samp + 1, str(code)) for row, _, code in events]
