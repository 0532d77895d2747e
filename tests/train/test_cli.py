"""`neurograsp train` and `neurograsp evaluate`, in this process."""

import json
from pathlib import Path

import pytest
from toys import Toy

from neurograsp.edge_runtime.cli import main


def test_a_session_goes_into_a_report(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(toy.bundle), str(toy.data), "--session", "session.json"]) == 2
    assert "add --report DIR" in capsys.readouterr().err


def test_a_session_that_is_given_twice_is_not_counted_twice(
    toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    third = toy.data / "S001R03.npz"
    assert main(["evaluate", str(toy.bundle), str(third), str(toy.data), "--sessions", "3"]) == 4
    error = capsys.readouterr().err
    assert f"{third}: subject 1, session 3 again" in error


def test_the_configuration_is_printed_without_a_run_folder(
    toy_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(toy_data / "toy.toml")
    assert main(["train", config, "--print-config", "--set", "fit.epochs=3"]) == 0
    assert json.loads(capsys.readouterr().out)["fit"]["epochs"] == 3
    assert main(["train", config]) == 2
    assert "--out RUN" in capsys.readouterr().err
