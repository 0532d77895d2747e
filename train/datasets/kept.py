"""Recordings that took long to read, from the cache the second time."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograsp.train.datasets.cache import cached
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps

_ARRAYS = ("counts", "frame_index", "rate_and_lsb", "channels", "label_names", "label_rows")


def kept(
    path: Path,
    sources: Sequence[Path],
    version: int,
    read: Callable[[], Recording],
    subject: str,
    session: str,
) -> Recording:
    """What `read` gives, or the same from memory-mapped files where the sources have not changed since.

    Args:
        path: of the recording, for messages.
        sources: every file that `read` looks at; they must be there.
        version: of the reader.
        read: reads a recording whose pieces end where its frame counter jumps, and nowhere else.
        subject, session: of the recording.
    """
    return cached(
        sources,
        version,
        _ARRAYS,
        lambda: _to_arrays(read()),
        lambda arrays: _from_arrays(arrays, subject, session, str(path)),
    )


def _from_arrays(arrays: Mapping[str, NDArray[Any]], subject: str, session: str, source: str) -> Recording:
    rate_hz, lsb_uv = np.asarray(arrays["rate_and_lsb"], np.float64).tolist()
    frame_index = np.asarray(arrays["frame_index"], np.int64)
    start, stop, code = np.array(arrays["label_rows"], np.int64)
    return Recording(
        counts=np.ascontiguousarray(arrays["counts"], np.int32),
        rate_hz=rate_hz,
        channels=tuple(arrays["channels"].tolist()),
        lsb_uv=None if np.isnan(lsb_uv) else lsb_uv,
        pieces=split_at_jumps(frame_index),
        frame_index=frame_index,
        labels=Labels(tuple(arrays["label_names"].tolist()), start, stop, code),
        subject=subject,
        session=session,
        source=source,
    )


def _to_arrays(one: Recording) -> Mapping[str, NDArray[Any]]:
    """Counts in 16 bits where they fit, to be half as large on the disk."""
    narrow = np.int16 if one.counts.min() >= -(2**15) and one.counts.max() < 2**15 else np.int32
    return {
        "counts": one.counts.astype(narrow),
        "frame_index": one.frame_index,
        "rate_and_lsb": np.array([one.rate_hz, np.nan if one.lsb_uv is None else one.lsb_uv]),
        "channels": np.array(one.channels, np.str_),
        "label_names": np.array(one.labels.names, np.str_),
        "label_rows": np.stack((one.labels.start, one.labels.stop, one.labels.code)),
    }
