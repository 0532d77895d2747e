"""Kaggle "Grasp-and-Lift EEG Detection": `subj{S}_series{R}_data.csv` with `..._events.csv` beside it.

Frames as rows `subj1_series1_0,-31,363,...` at 500 Hz, in numbers without a stated unit; events as 0 or 1 a
column, a row for every frame. The number at the end of an id is the frame counter: where it jumps, frames
were left out. Either file may be compressed (`.csv.gz`).

The competition's data are those of Luciw, Jarocka & Edin, "Multi-channel EEG recordings during 3,936 grasp
and lift trials with varying weight and friction", Scientific Data 1:140047 (2014).
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets.kept import kept
from neurograsp.train.datasets.raw_file import parse_table, read_bytes
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps

FILE_NAME = re.compile(r"subj(\d+)_series(\d+)_data\.csv(?:\.gz)?", re.IGNORECASE)
RATE_HZ = 500.0
MAX_BYTES = 1 << 28
"""Of a file, after decompression: ten times the longest series."""

_VERSION = 3


def read(path: Path, subject: str, session: str) -> Recording:
    """One series; a label is a run of ones in a column of the events. The second time it comes from a cache.

    Raises:
        RecordingError: a file is missing, damaged, or the two do not belong together.
    """
    events = events_of(path)
    return kept(
        path, (path, events), _VERSION, lambda: _read_pair(path, events, subject, session), subject, session
    )


def events_of(path: Path) -> Path:
    """The file of events that belongs to a file of data.

    Raises:
        RecordingError: it is not there.
    """
    stem = re.sub(r"_data\.csv(\.gz)?$", "_events.csv", path.name, flags=re.IGNORECASE)
    for name in (stem, f"{stem}.gz"):
        if path.with_name(name).is_file():
            return path.with_name(name)
    raise RecordingError(
        f"{path}: {stem} is not beside it, which has the labels; copy it there (the competition's series 9 "
        "and 10 have none)"
    )


def _read_pair(path: Path, events_path: Path, subject: str, session: str) -> Recording:
    channels, frame_index, counts = _read_table(path, subject, session)
    names, event_index, events = _read_table(events_path, subject, session)
    if len(event_index) != len(frame_index) or np.any(event_index != frame_index):
        raise RecordingError(
            f"{events_path}: its {len(event_index)} ids are not the {len(frame_index)} of {path.name}; "
            "use the two files of one series"
        )
    fallen = np.flatnonzero(np.diff(frame_index) <= 0)
    if len(fallen) or frame_index[0] < 0:
        row = int(fallen[0]) + 1 if len(fallen) else 0
        raise RecordingError(
            f"{path}: id {int(frame_index[row])} in row {row + 2} is there twice or out of order; "
            "the numbers at the ends of the ids must rise"
        )
    if np.any((events != 0) & (events != 1)):
        row, column = np.argwhere((events != 0) & (events != 1))[0]
        raise RecordingError(
            f"{events_path}: {names[column]} in row {int(row) + 2} is {int(events[row, column])}, "
            "not 0 or 1; use the events of the competition"
        )
    if np.any((counts < -(2**31)) | (counts >= 2**31)):
        raise RecordingError(f"{path}: a value has more than 32 bits; copy the file again from its source")
    pieces = split_at_jumps(frame_index)
    return Recording(
        counts=np.ascontiguousarray(counts, np.int32),
        rate_hz=RATE_HZ,
        channels=tuple(channels),
        lsb_uv=None,
        pieces=pieces,
        frame_index=frame_index,
        labels=_runs(events, tuple(names), pieces),
        subject=subject,
        session=session,
        source=str(path),
    )


def _read_table(
    path: Path, subject: str, session: str
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Names of the columns after the id, the numbers at the ends of the ids, and the cells."""
    text = read_bytes(path, MAX_BYTES, "a series has about 25 MB")
    head, _, body = text.partition(b"\n")
    names = head.decode("utf-8", "replace").strip().split(",")
    prefix = body[: body.find(b",") + 1].rpartition(b"_")[0] + b"_"
    if names[0] != "id" or len(names) < 2 or "" in names or len(set(names)) < len(names):
        raise RecordingError(
            f"{path}: the first line must be id and the names of the columns, each once, "
            f"not {head[:60].decode('utf-8', 'replace')!r}; copy the file again from its source"
        )
    if not re.fullmatch(rb"subj\d+_series\d+_", prefix):
        raise RecordingError(
            f"{path}: an id is like subj1_series1_0, not {body[:30].decode('utf-8', 'replace')!r}; "
            "copy the file again from its source"
        )
    if [number.lstrip(b"0").decode() or "0" for number in re.findall(rb"\d+", prefix)] != [subject, session]:
        raise RecordingError(
            f"{path}: its ids are of {prefix[:-1].decode():.60}, its name is of subject {subject}, series "
            f"{session}; copy it again from its source"
        )
    table = parse_table(path, body.replace(prefix, b""), np.int64, ",").astype(np.int64)
    if table.shape[1] != len(names):
        raise RecordingError(
            f"{path}: {table.shape[1]} columns under {len(names)} names; copy it again from its source"
        )
    return names[1:], table[:, 0].copy(), table[:, 1:]


def _runs(events: NDArray[np.int64], names: tuple[str, ...], pieces: NDArray[np.int64]) -> Labels:
    """Each run of ones inside a piece, by time."""
    found = []
    for begin, end in pieces.tolist():
        edges = np.diff(events[begin:end], axis=0, prepend=0, append=0)
        for column in range(events.shape[1]):
            start = np.flatnonzero(edges[:, column] == 1) + begin
            stop = np.flatnonzero(edges[:, column] == -1) + begin
            found.append(np.stack([start, stop, np.full(len(start), column)]))
    runs = np.concatenate(found, axis=1).astype(np.int64)
    start, stop, code = runs[:, np.lexsort((runs[2], runs[0]))].copy()
    return Labels(names, start, stop, code)
