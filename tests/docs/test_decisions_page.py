"""The diagrams in docs/decisions.md are those of the code, and its tables name every state and event."""

import re
import runpy
from pathlib import Path

from neurograsp.edge_runtime.decide import DecisionEvent, DecisionState

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "decisions.md").read_text()


def test_the_diagrams_are_the_tables_of_the_code() -> None:
    code = runpy.run_path(str(DOCS / "diagrams.py"))
    assert len(code["TABLES"]) == PAGE.count("```mermaid")
    for heading, table in code["TABLES"].items():
        (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
        assert code["mermaid"](table) in section, "run `python docs/diagrams.py` and put the diagram in"


def test_every_state_and_event_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert rows == [one.value for one in (*DecisionState, *DecisionEvent)]
