import sys
from dataclasses import replace

import numpy as np
import pytest
from toys import toy_signal

from neurograsp.edge_runtime.cli.demo import SAMPLES
from neurograsp.edge_runtime.cli.sources import open_whole
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.edge_runtime.sources.file_player import FilePlayer

INDEX = np.r_[0:300, 1000:1200].astype(np.int64)
FRAMES = DeltaFrames(
    np.arange(1000, dtype=np.int32).reshape(500, 2), INDEX, 250.0, ("C0", "C1"), 1.0, "a.bdf"
)


class Clock:
    now_s = 5.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_every_frame_once_at_its_time(speed: float) -> None:
    clock = Clock()
    source = FilePlayer(FRAMES, toy_signal(), speed, clock)
    assert len(source.read().counts) == 0
    source.start()
    blocks = [source.read()]
    for tick in range(1, 300):
        assert not source.finished()
        clock.now_s = 5.0 + tick * 0.01 / speed + 1e-6
        blocks.append(source.read())
        assert sum(len(block.counts) for block in blocks) == min(500, int(tick * 2.5))
        if source.finished():
            break
    source.stop()
    assert np.array_equal(np.concatenate([block.counts for block in blocks]), FRAMES.counts)
    assert np.array_equal(np.concatenate([block.frame_index for block in blocks]), INDEX)


def test_it_takes_the_channels_of_the_bundle_and_must_fit_it() -> None:
    clock = Clock()
    source = FilePlayer(FRAMES, replace(toy_signal(n_channels=1), channels=("c1",)), 1.0, clock)
    source.start()
    clock.now_s += 100
    assert np.array_equal(source.read().counts, FRAMES.counts[:, 1:])
    with pytest.raises(ConfigError, match="500 Hz"):
        FilePlayer(FRAMES, toy_signal(rate_hz=500.0))


def test_without_brainflow_recordings_are_still_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brainflow", None)
    layout, source = open_whole(f"playback:{SAMPLES / 'way-eeg-gal' / 'subj1_series7.npz'}")
    assert layout.rate_hz == 500.0
    assert "without BrainFlow" in source.description
