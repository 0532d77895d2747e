"""EDF, EDF+, BDF and BDF+ files: the integers as stored, labels from the annotations.

MNE decodes the annotations. The samples are taken from the file as they are, see
`edge_runtime/sources/edf_file.py`, since MNE hands out scaled floats only.
"""

import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import MissingExtra, RecordingError
from neurograsp.edge_runtime.recording import place
from neurograsp.edge_runtime.sources.edf_file import LOST, EdfFile, nothing_received, read_header
from neurograsp.train.datasets import eegmmidb
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps

FILE_NAME = re.compile(r".+\.(?:edf|bdf)", re.IGNORECASE)
_EEGMMIDB_NAME = re.compile(r"S(\d{3})R(\d{2})", re.IGNORECASE)


def identify(path: Path) -> tuple[str, str]:
    """Subject and session: from the name where it is an EEGMMIDB run or by `neurograsp record`, else header
    code and file stem.

    Raises:
        RecordingError: the file cannot be read or its header is damaged.
    """
    run = _EEGMMIDB_NAME.fullmatch(path.stem)
    if run:
        return run[1], run[2]
    own = place.FILE_NAME.fullmatch(path.name)
    if own:
        return own[1], own[2]
    code = read_header(path).patient.split(" ")[0]
    return ("unknown" if code in ("", "X") else code), path.stem


def read(path: Path, subject: str, session: str) -> Recording:
    """One file; every signal but annotations and triggers is a channel.

    Counts are the digital values stored. Physical zero need not be digital zero: the offset is constant.
    `lsb_uv` is None where a unit is not a voltage or the channels do not share one scale. An
    annotation without duration labels one frame; one that runs over the end is cut there. Frames that
    `neurograsp record` put in place of lost ones are left out: they are a gap.

    Raises:
        MissingExtra: MNE is not installed.
        RecordingError: the file is truncated, damaged, discontinuous, or its channels differ in rate.
    """
    file = EdfFile(path)
    counts = file.counts()
    labels = _read_labels(path, file.header.sample_bytes, file.rate_hz, len(counts))
    frame_index, labels = _without_lost(labels, len(counts))
    if not len(frame_index):
        raise nothing_received(path)
    return Recording(
        counts=np.ascontiguousarray(counts[frame_index]) if len(frame_index) < len(counts) else counts,
        rate_hz=file.rate_hz,
        channels=file.channels,
        lsb_uv=file.lsb_uv,
        pieces=split_at_jumps(frame_index),
        frame_index=frame_index,
        labels=labels,
        subject=subject,
        session=session,
        source=str(path),
    )


def _read_labels(path: Path, sample_bytes: int, rate_hz: float, n_frames: int) -> Labels:
    try:
        import mne
    except ImportError as error:
        raise MissingExtra("MNE", "train") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="Omitted .* outside data range")
            read = mne.io.read_raw_bdf if sample_bytes == 3 else mne.io.read_raw_edf
            notes = read(path, stim_channel=None, preload=False, verbose="WARNING").annotations
    except RuntimeWarning as error:
        raise RecordingError(
            f"{path}: a label does not match: it lies outside the {n_frames / rate_hz:g} s recorded; "
            "use the annotations of this recording"
        ) from error
    # MNE lets anything out on a damaged file: assertion, value, index and bare Exception were seen.
    except Exception as error:
        raise RecordingError(
            f"{path}: MNE cannot read its labels, the annotations "
            f"({' '.join(str(error).split()) or type(error).__name__}); export the file again"
        ) from error
    texts = [str(text) for text in notes.description]
    is_eegmmidb = _EEGMMIDB_NAME.fullmatch(path.stem) and set(texts) <= set(eegmmidb.NAMES)
    names = eegmmidb.NAMES if is_eegmmidb else tuple(sorted(set(texts)))
    onset_s = np.asarray(notes.onset, dtype=np.float64)
    start = np.minimum(np.rint(onset_s * rate_hz).astype(np.int64), n_frames - 1)
    stop = np.rint((onset_s + np.asarray(notes.duration, dtype=np.float64)) * rate_hz).astype(np.int64)
    return Labels(
        names=names,
        start=start,
        stop=np.clip(stop, start + 1, n_frames),
        code=np.array([names.index(text) for text in texts], dtype=np.int64),
    )


def _without_lost(labels: Labels, n_frames: int) -> tuple[NDArray[np.int64], Labels]:
    """The frames (n,) that are not labelled `LOST`, and the other labels in rows of these."""
    if LOST not in labels.names:
        return np.arange(n_frames, dtype=np.int64), labels
    is_lost = labels.code == labels.names.index(LOST)
    received = np.ones(n_frames, bool)
    for start, stop in zip(labels.start[is_lost], labels.stop[is_lost]):
        received[start:stop] = False
    row_of = np.concatenate([[0], np.cumsum(received)])
    start, stop = row_of[labels.start], row_of[labels.stop]
    kept = ~is_lost & (stop > start)
    names = tuple(name for name in labels.names if name != LOST)
    code = np.array([names.index(labels.names[one]) for one in labels.code[kept]], np.int64)
    return np.flatnonzero(received), Labels(names, start[kept], stop[kept], code)
