"""What is written as TOML is read as the same configuration."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.train.config import DataOrigin, TrainConfig
from neurograsp.train.toml_text import to_toml

CONFIGS = sorted((Path(__file__).parents[2] / "examples" / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_example_comes_back(path: Path) -> None:
    config = parse_config(TrainConfig, path.read_text(), path.name)
    origin = DataOrigin("a", "1", "ODC-By", 'Müller "and" others \\ 2004', "https://example.org/?a=b#c")
    config = replace(config, data=replace(config.data, subjects=(1, "B 2"), origin=origin))
    assert parse_config(TrainConfig, to_toml(config), "again") == config


@dataclass(frozen=True)
class Odd:
    number: float = 1e-7
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tree:
    name: str
    odd: Odd


def test_odd_keys_and_numbers() -> None:
    options = {"a key": {"in it": [1, 2.5, True, "x"]}, "empty": {}, "none": [], "1": "\u00e4\U0001f600"}
    tree = Tree("t", Odd(3e300, options))
    assert parse_config(Tree, to_toml(tree), "again") == tree
