"""docs/board.md lists what `neurograsp doctor` checks."""

import json
import re
from pathlib import Path

import pytest

from neurograsp.edge_runtime.cli import main

PAGE = (Path(__file__).parents[2] / "docs/board.md").read_text()
ON_DEMAND = {"bundle", "golden vectors", "source", "impedance", "hand"}


def test_every_check_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    found = {row["check"] for row in json.loads(capsys.readouterr().out)["rows"]}
    section = PAGE.partition("## What doctor looks at")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z -]+)` \|", section, re.MULTILINE)) == found | ON_DEMAND
