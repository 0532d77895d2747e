"""Recordings as FIF, for MNE; `mne_raw` reads them back."""

import warnings
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import numpy as np

from neurograsp.edge_runtime.contract.errors import MissingExtra, RecordingError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.recording.recorder import Piece, Stretch
from neurograsp.edge_runtime.recording.stream import Int32
from neurograsp.edge_runtime.sources.edf_file import LOST
from neurograsp.train.datasets.mne_raw import SKIP

MOST_BYTES = 1_900_000_000
"""MNE divides a longer file into several."""


def write_fif(
    path: Path, signal: SignalSpec, started: datetime, subject: str, pieces: Iterable[Piece]
) -> None:
    """Volts as float64, so that every count comes back; what is lost is labelled as MNE does it.

    Counts without a unit become channels of the kind "misc", which MNE shows and `train` does not take.

    Args:
        path: new, ending in _raw.fif.
        started: time of the first frame.

    Raises:
        MissingExtra: MNE is not installed.
        RecordingError: it would not fit into one file.
        OSError: it cannot be written.
    """
    try:
        import mne
    except ImportError as error:
        raise MissingExtra("MNE", "train") from error
    parts: list[Int32] = []
    stretches: list[Stretch] = []
    n_bytes = 0
    for piece in pieces:
        parts.append(piece.counts)
        stretches += piece.stretches
        n_bytes += 8 * piece.counts.size
        if n_bytes > MOST_BYTES:
            raise RecordingError(
                f"more than {MOST_BYTES / 1e9:g} GB do not fit into one FIF file; write .bdf"
            )
    volts = 1.0 if signal.lsb_uv is None else signal.lsb_uv * 1e-6
    info = mne.create_info(list(signal.channels), signal.rate_hz, "misc" if signal.lsb_uv is None else "eeg")
    raw = mne.io.RawArray(np.concatenate(parts).T * volts, info, verbose="ERROR")
    raw.set_meas_date(started)
    raw.info["subject_info"] = {"his_id": subject}
    raw.set_annotations(
        mne.Annotations(
            onset=[one.start / signal.rate_hz for one in stretches],
            duration=[(one.stop - one.start) / signal.rate_hz for one in stretches],
            description=[SKIP if one.label == LOST else one.label for one in stretches],
            orig_time=started,
        ),
        verbose="ERROR",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw.save(path, fmt="double", verbose="ERROR")
