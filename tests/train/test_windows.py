"""Which windows become examples of which action, on signals without a filter."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import chain_signal, eeg_like, toy_signal

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.pipeline import WindowCutter
from neurograsp.train.config import ActionsConfig, LabelsConfig
from neurograsp.train.datasets import Labels, Recording
from neurograsp.train.windows import cut, training_set

RATE_HZ = 250.0


def recording(start: list[int], stop: list[int], code: list[int], n_frames: int = 1000) -> Recording:
    return Recording(
        counts=np.zeros((n_frames, 2), np.int32),
        rate_hz=RATE_HZ,
        channels=("C0", "C1"),
        lsb_uv=1.0,
        pieces=np.array([[0, n_frames]]),
        frame_index=np.arange(n_frames),
        labels=Labels(("rest", "fist"), *(np.array(values, np.int64) for values in (start, stop, code))),
        subject="1",
        session="1",
        source="here",
    )


def actions(output: Any = "softmax") -> ActionsConfig:
    return ActionsConfig(("rest", "fist"), ("REST", "FIST"), output, "rest")


@pytest.mark.parametrize("skipped", [0, 10, 50, 200])
def test_no_window_reaches_into_what_is_skipped(skipped: int, tmp_path: Path) -> None:
    """Also where the skip is shorter than the window."""
    two_states = recording([0, 500], [500, 1000], [0, 1])
    labels = LabelsConfig("states", train_hop=5, skip_s=skipped / RATE_HZ)
    examples = training_set(
        [two_states], {"1": toy_signal(window=50)}, labels, actions(), tmp_path / "frames.npy"
    )
    first_rows = range(skipped, 500 - 50 + 1, 5)
    assert examples.y.sum(axis=0).tolist() == [len(first_rows)] * 2


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("tolerance", [0, 2])
def test_windows_that_end_with_an_event_are_its_examples(output: Any, tolerance: int, tmp_path: Path) -> None:
    stops, codes = [200, 203, 400], [1, 0, 1]
    events = recording([100, 103, 300], stops, codes)
    labels = LabelsConfig("events", tolerance=tolerance)
    examples = training_set(
        [events],
        {"1": toy_signal(window=10, output=output)},
        labels,
        actions(output),
        tmp_path / "frames.npy",
    )
    wanted = []
    for end in range(10, 1001):
        near = [(abs(end - stop), code) for stop, code in zip(stops, codes) if abs(end - stop) <= tolerance]
        if output == "softmax":
            near = [one for one in near if one[0] == min(near)[0]][:1]
        if near:
            wanted.append([float(action in {code for _, code in near}) for action in (0, 1)])
    assert examples.y.tolist() == wanted


def test_training_cuts_what_the_board_cuts() -> None:
    """The windows of the runtime's own cutter, piece by piece."""
    spec = chain_signal("notch, band-pass, decimate", window=20, hop=7)
    counts = eeg_like(900, 2, 0)
    pieces = [(0, 300), (300, 310), (310, 900)]
    frame_index = np.arange(900) + np.repeat([0, 50, 400], [300, 10, 590])
    whole = replace(
        recording([0], [900], [0]), counts=counts, frame_index=frame_index, pieces=np.array(pieces)
    )
    windows = cut(whole, spec)
    cutter, wanted, ends = WindowCutter(spec), [], []
    for start, stop in pieces:
        cutter.reset()
        for taken, window in cutter.push(counts[start:stop]):
            wanted.append(window)
            ends.append(start + taken - 1)
    assert np.array_equal(windows.x[:], np.stack(wanted))
    assert windows.end.tolist() == ends
    assert (windows.end - windows.first == 20 * 2 - 1).all()


def test_frames_are_stored_once_and_mapped(tmp_path: Path) -> None:
    parts = [replace(recording([0, 500], [500, 1000], [0, 1]), session=str(i)) for i in range(3)]
    store = tmp_path / "frames.npy"
    signal = {"1": toy_signal(window=50)}
    examples = training_set(parts, signal, LabelsConfig("states", train_hop=1), actions(), store)
    assert np.load(store).shape == (3000, 2)
    assert isinstance(examples.x.frames, np.memmap)
    for number, part in enumerate(parts):
        own = examples.x.select((examples.x.last >= 1000 * number) & (examples.x.last < 1000 * (number + 1)))
        alone = training_set([part], signal, LabelsConfig("states"), actions(), tmp_path / "one.npy")
        assert np.array_equal(own[:], alone.x[:])


def test_a_full_disk_is_an_error_and_no_crash() -> None:
    with pytest.raises(ConfigError, match="/dev/full: cannot be written: No space left"):
        training_set(
            [recording([0, 500], [500, 1000], [0, 1])],
            {"1": toy_signal(window=50)},
            LabelsConfig("states"),
            actions(),
            Path("/dev/full"),
        )
