"""Grasp-and-lift recordings that only a person can fetch: what, from where, and where to put it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.config import DataOrigin
from neurograsp.train.fetch.source import Fetched, Names, Place, numbers, packaged_config

SUBJECTS = (1,)
SERIES = (1, 2, 3, 4, 5, 6)
"""The default configuration's. Series 7 and 8 (and 9 of the .mat edition) are left for a last score."""

CITATION = (
    "Luciw, Jarocka & Edin, Multi-channel EEG recordings during 3,936 grasp and lift trials with varying "
    "weight and friction, Scientific Data 1:140047 (2014)"
)


@dataclass(frozen=True)
class ByHand:
    """Files that a person puts into a folder.

    Attributes:
        name: of the data set and its folder.
        origin: whom to cite.
        n_series: of each of the twelve subjects.
        files_of: the names of the files of a subject and series; of each any one of the alternatives.
        how: what a person has to do, for these subjects and this folder.
    """

    name: str
    origin: DataOrigin
    n_series: int
    files_of: Callable[[int, int], tuple[tuple[str, ...], ...]]
    how: Callable[[tuple[int, ...], Path], str]

    @property
    def default_sessions(self) -> None:
        """All."""

    def default_config(self, place: Place, subjects: Names) -> str:
        """Which of six events it is, as with the samples in the repository."""
        return packaged_config("gal_windows.toml")

    def fetch(self, place: Place, subjects: Names, sessions: Names) -> Fetched:
        """Nothing is fetched; what is missing is an error that says how to."""
        people = numbers(self.name, "subject", subjects or SUBJECTS, 12)
        series = numbers(self.name, "series", sessions or SERIES, self.n_series)
        folder = place.folder / self.name
        wanted = dict.fromkeys(
            names for person in people for one in series for names in self.files_of(person, one)
        )
        missing = [names[0] for names in wanted if not any((folder / name).is_file() for name in names)]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise RecordingError(
                f"{self.name}: {missing[0]}{more} not in {folder}, and to be fetched by hand: "
                f"{self.how(people, folder)}"
            )
        return Fetched(folder, people, series)


KAGGLE = ByHand(
    name="kaggle-grasp-and-lift",
    origin=DataOrigin(
        name="Grasp-and-Lift EEG Detection, the competition's data",
        version="2015",
        licence="the competition's rules",
        citation=CITATION,
        address="https://www.kaggle.com/competitions/grasp-and-lift-eeg-detection/data",
    ),
    n_series=8,
    files_of=lambda subject, series: tuple(
        (f"subj{subject}_series{series}_{part}.csv", f"subj{subject}_series{series}_{part}.csv.gz")
        for part in ("data", "events")
    ),
    how=lambda subjects, folder: (
        "log in at https://www.kaggle.com/competitions/grasp-and-lift-eeg-detection/data, accept the "
        "competition's rules, download train.zip, then run "
        f"`unzip -j train.zip -d {shlex.quote(str(folder))}`"
    ),
)

_FIGSHARE = {
    **dict(enumerate((3229301, 3229304, 3229307, 3229310, 3229313), 1)),
    **dict(enumerate((3209486, 3209501, 3209504, 3209495, 3209492, 3209498, 3209489), 6)),
}
"""Number of each participant's archive at figshare. They are not downloaded here, since no trusted list of
their hashes is known."""

WAY_EEG_GAL = ByHand(
    name="way-eeg-gal",
    origin=DataOrigin(
        name="WAY-EEG-GAL",
        version="1",
        licence="CC-BY-4.0",
        citation=CITATION,
        address="https://doi.org/10.6084/m9.figshare.988376",
    ),
    n_series=9,
    files_of=lambda subject, series: ((f"HS_P{subject}_S{series}.mat",), (f"P{subject}_AllLifts.mat",)),
    how=lambda subjects, folder: (
        "download "
        + ", ".join(
            f"https://ndownloader.figshare.com/files/{_FIGSHARE[one]} as P{one}.zip" for one in subjects
        )
        + f" (of https://doi.org/10.6084/m9.figshare.988376), then run `unzip -j P{subjects[0]}.zip "
        f"-d {shlex.quote(str(folder))}`" + (" and the same with the others" if len(subjects) > 1 else "")
    ),
)
