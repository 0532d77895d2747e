"""Some channels alone: from the configuration to the board."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from toys import CHANNELS, CONFIG, toy_signal

from neurograsp.convert.convert_run import convert_run
from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.sources.brainflow_board import PlaybackSource
from neurograsp.train.channels import chosen, fitted
from neurograsp.train.config import DataConfig, TrainConfig
from neurograsp.train.datasets import Recording, open_recordings
from neurograsp.train.datasets.frames import read_frames
from neurograsp.train.evaluate import hear
from neurograsp.train.run import train_run
from neurograsp.train.windows import cut


@pytest.fixture(scope="module")
def recording(toy_data: Path) -> Recording:
    (one,) = open_recordings(toy_data / "data", None, 3)
    return one


def test_channels_are_taken_in_the_order_asked_for_or_left_out(recording: Recording) -> None:
    taken = chosen(recording, DataConfig("data", channels=("e7", "E2")))
    assert taken.channels == ("E7", "E2")
    assert np.array_equal(taken.counts, recording.counts[:, [6, 1]])
    left = chosen(recording, DataConfig("data", without=("e16", "E1")))
    assert left.channels == CHANNELS[1:15]
    assert np.array_equal(left.counts, recording.counts[:, 1:15])
    assert chosen(recording, DataConfig("data")) is recording


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"channels": ("E17",)}, r"^data.channels: .*S001R03.npz: no channel 'E17'; did you mean 'E"),
        ({"without": ("E1", "X")}, r"^data.without: .*: no channel 'X'; known are E1, E10"),
        ({"without": CHANNELS}, "no channel is left"),
        ({"channels": ()}, "no channel is left"),
    ],
)
def test_names_that_are_not_there_are_refused(
    data: dict[str, tuple[str, ...]], text: str, recording: Recording
) -> None:
    with pytest.raises(ConfigError, match=text):
        chosen(recording, DataConfig("data", **data))  # type: ignore[arg-type]


def test_either_those_to_take_or_those_to_leave() -> None:
    overrides = ["data.channels=['E1']", "data.without=['E2']"]
    with pytest.raises(ConfigError, match="channels and without are both given"):
        parse_config(TrainConfig, CONFIG, "toy.toml", overrides=overrides)


@pytest.mark.long
def test_from_training_to_playback(toy_data: Path, tmp_path: Path, recording: Recording) -> None:
    """The bundle finds its channels in a recording of all, wherever they are, and the board does the same."""
    pytest.importorskip("brainflow")
    wanted = ("E9", "E2", "E16")
    config = parse_config(
        TrainConfig, CONFIG, "toy.toml", overrides=[f"data.channels={list(wanted)}", "fit.epochs=1"]
    )
    recordings = open_recordings(toy_data / "data", None, [1, 2])
    train_run(config, recordings, tmp_path / "run", CONFIG)
    convert_run(tmp_path / "run", tmp_path / "bundle")
    bundle = open_bundle(tmp_path / "bundle")
    spec = bundle.manifest.signal
    assert spec.channels == wanted

    alone = chosen(recording, config.data)
    heard = hear(recording, spec)
    assert np.array_equal(heard.windows, hear(alone, spec).windows)
    assert np.array_equal(cut(recording, spec).x[:], cut(alone, spec).x[:])
    turned = replace(
        recording,
        counts=np.ascontiguousarray(recording.counts[:, ::-1]),
        channels=recording.channels[::-1],
    )
    assert np.array_equal(hear(turned, spec).windows, heard.windows)

    frames = read_frames(toy_data / "data" / "S001R03.npz")
    assert frames.channels == CHANNELS
    played: list[npt.NDArray[np.int8]] = []

    def keep(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        played.append(window)
        return np.zeros(2)

    pipeline = Pipeline(spec, bundle.manifest.decision, keep)
    source = PlaybackSource(frames, spec, speed=50.0)
    try:
        source.start()
        end = time.monotonic() + 20
        while not source.finished():
            assert time.monotonic() < end, "the recording does not end"
            block = source.read()
            pipeline.push(block.counts, block.frame_index)
    finally:
        source.stop()
    assert np.array_equal(np.stack(played), heard.windows)


def test_a_recording_that_does_not_fit_is_refused(recording: Recording) -> None:
    spec = replace(toy_signal(), channels=("E1", "E7"), lsb_uv=recording.lsb_uv)
    assert fitted(recording, spec).channels == ("E1", "E7")
    with pytest.raises(RecordingError, match=r"no channel 'Cz'.*; record the electrodes"):
        fitted(recording, replace(spec, channels=("E1", "Cz")))
    with pytest.raises(RecordingError, match="250 Hz, expected 125 Hz"):
        fitted(recording, replace(spec, rate_hz=125.0))
    with pytest.raises(RecordingError, match="microvolt a count, expected 0.5"):
        fitted(recording, replace(spec, lsb_uv=0.5))
