"""Markers, which are instants, turned into labelled stretches; and names by the BIDS convention."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurograsp.train.datasets.recording import Labels

_BIDS = re.compile(r"sub-([^_]+)_(.+)")


def until_next(sequences: Sequence[tuple[NDArray[np.int64], Sequence[str]]], n_frames: int) -> Labels:
    """Each marker labels the frames from its own to the next marker's, the last one to the end.

    Args:
        sequences: rows (n,), rising, and texts (n,) of the markers of each source. Rows outside the
            recording are cut to it; an empty text ends the marker before and labels nothing.
        n_frames: of the recording.
    """
    found = []
    for rows, texts in sequences:
        edges = np.clip(np.append(rows, n_frames), 0, n_frames).tolist()
        found += [
            (begin, end, text)
            for begin, end, text in zip(edges[:-1], edges[1:], texts)
            if text and end > begin
        ]
    return labels_of(sorted(found))


def labels_of(stretches: Sequence[tuple[int, int, str]], names: tuple[str, ...] | None = None) -> Labels:
    """Labels from (first row, row after the last, text) each; their names by alphabet unless given."""
    names = names or tuple(sorted({text for _, _, text in stretches}))
    rows = np.array([(start, stop, names.index(text)) for start, stop, text in stretches], np.int64)
    start, stop, code = rows.reshape(-1, 3).T.copy()
    return Labels(names, start, stop, code)


def printable(text: str) -> str:
    """A text in one line, without what cannot be printed."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def names_in(stem: str) -> tuple[str, str]:
    """Subject and session of a file named as in BIDS, `sub-P1_ses-S001_task-Default_run-001_eeg`.

    The session is all that follows the subject, without the `_eeg` at the end; of any other name the subject
    is "unknown" and the session the name. (Gorgolewski et al., Scientific Data 3:160044, 2016.)
    """
    match = _BIDS.fullmatch(stem)
    return (match[1], match[2].removesuffix("_eeg")) if match else ("unknown", stem)
