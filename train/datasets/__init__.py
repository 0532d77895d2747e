"""Recordings of every known format as one `Recording`: `open_recordings` finds out which it is."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets import brainflow_file, edf, eegmmidb, gal, gal_mat, kaggle, mne_raw, myo, xdf
from neurograsp.train.datasets.recording import Labels, Recording

__all__ = ["Labels", "Recording", "list_recordings", "open_recordings"]

Selection = Iterable[int | str] | int | str | None


@dataclass(frozen=True)
class _Format:
    """How to know a format by its file names, and how to read it."""

    name: str
    example: str
    pattern: re.Pattern[str]
    read: Callable[[Path, str, str], Recording]
    named_in: Callable[[Path], tuple[str, ...]] | None = None

    def identify(self, path: Path) -> tuple[str, str]:
        """Subject and session of a file of this format, from its header where its name does not tell."""
        match = self.pattern.fullmatch(path.name)
        by_name = match.groups() if match else ()
        subject, session = by_name if self.named_in is None else self.named_in(path)
        return _plain(subject), _plain(session)


_FORMATS = (
    _Format("WAY-EEG-GAL event windows", "subj1_series1.npz", gal.FILE_NAME, gal.read),
    _Format("Kaggle grasp-and-lift series", "subj1_series1_data.csv", kaggle.FILE_NAME, kaggle.read),
    _Format("WAY-EEG-GAL series", "HS_P1_S1.mat", gal_mat.FILE_NAME, gal_mat.read),
    _Format("PhysioNet EEGMMIDB run", "S001R03.npz", eegmmidb.FILE_NAME, eegmmidb.read),
    _Format("Myo armband session", "p12345_session1.npz", myo.FILE_NAME, myo.read),
    _Format("EDF/EDF+ or BDF/BDF+", "any.edf, any.bdf", edf.FILE_NAME, edf.read, edf.identify),
    _Format(
        "BrainVision, FIF or GDF",
        "any.vhdr, any.fif, any.gdf",
        mne_raw.FILE_NAME,
        mne_raw.read,
        mne_raw.identify,
    ),
    _Format(
        "BrainFlow file with its description",
        "any.brainflow.json",
        brainflow_file.FILE_NAME,
        brainflow_file.read,
        brainflow_file.identify,
    ),
    _Format("XDF of LabRecorder", "any.xdf", xdf.FILE_NAME, xdf.read, xdf.identify),
)


def open_recordings(
    path: str | Path, subjects: Selection = None, sessions: Selection = None
) -> list[Recording]:
    """Read a file, or those files of a folder that are of one known format.

    Subfolders are not looked into.

    Args:
        path: a file, or a folder.
        subjects: which ones, as numbers or names; None for all.
        sessions: which ones (a GAL series, an EEGMMIDB run, a Myo session); None for all.

    Returns:
        Recordings sorted by subject, then session (numbers as numbers); never empty.

    Raises:
        RecordingError: nothing there, an unknown format or several, a damaged file, or a subject or
            session asked for that is not there (the message lists what is).
    """
    kind, found = _chosen(Path(path), subjects, sessions)
    return [kind.read(file, *key) for key, file in found.items()]


def list_recordings(
    path: str | Path, subjects: Selection = None, sessions: Selection = None
) -> list[tuple[str, str]]:
    """The subject and session of each recording that `open_recordings` would read, in its order.

    Raises:
        RecordingError: as `open_recordings`, as far as names and headers tell.
    """
    return list(_chosen(Path(path), subjects, sessions)[1])


def _chosen(
    path: Path, subjects: Selection, sessions: Selection
) -> tuple[_Format, dict[tuple[str, str], Path]]:
    kind, files = _find(path)
    found: dict[tuple[str, str], Path] = {}
    for file in files:
        key = kind.identify(file)
        if key in found:
            raise RecordingError(
                f"{file}: the same subject and session as {found[key].name}; remove or rename one of the two"
            )
        found[key] = file
    return kind, {key: found[key] for key in _select(path, found.keys(), _names(subjects), _names(sessions))}


def _find(path: Path) -> tuple[_Format, list[Path]]:
    if not path.exists():
        raise RecordingError(f"{path}: no such file or folder; check the path of the recordings")
    try:
        files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    except OSError as error:
        raise RecordingError(f"{path}: cannot be listed ({error.strerror}); check its permissions") from error
    matches = {kind.name: [file for file in files if kind.pattern.fullmatch(file.name)] for kind in _FORMATS}
    kinds = [kind for kind in _FORMATS if matches[kind.name]]
    if not kinds:
        known = "; ".join(f"{kind.name} ({kind.example})" for kind in _FORMATS)
        raise RecordingError(f"{path}: no recording of a known format; known are: {known}")
    if len(kinds) > 1:
        raise RecordingError(
            f"{path}: holds several formats ({'; '.join(kind.name for kind in kinds)}); "
            "put each in a folder of its own"
        )
    return kinds[0], matches[kinds[0].name]


def _names(selection: Selection) -> list[str] | None:
    if selection is None:
        return None
    wanted = [selection] if isinstance(selection, int | str) else selection
    return [_plain(str(name)) for name in wanted]


def _plain(name: str) -> str:
    """The one spelling of a name: numbers without leading zeros."""
    return str(int(name)) if name.isdecimal() else name


def _select(
    path: Path,
    found: Iterable[tuple[str, str]],
    subjects: list[str] | None,
    sessions: list[str] | None,
) -> list[tuple[str, str]]:
    """Every asked combination must be there, so that a score never silently lacks a subject or session."""
    there = sorted(found, key=lambda key: (_natural(key[0]), _natural(key[1])))
    for what, asked, has in (
        ("subject", subjects, [subject for subject, _ in there]),
        ("session", sessions, [session for _, session in there]),
    ):
        if asked is not None and not asked:
            raise RecordingError(f"{path}: no {what} selected; there are {_listed(has)}")
        absent = [name for name in asked or [] if name not in has]
        if absent:
            raise RecordingError(f"{path}: no {what} {', '.join(absent)}; there are {_listed(has)}")
    for subject in subjects or []:
        has = [session for name, session in there if name == subject]
        absent = [session for session in sessions or [] if session not in has]
        if absent:
            raise RecordingError(
                f"{path}: subject {subject} has no session {', '.join(absent)}; there are {_listed(has)}"
            )
    return [
        (subject, session)
        for subject, session in there
        if (subjects is None or subject in subjects) and (sessions is None or session in sessions)
    ]


def _listed(names: list[str]) -> str:
    return ", ".join(sorted(set(names), key=_natural))


def _natural(name: str) -> tuple[int, int, str]:
    return (0, int(name), "") if name.isdecimal() else (1, 0, name)
