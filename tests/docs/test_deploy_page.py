"""docs/deploy.md draws the code's table, names every state, outcome and key, and its examples are read."""

import dataclasses
import json
import re
import runpy
from pathlib import Path

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.deploy.fleet import Board, Fleet
from neurograsp.edge_runtime.deploy.slots import Phase, SlotEvent

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "deploy.md").read_text()


def section(heading: str) -> str:
    (text,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert isinstance(text, str)
    return text


def rows(heading: str) -> list[str]:
    return re.findall(r"^\| `([\w ]+)` \|", section(heading), re.MULTILINE)


def test_the_diagram_is_the_table_of_the_code() -> None:
    code = runpy.run_path(str(DOCS / "diagrams.py"))
    assert len(code["DEPLOY_TABLES"]) == PAGE.count("```mermaid")
    for heading, table in code["DEPLOY_TABLES"].items():
        assert code["mermaid"](table) in section(heading), "run `python docs/diagrams.py`, put the diagram in"


def test_every_state_and_event_is_explained() -> None:
    assert rows("States of the slots") == [one.value for one in (*Phase, *SlotEvent)]


def test_every_outcome_is_explained() -> None:
    schema = json.loads((DOCS / "schemas/deploy.schema.json").read_text())
    outcomes = schema["properties"]["boards"]["items"]["properties"]["outcome"]["enum"]
    assert rows("How it ends") == outcomes


def test_the_example_of_a_fleet_is_read_and_every_key_is_explained() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(parse_config(Fleet, example, "deploy.md").boards) == 2
    assert rows("A fleet") == [field.name for field in dataclasses.fields(Board)]
