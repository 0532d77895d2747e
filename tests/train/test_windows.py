"""Which windows become examples of which action, on signals without a filter."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toys import toy_signal

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.config import ActionsConfig, LabelsConfig
from neurograsp.train.datasets import Labels, Recording
from neurograsp.train.windows import check_fits, training_set

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
def test_no_window_reaches_into_what_is_skipped(skipped: int) -> None:
    """Also where the skip is shorter than the window."""
    two_states = recording([0, 500], [500, 1000], [0, 1])
    labels = LabelsConfig("states", train_hop=5, skip_s=skipped / RATE_HZ)
    examples = training_set([two_states], toy_signal(window=50), labels, actions())
    first_rows = range(skipped, 500 - 50 + 1, 5)
    assert examples.y.sum(axis=0).tolist() == [len(first_rows)] * 2


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("tolerance", [0, 2])
def test_windows_that_end_with_an_event_are_its_examples(output: Any, tolerance: int) -> None:
    stops, codes = [200, 203, 400], [1, 0, 1]
    events = recording([100, 103, 300], stops, codes)
    labels = LabelsConfig("events", tolerance=tolerance)
    examples = training_set([events], toy_signal(window=10, output=output), labels, actions(output))
    wanted = []
    for end in range(10, 1001):
        near = [(abs(end - stop), code) for stop, code in zip(stops, codes) if abs(end - stop) <= tolerance]
        if output == "softmax":
            near = [one for one in near if one[0] == min(near)[0]][:1]
        if near:
            wanted.append([float(action in {code for _, code in near}) for action in (0, 1)])
    assert examples.y.tolist() == wanted


def test_channels_in_another_order_are_named() -> None:
    swapped = replace(recording([0], [9], [0]), channels=("C1", "C0"))
    with pytest.raises(RecordingError, match="number 1 is 'C1', expected 'C0'; record the same electrodes"):
        check_fits(swapped, toy_signal())
