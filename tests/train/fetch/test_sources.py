"""Data sets by name: which there are, what is fetched, and what a person is told to fetch."""

from pathlib import Path

import pytest
from web import Told, serving_folder

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import MissingExtra, RecordingError, UsageError
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import open_recordings
from neurograsp.train.fetch import NAMES, find_source
from neurograsp.train.fetch.eegmmidb import Eegmmidb
from neurograsp.train.fetch.source import Place, data_folder

REPOSITORY = Path(__file__).parents[3]
RUNS = REPOSITORY / "examples/data/physionet-eegmmidb-s001"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data", Told())


def refusal(name: str, place: Place, *chosen: tuple[int | str, ...] | None) -> str:
    with pytest.raises(RecordingError) as caught:
        find_source(name).fetch(place, *chosen)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_eegmmidb_from_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs as published, since their hashes are MNE's. The unseen run comes with the default ones."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "S001").symlink_to(RUNS)
    told = Told()
    with serving_folder(tmp_path / "web") as url:
        fetched = Eegmmidb(url, retries=0).fetch(Place(tmp_path, told), None, None)
    assert told.begun == ["S001R03.edf", "S001R04.edf", "S001R07.edf"]
    assert (fetched.subjects, fetched.sessions) == ((1,), (3, 4))
    read = open_recordings(fetched.folder, fetched.subjects, fetched.sessions)
    assert [(one.subject, one.session, one.lsb_uv) for one in read] == [("1", "3", 1.0), ("1", "4", 1.0)]


def test_eegmmidb_with_chosen_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "S002").mkdir()
    with serving_folder(tmp_path) as url, pytest.raises(RecordingError, match="S002R05.edf: .*404"):
        Eegmmidb(url, retries=0).fetch(Place(tmp_path, Told()), ("2",), (5, 5))


@pytest.mark.parametrize(
    ("name", "subjects", "sessions", "words"),
    [
        ("eegmmidb", (110,), None, "no subject 110; there are 1 to 109"),
        ("eegmmidb", (1,), ("R03",), "no run R03; there are 1 to 14"),
        ("kaggle-grasp-and-lift", (13,), None, "no subject 13; there are 1 to 12"),
        ("kaggle-grasp-and-lift", (1,), (9,), "no series 9; there are 1 to 8"),
        ("way-eeg-gal", (0,), None, "no subject 0; there are 1 to 12"),
    ],
)
def test_what_no_data_set_has(
    place: Place,
    name: str,
    subjects: tuple[int | str, ...],
    sessions: tuple[int | str, ...] | None,
    words: str,
) -> None:
    assert refusal(name, place, subjects, sessions) == f"{name}: {words}"


def test_kaggle_is_for_a_person_to_fetch(tmp_path: Path) -> None:
    place = Place(tmp_path / "my data", Told())
    folder = tmp_path / "my data" / "kaggle-grasp-and-lift"
    message = refusal("kaggle-grasp-and-lift", place, (1, 2), (3,))
    assert f"subj1_series3_data.csv and 3 more not in {folder}" in message
    assert "https://www.kaggle.com/competitions/grasp-and-lift-eeg-detection/data" in message
    assert "accept the competition's rules" in message
    assert f"`unzip -j train.zip -d '{folder}'`" in message


def test_what_a_person_fetched_is_used(place: Place) -> None:
    folder = place.folder / "kaggle-grasp-and-lift"
    folder.mkdir(parents=True)
    for name in ("subj1_series3_data.csv.gz", "subj1_series3_events.csv"):
        (folder / name).touch()
    fetched = find_source("kaggle-grasp-and-lift").fetch(place, ("1",), (3,))
    assert (fetched.folder, fetched.subjects, fetched.sessions) == (folder, (1,), (3,))
    assert "subj1_series4_data.csv and 1 more" in refusal("kaggle-grasp-and-lift", place, (1,), (3, 4))


def test_way_eeg_gal_is_for_a_person_to_fetch(place: Place) -> None:
    message = refusal("way-eeg-gal", place, (1, 6), (1, 2))
    assert f"HS_P1_S1.mat and 5 more not in {place.folder / 'way-eeg-gal'}" in message
    assert "https://ndownloader.figshare.com/files/3229301 as P1.zip" in message
    assert "https://ndownloader.figshare.com/files/3209486 as P6.zip" in message
    assert "doi.org/10.6084/m9.figshare.988376" in message


@pytest.mark.parametrize("name", NAMES)
def test_default_configurations(name: str, place: Place) -> None:
    """They are the examples', and say which subjects and sessions."""
    text = find_source(name).default_config(place, None)
    config = parse_config(TrainConfig, text, name)
    assert config.data.subjects == (1,)
    assert config.data.sessions == ((3, 4) if name == "eegmmidb" else (1, 2, 3, 4, 5, 6))


def test_unknown_names() -> None:
    for name, words in (
        ("eegmidb", "did you mean eegmmidb"),
        ("moabb:Zhou2017", "did you mean Zhou2016"),
        ("BNCI2014001", "BNCI2014_001"),
        ("?", "known are eegmmidb, way-eeg-gal, kaggle-grasp-and-lift and the 1"),
    ):
        with pytest.raises(UsageError) as caught:
            find_source(name)
        assert str(caught.value).startswith(f"--dataset {name}: no such data set")
        assert words in str(caught.value)


def test_without_moabb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "moabb.datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install '.\[moabb\]'"):
        find_source("moabb:Zhou2016")
    with pytest.raises(UsageError, match=r"those of MOABB after `pip install '.\[moabb\]'`"):
        find_source("Zhou2016")


def test_where_data_sets_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUROGRASP_DATA", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/anna")
    assert data_folder(None) == Path("/home/anna/.local/share/neurograsp")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert data_folder(None) == Path("/data/neurograsp")
    monkeypatch.setenv("NEUROGRASP_DATA", "/own")
    assert data_folder(None) == Path("/own")
    monkeypatch.chdir(tmp_path)
    assert data_folder(Path("here")) == tmp_path / "here"
