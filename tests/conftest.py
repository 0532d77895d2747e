"""One small real bundle for the whole session, made by the real training and conversion."""

import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from toys import CONFIG, Toy, write_recordings

# The C core on a test's own clock (core_bench.py), the world of the control loop, and emulated devices.
sys.path.append(str(Path(__file__).parent / "firmware"))
sys.path.append(str(Path(__file__).parent / "edge_runtime"))
sys.path.append(str(Path(__file__).parent / "firmware_bridge" / "hands"))


# A shell's background job ignores Ctrl-C, and so would the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from core_bench import load_core

    return load_core(tmp_path_factory.mktemp("loop-core"))


@pytest.fixture(scope="session")
def sample_log(core: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """See `session_maker.SampleLog`."""
    from session_maker import record_sample

    return record_sample(core, tmp_path_factory.mktemp("sample") / "session.mcap")


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
