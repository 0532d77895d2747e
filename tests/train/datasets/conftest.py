"""Where the data are: samples in the repository always, the full sets where somebody put them."""

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
    folder = REPOSITORY.parent / "shared/data"
    if not folder.is_dir():
        pytest.skip("the full data sets are not beside the repository (../shared/data)")
    return folder
