"""WAY-EEG-GAL series as published: `HS_P{n}_S{m}.mat`, with `P{n}_AllLifts.mat` beside it.

A struct `hs` whose `eeg` has `sig` (n_frames, 32), `names` and `samplingrate` (500 Hz); the table
`P.AllLifts` has a row a lift and the names of its columns in `P.ColNames`. Its `StartTime` is the moment in
the series at which the cue (an LED) lights up. The times of events count from a window around the lift, in
which the cue is at `LEDOn` (2 s). So an event is at `StartTime` + its time - `LEDOn`. A step of the signal
is 0.1 uV: by that the authors' script for EEGLAB multiplies it (github.com/luciw/way-eeg-gal-utilities,
WEEG_MakeEEGLABDataset.m).

The windows `WS_P{n}_S{m}.mat` are cut out of the same signal, and `HS_P{n}_ST.mat` has no events: neither is
read.

Luciw, Jarocka & Edin, "Multi-channel EEG recordings during 3,936 grasp and lift trials with varying weight
and friction", Scientific Data 1:140047 (2014), tables 2 to 5.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract import units
from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets import mat_file, microvolts
from neurograsp.train.datasets.kept import kept
from neurograsp.train.datasets.markers import labels_of
from neurograsp.train.datasets.recording import Labels, Recording

FILE_NAME = re.compile(r"HS_P(\d+)_S(\d+)\.mat", re.IGNORECASE)
EVENTS = ("HandStart", "FirstDigitTouch", "BothStartLoadPhase", "LiftOff", "Replace", "BothReleased")
"""Columns of the table, without the "t" before them; the names of the Kaggle edition."""

LSB_UV = 0.1
HALF_S = 0.15
"""An event labels so many seconds before and after it, as in the Kaggle edition."""

_VERSION = 1


def read(path: Path, subject: str, session: str) -> Recording:
    """One series; a label is 0.15 s around an event. The second time it comes from a cache.

    Counts are the integers as stored; where the file holds other numbers, counts of `units.LSB_UV`. An
    event without a time (NaN) did not happen in that lift and is left out.

    Raises:
        MissingExtra: SciPy is not installed.
        RecordingError: a file is missing, damaged, or the two do not belong together.
    """
    lifts = path.with_name(f"P{subject}_AllLifts.mat")
    if not lifts.is_file():
        raise RecordingError(f"{path}: {lifts.name} is not beside it, which has the events; copy it there")
    return kept(path, (path, lifts), _VERSION, lambda: _read(path, lifts, subject, session), subject, session)


def _read(path: Path, lifts: Path, subject: str, session: str) -> Recording:
    series = mat_file.read_struct(path, "hs")
    stored = mat_file.numbers(path, "hs.eeg.sig", mat_file.field(path, series, "eeg", "sig"))
    rate = mat_file.numbers(path, "hs.eeg.samplingrate", mat_file.field(path, series, "eeg", "samplingrate"))
    channels = mat_file.texts(path, "hs.eeg.names", mat_file.field(path, series, "eeg", "names"))
    rate_hz = float(rate.flat[0])
    if not 1 <= rate_hz <= 1e6:
        raise RecordingError(f"{path}: hs.eeg.samplingrate is {rate_hz} Hz; copy it again from its source")
    if stored.shape[1] != len(channels):
        raise RecordingError(
            f"{path}: {stored.shape[1]} columns under {len(channels)} names of channels; "
            "copy it again from its source"
        )
    counts, lsb_uv = _counts(path, stored)
    n_frames = len(counts)
    return Recording(
        counts=counts,
        rate_hz=rate_hz,
        channels=channels,
        lsb_uv=lsb_uv,
        pieces=np.array([[0, n_frames]], np.int64),
        frame_index=np.arange(n_frames, dtype=np.int64),
        labels=_labels(lifts, int(session), rate_hz, n_frames),
        subject=subject,
        session=session,
        source=str(path),
    )


def _counts(path: Path, stored: NDArray[np.number]) -> tuple[NDArray[np.int32], float]:
    whole = np.rint(stored)
    if np.array_equal(whole, stored) and np.abs(whole).max() < 2**31:
        return np.ascontiguousarray(whole, np.int32), LSB_UV
    return microvolts.to_counts(path, stored * LSB_UV), units.LSB_UV


def _labels(path: Path, series: int, rate_hz: float, n_frames: int) -> Labels:
    table = mat_file.read_struct(path, "P")
    lifts = mat_file.numbers(path, "P.AllLifts", mat_file.field(path, table, "AllLifts"))
    names = mat_file.texts(path, "P.ColNames", mat_file.field(path, table, "ColNames"))
    wanted = ("Run", "StartTime", "LEDOn", *(f"t{name}" for name in EVENTS))
    missing = [name for name in wanted if name not in names]
    if missing or len(names) != lifts.shape[1]:
        raise RecordingError(
            f"{path}: {lifts.shape[1]} columns under {len(names)} names, of which are missing: "
            f"{', '.join(missing) or 'none'}; give the file as it was published"
        )
    columns = dict(zip(names, lifts.T.astype(np.float64)))
    own = columns["Run"] == series
    if not own.any():
        raise RecordingError(
            f"{path}: no lift of series {series} in it; give the file of the same participant"
        )
    found = []
    for name in EVENTS:
        event_s = (columns["StartTime"] + columns[f"t{name}"] - columns["LEDOn"])[own]
        found += [
            (*_stretch(path, name, one, rate_hz, n_frames), name)
            for one in event_s[~np.isnan(event_s)].tolist()
        ]
    return labels_of(sorted(found), EVENTS)


def _stretch(path: Path, name: str, event_s: float, rate_hz: float, n_frames: int) -> tuple[int, int]:
    """First row, and row after the last, of the label around an event."""
    if not 0 <= event_s <= n_frames / rate_hz:
        raise RecordingError(
            f"{path}: a label does not match: {name} at {event_s:.6g} s lies outside the "
            f"{n_frames / rate_hz:g} s recorded; use the two files of one participant"
        )
    row, half = round(event_s * rate_hz), max(1, round(HALF_S * rate_hz))
    return max(0, row - half), min(n_frames, row + half)
