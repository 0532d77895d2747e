"""The truth at a row, against a loop over every row and every label."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import RATE_HZ, toy_signal

from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.train.config import ActionsConfig, LabelsConfig
from neurograsp.train.datasets import Labels, Recording
from neurograsp.train.evaluate import Heard, replay
from neurograsp.train.targets import action_codes, soft_targets, training_targets, truth_at

NAMES = ("rest", "reach", "grip", "other")
N_FRAMES = 60


def recording(stretches: list[tuple[int, int, int]]) -> Recording:
    start, stop, code = np.array(stretches, np.int64).reshape(-1, 3).T
    return Recording(
        counts=np.zeros((N_FRAMES, 2), np.int32),
        rate_hz=RATE_HZ,
        channels=("C0", "C1"),
        lsb_uv=1.0,
        pieces=np.array([[0, N_FRAMES]]),
        frame_index=np.arange(N_FRAMES),
        labels=Labels(NAMES, start.copy(), stop.copy(), code.copy()),
        subject="1",
        session="1",
        source="here",
    )


def action_set(output: Any, rest: str | None) -> tuple[ActionSet, ActionsConfig]:
    """Three actions; the label "other" is none of them."""
    names, commands = NAMES[:3], ("REST", "REACH", "GRIP")
    return ActionSet(names, commands, output, rest), ActionsConfig(names, commands, output, rest)


STRETCHES = st.lists(
    st.tuples(st.integers(0, N_FRAMES - 1), st.integers(1, 30), st.integers(0, 3)).map(
        lambda one: (one[0], min(one[0] + one[1], N_FRAMES), one[2])
    ),
    min_size=1,
    max_size=6,
).filter(lambda stretches: any(code < 3 for _, _, code in stretches))


@given(STRETCHES, st.sampled_from(["sigmoid", "softmax"]), st.sampled_from(["unknown", "none"]))
def test_the_truth_is_what_the_labels_say(
    stretches: list[tuple[int, int, int]], output: Any, unlabelled: Any
) -> None:
    actions, config = action_set(output, "rest")
    made = recording(stretches)
    rows = np.arange(0, N_FRAMES, 2)
    truth = truth_at(made, action_codes(made, config), rows, actions, unlabelled)
    in_time = sorted((one for one in stretches if one[2] < 3), key=lambda one: one[0])
    for row, active, known, since in zip(rows, truth.active, truth.known, truth.since):
        codes = [code for start, stop, code in in_time if start <= row < stop]
        wanted = codes[-1:] if output == "softmax" else codes
        if unlabelled == "none" and not codes:
            wanted = [0]
        assert np.flatnonzero(active).tolist() == sorted(set(wanted))
        assert known == bool(wanted)
        edges = [edge for one in in_time for edge in one[:2] if edge <= row]
        assert since == max(edges, default=0)
    changes = np.flatnonzero(np.diff(truth.since))
    assert np.array_equal(np.flatnonzero(np.diff(truth.block)), changes)


def test_time_without_a_label_can_be_rest() -> None:
    """Events on a continuous recording: what is false is judged in all the time between them."""
    made = recording([(10, 20, 1), (15, 30, 2)])
    spec = replace(toy_signal(window=10, hop=10), actions=action_set("sigmoid", None)[0])
    heard = Heard(np.zeros((6, 10, 2), np.int8), np.arange(9, 60, 10))
    config = action_set("sigmoid", None)[1]
    logits = np.zeros((6, 3))
    scored = [
        replay(made, heard, spec, config, LabelsConfig("states", unlabelled=what), lambda windows: logits)
        for what in ("unknown", "none")
    ]
    assert [one.truth.tolist() for one in scored] == [
        [[0, 1, 1], [0, 0, 1]],
        [[0, 0, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]],
    ]
    assert scored[0].stream.rest_s == 0
    assert scored[1].stream.rest_start_s.tolist() == [0, 30 / RATE_HZ]
    assert scored[1].stream.rest_stop_s.tolist() == [10 / RATE_HZ, 60 / RATE_HZ]


def test_a_gap_ends_a_stretch_of_rest() -> None:
    made = recording([(10, 20, 1)])
    jump = np.arange(N_FRAMES) + 1000 * (np.arange(N_FRAMES) >= 40)
    made = replace(made, frame_index=jump, pieces=np.array([[0, 40], [40, N_FRAMES]]))
    spec = replace(toy_signal(window=10, hop=10), actions=action_set("sigmoid", None)[0])
    heard = Heard(np.zeros((1, 10, 2), np.int8), np.array([9]))
    labels = LabelsConfig("states", unlabelled="none")
    one = replay(made, heard, spec, action_set("sigmoid", None)[1], labels, lambda windows: np.zeros((1, 3)))
    assert (one.stream.rest_start_s * RATE_HZ).tolist() == pytest.approx([0, 20, 1040])
    assert (one.stream.rest_stop_s * RATE_HZ).tolist() == pytest.approx([10, 40, 1060])


def test_targets_cross_a_border_in_a_straight_line() -> None:
    """Rest, reach from row 20, then nothing known from row 40; 4 rows before and after a border."""
    made = recording([(0, 20, 0), (20, 40, 1)])
    actions, config = action_set("softmax", "rest")
    spec = replace(toy_signal(window=1, hop=1), actions=actions)
    rows = np.arange(N_FRAMES)
    codes = action_codes(made, config)
    y, known = training_targets(made, codes, rows, spec, LabelsConfig("states", border_s=4 / RATE_HZ))
    hard, _ = training_targets(made, codes, rows, spec, LabelsConfig("states"))
    assert known.tolist() == [row < 40 for row in rows]
    ramp = np.arange(1, 9) / 9
    assert y[16:24, 1] == pytest.approx(ramp)
    assert y[16:24, 0] == pytest.approx(1 - ramp)
    for plain in (slice(0, 16), slice(24, 40)):
        assert np.array_equal(y[plain], hard[plain])


def test_windows_across_a_border_are_examples_where_it_is_soft() -> None:
    made = recording([(0, 20, 0), (20, 60, 1)])
    actions, config = action_set("softmax", "rest")
    spec = replace(toy_signal(window=10), actions=actions)
    end, codes = np.arange(9, N_FRAMES), action_codes(made, config)
    _, hard = training_targets(made, codes, end, spec, LabelsConfig("states"))
    _, soft = training_targets(made, codes, end, spec, LabelsConfig("states", border_s=4 / RATE_HZ))
    assert end[~hard].tolist() == list(range(20, 29))
    assert soft.all()


def test_targets_do_not_cross_a_gap() -> None:
    made = recording([(0, 20, 0), (20, 60, 1)])
    made = replace(made, pieces=np.array([[0, 20], [20, N_FRAMES]]))
    actions, config = action_set("softmax", "rest")
    rows = np.arange(N_FRAMES)
    truth = truth_at(made, action_codes(made, config), rows, actions, "unknown")
    soft = soft_targets(truth, made.pieces, rows, 4)
    assert np.array_equal(soft, truth.active)
    whole = soft_targets(truth, np.array([[0, N_FRAMES]]), rows, 4)
    assert (whole[16:24].max(axis=1) < 1).all()


@given(STRETCHES, st.sampled_from(["unknown", "none"]), st.integers(1, 20))
def test_shares_are_those_of_the_rows_around(
    stretches: list[tuple[int, int, int]], unlabelled: Any, reach: int
) -> None:
    actions, config = action_set("softmax", "rest")
    made = recording(stretches)
    rows = np.arange(N_FRAMES)
    truth = truth_at(made, action_codes(made, config), rows, actions, unlabelled)
    soft = soft_targets(truth, made.pieces, rows, reach)
    for row in rows[truth.known]:
        around = slice(max(0, row - reach), row + reach + 1)
        assert soft[row] == pytest.approx(truth.active[around][truth.known[around]].mean(axis=0))
    assert soft[truth.known].sum(axis=1) == pytest.approx(1)


def test_borders_are_for_states() -> None:
    with pytest.raises(ValueError, match="border_s is for states"):
        LabelsConfig("events", border_s=0.1)
    with pytest.raises(ValueError, match="border_s must be zero or greater"):
        LabelsConfig("states", border_s=float("nan"))
    with pytest.raises(ValueError, match="border_s and skip_s are both given"):
        LabelsConfig("states", border_s=0.1, skip_s=0.1)
