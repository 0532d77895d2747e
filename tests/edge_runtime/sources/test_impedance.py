"""On BrainFlow's synthetic board, the only one that measures without hardware."""

import json
from typing import Any

import pytest

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.sources import impedance

pytest.importorskip("brainflow")


@pytest.mark.slow
def test_the_synthetic_board_measures_two() -> None:
    found = impedance.measure("synthetic", "")
    assert set(found) == {"R1", "R2"}
    assert all(500 < ohms < 2000 for ohms in found.values())


def test_a_board_that_measures_none_is_named() -> None:
    with pytest.raises(ConfigError, match="board cyton: measures no impedance"):
        impedance.measure("cyton", "/dev/not-there")


def test_references_come_after_the_electrodes() -> None:
    description = {"eeg_channels": [1, 2], "eeg_names": "Cz,Pz"}
    assert impedance._names(description, 4) == ["Cz", "Pz", "reference 1", "reference 2"]
    assert impedance._names({"eeg_channels": [1, 2, 3, 4]}, 5) == ["E1", "E2", "E3", "E4", "reference 1"]


@pytest.mark.slow
def test_doctor_tells_it(capsys: Any) -> None:
    main(["doctor", "--source", "board:synthetic", "--impedance", "--json"])
    rows = {row["check"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["impedance"]["level"] == "ok"
    assert rows["impedance"]["what"].startswith("impedance in kOhm: R1 ")


@pytest.mark.parametrize("options", [[], ["--source", "lsl:any"]])
def test_it_needs_a_board(options: list[str], capsys: Any) -> None:
    assert main(["doctor", *options, "--impedance"]) == 2
    assert "--source board:NAME" in capsys.readouterr().err
