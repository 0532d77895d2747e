"""Where the data are: samples in the repository always, the full sets where somebody has them."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def examples() -> Path:
    return REPOSITORY / "examples/data"


@pytest.fixture(scope="session")
def full_sets() -> Path:
    folder = os.environ.get("NEUROGRASP_TEST_DATA")
    if not folder:
        pytest.skip("NEUROGRASP_TEST_DATA does not name a folder with the full data sets")
    return Path(folder)
