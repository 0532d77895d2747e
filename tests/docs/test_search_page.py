"""docs/search.md has every key of SPACE.toml, and no other."""

import dataclasses
import re
from pathlib import Path

from neurograsp.train.search.space import GridConfig, SpaceFile

PAGE = Path(__file__).parents[2] / "docs/search.md"


def names(cls: type) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}


def test_the_table_is_the_code() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE.read_text().partition("\n## ")[0], re.MULTILINE)
    written = {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    grid = {f"grid.{name}" for name in names(GridConfig)}
    assert written == (names(SpaceFile) - {"search", "grid"}) | {"search.KEY"} | grid
