"""PhysioNet EEG Motor Movement/Imagery: EDF+ runs as published, checked with the hashes that MNE carries."""

from importlib.resources import files

from neurograsp.edge_runtime.contract.errors import MissingExtra
from neurograsp.train.config import DataOrigin
from neurograsp.train.fetch.download import RemoteFile, download
from neurograsp.train.fetch.source import Fetched, Names, Place, numbers, packaged_config

NAME = "eegmmidb"
URL = "https://physionet.org/files/eegmmidb/1.0.0/"
N_SUBJECTS, N_RUNS = 109, 14
MAX_BYTES = 8_000_000
"""Of a run: two minutes have 2.6 million."""

SUBJECTS = (1,)
RUNS = (3, 4)
FIST_RUNS = (3, 4, 7, 8, 11, 12)
"""T1 is the left fist and T2 the right one. Of runs 5, 6, 9, 10, 13 and 14 both fists and both feet; of 1 and
2 there is rest alone."""

UNSEEN_RUN = 7
"""Comes with the default runs and is not trained on: for a last score."""


class Eegmmidb:
    """Args:
    url: of the folder that holds S001 to S109.
    retries: of a download that failed.
    """

    origin = DataOrigin(
        name="EEG Motor Movement/Imagery Dataset",
        version="1.0.0",
        licence="ODC-By-1.0",
        citation=(
            "Schalk et al., BCI2000: A General-Purpose Brain-Computer Interface (BCI) System, IEEE Trans. "
            "Biomed. Eng. 51(6):1034-1043 (2004); Goldberger et al., PhysioBank, PhysioToolkit, and "
            "PhysioNet, Circulation 101(23):e215-e220 (2000)"
        ),
        address="https://physionet.org/content/eegmmidb/1.0.0/",
    )
    default_sessions = FIST_RUNS

    def __init__(self, url: str = URL, retries: int = 2) -> None:
        self._url = url
        self._retries = retries

    def default_config(self, place: Place, subjects: Names) -> str:
        """Rest against fist: the configuration of the samples in the repository."""
        return packaged_config("eegmmidb.toml")

    def fetch(self, place: Place, subjects: Names, sessions: Names) -> Fetched:
        """`S001R03.edf` and so on, into one folder."""
        people = numbers(NAME, "subject", subjects or SUBJECTS, N_SUBJECTS)
        runs = numbers(NAME, "run", sessions or RUNS, N_RUNS)
        wanted = runs if runs != RUNS else (*runs, UNSEEN_RUN)
        folder = place.folder / NAME
        hashes = _published_hashes()
        remote = [
            RemoteFile(f"S{person:03d}R{run:02d}.edf", f"{self._url}{key}", hashes[key], MAX_BYTES)
            for person in people
            for run in wanted
            for key in [f"S{person:03d}/S{person:03d}R{run:02d}.edf"]
        ]
        download(remote, folder, place.progress, self._retries)
        return Fetched(folder, people, runs)


def _published_hashes() -> dict[str, str]:
    try:
        text = (files("mne") / "data" / "eegbci_checksums.txt").read_text()
    except ModuleNotFoundError as error:
        raise MissingExtra("MNE", "train") from error
    return dict(line.split() for line in text.splitlines())
