"""Runs side by side, and what is said when that means nothing."""

import json
import shutil
from pathlib import Path

import pytest
from toys import Toy

from neurograsp.edge_runtime.cli import main


@pytest.fixture
def other(toy: Toy, tmp_path: Path) -> Path:
    """The same run under another seed and with another score."""
    folder = tmp_path / "other"
    shutil.copytree(toy.run, folder)
    for name, keys, value in (("run.json", ["seed"], 7), ("metrics.json", ["auc_macro", "float"], 0.125)):
        tree = json.loads((folder / name).read_bytes())
        inner = tree
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        (folder / name).write_text(json.dumps(tree))
    return folder


def test_a_column_a_run(toy: Toy, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(toy.run), str(other)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [str(toy.run), str(other)]
    rows = {line[2:].split("  ")[0]: line.split() for line in lines[1:]}
    assert rows["seed"][-2:] == ["0", "7"]
    assert rows["network"][-2:] == ["eegnet", "eegnet"]
    assert rows["AUC, float / linear"][-3] == "0.125"
    assert len({len(line) for line in lines}) == 1, "columns are not aligned"


def test_other_validation_recordings_are_told(
    toy: Toy, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = json.loads((other / "run.json").read_bytes())
    (other / "run.json").write_text(json.dumps({**facts, "validation": ["1/9"]}))
    assert main(["compare", str(toy.run), str(other)]) == 0
    assert "say nothing about which is better" in capsys.readouterr().out
    assert main(["compare", str(toy.run), str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["same_validation"] is False


@pytest.mark.parametrize(
    ("file", "content", "text"),
    [
        ("run.json", None, "no run there"),
        ("run.json", "{", "no run there"),
        ("run.json", "[1]", "run.json"),
        ("metrics.json", None, "no run there"),
        ("metrics.json", "[]", "auc_macro is missing or no figures; train again"),
        ("metrics.json", '{"auc_macro": {"float": "high"}}', "auc_macro is missing or no figures"),
        ("metrics.json", '{"auc_macro": {"float": true}}', "auc_macro is missing or no figures"),
    ],
)
def test_what_is_no_run_is_one_line(
    other: Path, file: str, content: str | None, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is None:
        (other / file).unlink()
    else:
        (other / file).write_text(content)
    assert main(["compare", str(other)]) == 4
    said = capsys.readouterr().err.strip()
    assert text in said
    assert "\n" not in said
