"""MOABB's made-up data set, as this package's recordings: the same numbers, labels, sessions and pieces."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web import Told

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import open_recordings
from neurograsp.train.fetch.moabb_set import MoabbSet
from neurograsp.train.fetch.source import Place

RATE_HZ, RUN_S = 128, 30


def fake(**options: Any) -> Any:
    """Two sessions of two runs of 30 s, 6 events each; noise of 20 uV; events in a trigger channel."""
    moabb = pytest.importorskip("moabb.datasets")
    small = {"n_subjects": 3, "duration": RUN_S, "n_events": 6, "seed": 5, "event_list": ("feet", "rest")}
    return moabb.FakeDataset(**{**small, **options})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, Told())


def test_numbers_labels_sessions_and_runs(place: Place) -> None:
    fetched = MoabbSet("Fake", fake()).fetch(place, (2,), None)
    first, second = open_recordings(fetched.folder, fetched.subjects, fetched.sessions)
    assert [(one.subject, one.session) for one in (first, second)] == [("2", "0"), ("2", "1")]
    runs = fake().get_data([2])[2]["1"]
    for number, raw in enumerate(runs.values()):
        rows = slice(number * RATE_HZ * RUN_S, (number + 1) * RATE_HZ * RUN_S)
        assert np.array_equal(second.counts[rows], np.rint(raw.get_data(picks="eeg").T * 1e8))
    assert second.channels == ("C3", "Cz", "C4")
    assert second.pieces.tolist() == [[0, 3840], [3840, 7680]]
    assert second.lsb_uv == 0.01
    labels = second.labels
    assert labels.names == ("feet", "rest")
    assert labels.code.tolist() == [0, 1] * 6
    assert (labels.stop - labels.start).tolist() == [3 * RATE_HZ] * 12
    assert labels.start[6:].tolist() == (labels.start[:6] + 3840).tolist()


def test_annotations_instead_of_triggers(place: Place) -> None:
    with_triggers = MoabbSet("A", fake()).fetch(place, None, None)
    with_annotations = MoabbSet("B", fake(stim=False, annotations=True)).fetch(place, None, None)
    for one, other in zip(open_recordings(with_triggers.folder), open_recordings(with_annotations.folder)):
        assert np.array_equal(one.labels.start, other.labels.start)
        assert np.array_equal(one.labels.code, other.labels.code)


def test_a_subject_is_fetched_once(place: Place) -> None:
    """Once all of it is there: without the note of that it is fetched again, and nothing older is left."""
    told = place.progress
    assert isinstance(told, Told)
    for _ in range(2):
        fetched = MoabbSet("Fake", fake()).fetch(place, (1, 3), None)
    assert told.begun == ["Fake, subject 1, through MOABB", "Fake, subject 3, through MOABB"]
    (fetched.folder / "sub-3.json").unlink()
    (fetched.folder / "sub-3_ses-7_eeg.fif").write_bytes(b"older")
    MoabbSet("Fake", fake()).fetch(place, (1, 3), None)
    assert told.begun[2:] == ["Fake, subject 3, through MOABB"]
    assert sorted(path.name for path in fetched.folder.iterdir()) == [
        *("sub-1.json", "sub-1_ses-0_eeg.fif", "sub-1_ses-1_eeg.fif"),
        *("sub-3.json", "sub-3_ses-0_eeg.fif", "sub-3_ses-1_eeg.fif"),
    ]


def test_what_goes_wrong_inside_moabb_is_one_line_and_leaves_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = fake()
    monkeypatch.setattr(broken, "_get_single_subject_data", lambda subject: {"0": {"0": None}})
    with pytest.raises(RecordingError, match="^Fake: MOABB could not give subject 1 "):
        MoabbSet("Fake", broken).fetch(place, None, None)
    assert list((place.folder / "moabb" / "Fake").iterdir()) == []
    with pytest.raises(RecordingError, match="^Fake: no subject 4; there are 1, 2, 3$"):
        MoabbSet("Fake", fake()).fetch(place, (4,), None)


@pytest.mark.parametrize(
    ("options", "kept_hz", "window", "rest"), [({}, 128, 128, "rest"), ({"sfreq": 512}, 102.4, 102, "rest")]
)
def test_default_configuration(
    place: Place, options: dict[str, Any], kept_hz: float, window: int, rest: str
) -> None:
    text = MoabbSet("Fake", fake(**options)).default_config(place, (2,))
    config = parse_config(TrainConfig, text, "default")
    assert config.signal.window == window
    assert [one.factor for one in config.signal.filters][1:] == ([5] if kept_hz < 128 else [])
    assert dict(zip(config.actions.names, config.actions.commands)) == {"feet": "FIST", "rest": "REST"}
    assert config.actions.rest == rest


def test_no_default_configuration_for_other_paradigms(place: Place) -> None:
    with pytest.raises(ConfigError, match="Fake: a data set of p300.* name a configuration of your own"):
        MoabbSet("Fake", fake(paradigm="p300")).default_config(place, None)


def test_whom_to_cite() -> None:
    moabb = pytest.importorskip("moabb.datasets")
    origin = MoabbSet("Zhou2016", moabb.Zhou2016()).origin
    assert (origin.name, origin.licence) == ("Zhou2016", "CC-BY-4.0")
    assert origin.citation == "doi:10.1371/journal.pone.0162657"
    assert MoabbSet("Fake", fake()).origin.licence.startswith("unknown")
