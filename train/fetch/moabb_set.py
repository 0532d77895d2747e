"""Any data set of MOABB by the name of its class; each session becomes a FIF file that the reader reads.

A session of MOABB's is a session here, and its runs are pieces of one recording. What is labelled is the time
in which MOABB looks for the mental state: from the event on, by the data set's interval.

Aristimunha et al., "Mother of all BCI Benchmarks", https://github.com/NeuroTechX/moabb; Jayaram & Barachant,
J. Neural Eng. 15, 066011 (2018).
"""

import json
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neurograsp.edge_runtime.contract.errors import ConfigError, MissingExtra, RecordingError
from neurograsp.edge_runtime.files import check_writable, write_whole
from neurograsp.train.config import DataOrigin
from neurograsp.train.datasets import mne_raw, open_recordings
from neurograsp.train.fetch.moabb_config import config_text
from neurograsp.train.fetch.source import Fetched, Names, Place

FOLDER = "moabb"
DOWNLOADS = "mne_data"
"""Where MOABB keeps what it downloads, unless MNE was told of another folder."""

_FORMAT = 1
"""Of what is written here: another number makes it written again."""


class MoabbSet:
    """Args:
    name: of the class in `moabb.datasets`.
    data_set: one of that class.
    """

    def __init__(self, name: str, data_set: Any) -> None:
        self.name = name
        self._set = data_set

    @property
    def origin(self) -> DataOrigin:
        """As MOABB describes it."""
        documentation = getattr(self._set.metadata, "documentation", None)
        doi = self._set.doi or getattr(documentation, "doi", None)
        address = getattr(documentation, "data_url", None) or (f"https://doi.org/{doi}" if doi else "unknown")
        return DataOrigin(
            name=self._set.code,
            version=f"through MOABB {version('moabb')}",
            licence=getattr(documentation, "license", None) or "unknown: ask its authors",
            citation=f"doi:{doi}" if doi else "unknown: see MOABB's page of the data set",
            address=address,
        )

    @property
    def default_sessions(self) -> None:
        """All."""

    def default_config(self, place: Place, subjects: Names) -> str:
        """Which of the data set's states it is, from 8 to 30 Hz.

        Raises:
            ConfigError: the data set is not one of imagined or executed movement.
        """
        if self._set.paradigm != "imagery":
            raise ConfigError(
                f"{self.name}: a data set of {self._set.paradigm}, and the default configuration is for "
                "movements; name a configuration of your own: neurograsp train CONFIG --dataset NAME"
            )
        fetched = self.fetch(place, subjects, None)
        recordings = open_recordings(fetched.folder, fetched.subjects)
        start_s, stop_s = self._set.interval
        return config_text(self.name, recordings, float(stop_s - start_s))

    def fetch(self, place: Place, subjects: Names, sessions: Names) -> Fetched:
        """`sub-1_ses-0_eeg.fif` and so on, all sessions of each subject; the first subject unless chosen."""
        there = {str(one): one for one in self._set.subject_list}
        chosen = tuple(str(one) for one in subjects or list(there)[:1])
        unknown = [one for one in chosen if one not in there]
        if unknown:
            raise RecordingError(
                f"{self.name}: no subject {', '.join(unknown):.60}; there are {_range(list(there))}"
            )
        folder = place.folder / FOLDER / self.name
        check_writable(folder / "any")
        for one in chosen:
            if not self._is_here(folder, one):
                place.progress.begin(f"{self.name}, subject {one}, through MOABB")
                with _downloads_to(place.folder / DOWNLOADS), _whatever_moabb_says(self.name, one):
                    self._write(folder, one, self._set.get_data([there[one]])[there[one]])
        return Fetched(folder, tuple(_label(one) for one in chosen), sessions)

    def _stamp(self) -> dict[str, Any]:
        return {"format": _FORMAT, "moabb": version("moabb"), "dataset": self._set.code}

    def _is_here(self, folder: Path, subject: str) -> bool:
        try:
            return bool(json.loads(_note(folder, subject).read_bytes()) == self._stamp())
        except (OSError, ValueError, RecursionError):
            return False

    def _write(self, folder: Path, subject: str, sessions: dict[str, dict[str, Any]]) -> None:
        """All files of a subject, and then the note that they are all there."""
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            for session, runs in sessions.items():
                path = Path(temporary) / f"sub-{_label(subject)}_ses-{_label(session)}_eeg.fif"
                _joined(list(runs.values()), self._set.unit_factor).save(path, fmt="double", verbose="ERROR")
            written = list(Path(temporary).iterdir())
            if len(written) > len(sessions):
                raise RecordingError(
                    f"{self.name}: a session of subject {subject} is over 2 GB, which no FIF file holds"
                )
            _note(folder, subject).unlink(missing_ok=True)
            for old in folder.glob(f"sub-{_label(subject)}_ses-*_eeg.fif"):
                old.unlink()
            for path in written:
                path.rename(folder / path.name)
        write_whole(_note(folder, subject), json.dumps(self._stamp(), indent=1).encode())


def _note(folder: Path, subject: str) -> Path:
    return folder / f"sub-{_label(subject)}.json"


def _joined(runs: list[Any], unit_factor: float) -> Any:
    """The electrodes of a session in volts, its runs one after the other with MNE's marks between them."""
    import mne

    own = []
    for run in runs:
        raw = run.load_data(verbose="ERROR")
        kinds = raw.get_channel_types()
        raw.pick([name for name, kind in zip(raw.ch_names, kinds) if kind in mne_raw.KINDS])
        own.append(raw.apply_function(lambda values: values * (unit_factor * 1e-6), verbose="ERROR"))
    return mne.concatenate_raws(own, verbose="ERROR")


def _label(name: object) -> str:
    """A name as a label of BIDS: letters and digits."""
    return re.sub(r"[^A-Za-z0-9]", "", str(name)) or "unnamed"


def _range(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else f"{names[0]} to {names[-1]}"


def moabb_sets() -> dict[str, Callable[[], Any]]:
    """What makes each of MOABB's data sets, by the name of its class.

    Raises:
        MissingExtra: MOABB is not installed.
    """
    with _quiet():
        try:
            import moabb.datasets
            from moabb.datasets.base import BaseDataset
        except ImportError as error:
            raise MissingExtra("MOABB", "moabb") from error
    return {
        name: found
        for name, found in sorted(vars(moabb.datasets).items())
        if isinstance(found, type) and issubclass(found, BaseDataset)
    }


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _downloads_to(folder: Path) -> Iterator[None]:
    """MNE's setting for downloads, for as long as it has none."""
    import mne

    if mne.get_config("MNE_DATA") is not None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["MNE_DATA"] = str(folder)
    try:
        yield
    finally:
        del os.environ["MNE_DATA"]


@contextmanager
def _whatever_moabb_says(name: str, subject: str) -> Iterator[None]:
    """Each data set has its own code, downloads and errors."""
    try:
        with _quiet():
            yield
    except RecordingError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RecordingError(
            f"{name}: MOABB could not give subject {subject} ({reason}); look at the connection and the free "
            "space, and at MOABB's page of the data set for terms to accept"
        ) from error
