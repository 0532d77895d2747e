"""A folder with a base configuration, its recordings, and what the toy trials write."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from toys import CONFIG, write_recordings

from neurograsp.train.evaluate import by_measure

WriteSpace = Callable[[str], Path]


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search") / "data"
    write_recordings(folder)
    return folder


@pytest.fixture
def write_space(recordings: Path, tmp_path: Path) -> WriteSpace:
    """Writes SPACE.toml; its base is the toy configuration with three sessions."""
    text = CONFIG.replace('"data"', f'"{recordings}"').replace("[1, 2]", "[1, 2, 3]")
    (tmp_path / "toy.toml").write_text(text)
    (tmp_path / "metrics.json").write_text(json.dumps(by_measure({"float": {}})))

    def write(text: str) -> Path:
        path = tmp_path / "space.toml"
        path.write_text(f'base = "toy.toml"\n{text}')
        return path

    return write
