"""The cells of a grid: each once, and nobody validates on what trained."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from toys import CONFIG

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.train.config import NetworkConfig, TrainConfig
from neurograsp.train.search.grid import cells
from neurograsp.train.search.space import GridConfig

BASE = parse_config(TrainConfig, CONFIG, "toy.toml")
RECORDINGS = [(subject, session) for subject in "12" for session in "123"]
NETWORKS = ("eegnet", "article_lstm")


@pytest.mark.parametrize(
    ("split", "n_folds"), [("cross-session", 6), ("within-session", 6), ("cross-subject", 2)]
)
def test_every_cell_is_there_once(split: Any, n_folds: int) -> None:
    found = cells(BASE, GridConfig(NETWORKS, split), RECORDINGS)
    assert len(found) == 2 * n_folds
    assert set(Counter(tuple(cell.parameters.values()) for cell in found).values()) == {1}
    assert {cell.config.network.name for cell in found} == set(NETWORKS)


@pytest.mark.parametrize(
    ("split", "subjects", "sessions", "held_out"),
    [
        ("cross-session", ("1",), ("1", "2", "3"), ("2",)),
        ("within-session", ("1",), ("2",), None),
        ("cross-subject", ("1", "2"), BASE.data.sessions, ("2",)),
    ],
)
def test_what_the_second_fold_holds_out(split: Any, subjects: Any, sessions: Any, held_out: Any) -> None:
    data = cells(BASE, GridConfig(("eegnet",), split), RECORDINGS)[1].config.data
    assert (data.split, data.subjects, data.sessions, data.held_out) == (split, subjects, sessions, held_out)


def test_options_of_a_network() -> None:
    wide = NetworkConfig("eegnet", {"filters": 8})
    found = cells(BASE, GridConfig(("eegnet", wide, "article_lstm")), RECORDINGS[:3])
    options = {cell.parameters["network"]: cell.config.network.options for cell in found}
    assert list(options.values()) == [BASE.network.options, {"filters": 8}, {}]
    assert list(options)[2] == "article_lstm"
    assert "filters" in list(options)[1]


def test_a_cell_trains_on_what_it_says(recordings: Path) -> None:
    from neurograsp.train.datasets import list_recordings, open_recordings
    from neurograsp.train.splits import split

    for cell in cells(BASE, GridConfig(NETWORKS), list_recordings(recordings)):
        data = cell.config.data
        opened = open_recordings(recordings, data.subjects, data.sessions)
        train, validation = split(opened, "states", data.split, data.held_out)
        assert [one.session for one in validation] == [cell.parameters["fold"]]
        assert len(train) == 2
