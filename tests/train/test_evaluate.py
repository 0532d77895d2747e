"""The figures of a recording whose scores are written by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from toys import RATE_HZ, toy_signal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.train.config import ActionsConfig, LabelsConfig
from neurograsp.train.datasets import Labels, Recording
from neurograsp.train.evaluate import (
    MEASURES,
    Heard,
    Replay,
    by_measure,
    confusion,
    measure,
    measure_subjects,
    replay,
)

SPEC = toy_signal(window=250, hop=250)
ACTIONS = ActionsConfig(("rest", "fist"), ("REST", "FIST"), "softmax", "rest")
DECISION = DecisionSpec((0.5, 0.5), (0.5, 0.5))
FIST_LOGIT = np.array([-4.0, 3, -3, -2, 2, 4, -1, 1, 5, -5])
"""One score a second, the first at the end of the first second; above 0 the fist is active.

The label is rest for 4 s, fist for 3 s, rest for 3 s, and a score belongs to its newest frame: the fist
is scored 2, 4 and -1 (seconds 5 to 7), rest the seven others.
"""


def recording(subject: str = "1") -> Recording:
    start = np.array([0, 4, 7]) * 250
    return Recording(
        counts=np.zeros((2500, 2), np.int32),
        rate_hz=RATE_HZ,
        channels=SPEC.channels,
        lsb_uv=1.0,
        pieces=np.array([[0, 2500]]),
        frame_index=np.arange(2500),
        labels=Labels(("rest", "fist"), start, np.array([*start[1:], 2500]), np.array([0, 1, 0])),
        subject=subject,
        session="1",
        source="here",
    )


def scored(fist: npt.NDArray[np.float64] = FIST_LOGIT, kind: Any = "states", skip_s: float = 0.0) -> Replay:
    heard = Heard(np.zeros((10, 250, 2), np.int8), 250 * np.arange(1, 11) - 1)
    logits = np.stack([np.zeros(10), fist], axis=1)
    return replay(recording(), heard, SPEC, ACTIONS, LabelsConfig(kind), lambda windows: logits, skip_s)


def test_states() -> None:
    figures = measure([scored()], SPEC, DECISION)
    assert tuple(figures) == MEASURES
    # Of 3 x 7 pairs the fist's 2 loses to 3 and 5, its 4 to 5, its -1 to 3, 1 and 5.
    assert figures["auc_macro"] == pytest.approx(15 / 21)
    assert figures["accuracy"] == pytest.approx((2 + 4) / 10)
    assert figures["balanced_accuracy"] == pytest.approx((2 / 3 + 4 / 7) / 2)
    assert (figures["n_scored"], figures["n_events"], figures["event_tpr"]) == (10, 1, 1.0)
    # Started at seconds 2 and 8 in 7 s of rest; the start at second 5 is the event's.
    assert figures["false_activations_per_min"] == pytest.approx(2 / (7 / 60))
    # The event begins with frame 1000; the score that found it has 1249 as its newest.
    assert figures["detection_latency_ms_p50"] == pytest.approx(1000 * 249 / RATE_HZ)
    assert confusion([scored()], 2) == [[4, 3], [1, 2]]


def test_windows_soon_after_a_change_can_be_left_out() -> None:
    """Labels change at seconds 0, 4 and 7; the scores at seconds 1, 5 and 8 end a second later."""
    assert scored(skip_s=0.99).picked.tolist() == list(range(10))
    assert scored(skip_s=1.0).picked.tolist() == [1, 2, 3, 5, 6, 8, 9]
    assert scored(kind="events", skip_s=5.0).picked.tolist() == [3, 6, 9]


def test_events() -> None:
    """Each stretch is scored once, at its end: seconds 4, 7 and 10."""
    one = scored(kind="events")
    assert one.picked.tolist() == [3, 6, 9]
    assert one.truth.tolist() == [[1, 0], [0, 1], [1, 0]]
    assert measure([one], SPEC, DECISION)["auc_macro"] == 1.0


def test_what_does_not_apply_is_none() -> None:
    nothing = replace(
        scored(),
        picked=np.zeros(0, np.int64),
        truth=np.zeros((0, 2), np.uint8),
        active=np.zeros((10, 2), bool),
    )
    figures = measure([nothing], SPEC, DECISION)
    assert figures["n_scored"] == 0
    assert figures["auc_macro"] is figures["auc_frame"] is figures["accuracy"] is None
    assert figures["balanced_accuracy"] is None
    table = by_measure({"int8": figures})
    assert table["n_scored"] == {"float": None, "int8": 0, "linear": None}


def test_sessions_of_a_subject_go_together() -> None:
    recordings = [recording("1"), recording("2"), recording("1")]
    replays = [scored(), scored(-FIST_LOGIT), scored()]
    subjects = measure_subjects(recordings, replays, SPEC, DECISION)
    assert list(subjects) == ["1", "2"]
    assert subjects["1"]["n_scored"] == 20
    assert subjects["1"]["auc_macro"] == pytest.approx(15 / 21)
    assert subjects["2"]["auc_macro"] == pytest.approx(6 / 21)
