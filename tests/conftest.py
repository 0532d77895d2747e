"""One small real bundle for the whole session, made by the real training and conversion."""

import sys
from pathlib import Path

import pytest
from toys import CONFIG, Toy, write_recordings

# The C core on a test's own clock (core_bench.py) is for the control loop's tests too.
sys.path.append(str(Path(__file__).parent / "firmware"))


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    write_recordings(folder / "data")
    (folder / "toy.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="session")
def toy(toy_data: Path) -> Toy:
    pytest.importorskip("tensorflow")
    from neurograsp.convert.convert_run import convert_run
    from neurograsp.edge_runtime.contract.config import parse_config
    from neurograsp.train.config import TrainConfig
    from neurograsp.train.datasets import open_recordings
    from neurograsp.train.run import train_run

    made = Toy(toy_data / "toy.toml", toy_data / "data", toy_data / "run", toy_data / "toy.bundle")
    config = parse_config(TrainConfig, CONFIG, "toy.toml")
    recordings = open_recordings(made.data, config.data.subjects, config.data.sessions)
    train_run(config, recordings, made.run, CONFIG)
    convert_run(made.run, made.bundle)
    return made
