"""Each rule of the decision layer, on probabilities made by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.decide import REFRESH_S, DecisionMachine, Verdict

ACTIONS = ActionSet(("rest", "reach", "grip"), ("REST", "REACH", "GRIP"), "softmax", "rest")
REST, REACH, GRIP = range(3)
HOP_S = 0.1


def machine(actions: ActionSet = ACTIONS, **options: Any) -> DecisionMachine:
    return DecisionMachine(DecisionSpec((0.6,) * 3, (0.4,) * 3, **options), actions)


def reach(p: float) -> tuple[float, float, float]:
    return (1 - p, p, 0.0)


def grip(p: float) -> tuple[float, float, float]:
    return (1 - p, 0.0, p)


def play(one: DecisionMachine, scores: Sequence[tuple[float, ...]], start_s: float = 0.0) -> list[Verdict]:
    return [one.step(start_s + i * HOP_S, np.array(row)) for i, row in enumerate(scores)]


def active(verdicts: Sequence[Verdict]) -> list[int | None]:
    return [verdict.action for verdict in verdicts]


def test_starts_at_the_threshold_exactly_and_says_why() -> None:
    below, at = play(machine(), [reach(0.599), reach(0.6)])
    assert (below.action, below.command, below.started) == (None, None, False)
    assert below.reason == "all below their thresholds"
    assert (at.action, at.command, at.started) == (REACH, REACH, True)
    assert at.reason == "reach: p 0.60 >= 0.60"


def test_hysteresis() -> None:
    verdicts = play(machine(), [reach(0.7), reach(0.5), reach(0.4), reach(0.39), reach(0.5)])
    assert active(verdicts) == [REACH, REACH, REACH, None, None]
    assert verdicts[3].command == REST
    assert verdicts[3].reason == "reach: p 0.39 < 0.40, ended"


def test_without_a_rest_class_the_end_sends_nothing() -> None:
    actions = ActionSet(("a", "b", "c"), ("REACH", "GRIP", "LIFT"), "sigmoid", None)
    started, ended = play(machine(actions), [(0.7, 0, 0), (0, 0, 0)])
    assert (started.action, ended.action, ended.command) == (0, None, None)


def test_rest_never_starts() -> None:
    assert active(play(machine(), [(1.0, 0.0, 0.0)] * 3)) == [None] * 3
    assert active(play(machine(), [(0.9, 0.65, 0.0)])) == [REACH]


def test_the_larger_of_two_starts() -> None:
    assert active(play(machine(), [(0.0, 0.7, 0.8)])) == [GRIP]


def test_smoothing_is_the_mean_of_the_last_scores() -> None:
    verdicts = play(machine(smooth=3), [reach(0.0), reach(0.9), reach(0.9), reach(0.0), reach(0.0)])
    assert active(verdicts) == [None, None, REACH, REACH, None]
    assert verdicts[3].reason == "reach: p 0.60 >= 0.40"


def test_dwell_wants_scores_in_a_row() -> None:
    verdicts = play(machine(dwell=3), [reach(0.7), reach(0.7), reach(0.5), *[reach(0.7)] * 3])
    assert active(verdicts) == [None] * 5 + [REACH]
    assert verdicts[1].reason == "reach: 2 of 3 scores above its threshold"
    assert active(play(machine(dwell=2), [reach(0.7), grip(0.7), reach(0.7), reach(0.7)]))[-2:] == [
        None,
        REACH,
    ]


def test_refractory_holds_others_back_and_then_lets_them() -> None:
    verdicts = play(machine(refractory_s=0.35), [reach(0.7), *[grip(0.7)] * 5])
    assert active(verdicts) == [REACH, None, None, None, GRIP, GRIP]
    assert verdicts[2].reason == "grip: refractory for 0.35 s after reach"


def test_an_action_may_follow_another_directly() -> None:
    verdicts = play(machine(), [reach(0.7), (0.0, 0.61, 0.7)])
    assert active(verdicts) == [REACH, GRIP]
    assert [verdict.started for verdict in verdicts] == [True, True]


def test_order() -> None:
    order = {"reach": ("", "grip"), "grip": ("reach",)}
    one = machine(after=order)
    verdicts = play(one, [grip(0.7), reach(0.7), grip(0.7), reach(0.7), reach(0.0), reach(0.7)])
    assert active(verdicts) == [None, REACH, GRIP, REACH, None, None]
    assert verdicts[0].reason == "grip: may not follow the beginning"
    assert verdicts[5].reason == "reach: may not follow reach"


def test_reset_forgets_scores_but_keeps_the_order() -> None:
    one = machine(smooth=2, dwell=2, after={"grip": ("reach",)})
    assert active(play(one, [reach(0.9)] * 3)) == [None, None, REACH]
    one.reset()
    verdicts = play(one, [grip(0.7)] * 3, start_s=10.0)
    assert active(verdicts) == [None, None, GRIP]
    assert verdicts[0].reason == "1 of 2 scores to smooth"


def test_a_lasting_action_is_repeated_in_time() -> None:
    verdicts = play(machine(), [reach(0.9)] * 12)
    sent = [i * HOP_S for i, verdict in enumerate(verdicts) if verdict.command == REACH]
    assert sent == pytest.approx([0.0, 0.3, 0.6, 0.9])
    assert max(np.diff(sent)) < REFRESH_S + HOP_S
    assert sum(verdict.started for verdict in verdicts) == 1


def test_scores_that_are_no_numbers_start_nothing() -> None:
    """A network that gives NaN must not move a hand, and must let go of a running action."""
    nothing = (np.nan,) * 3
    assert active(play(machine(), [nothing] * 3)) == [None] * 3
    assert active(play(machine(), [reach(0.9), nothing, nothing]))[-1] is None
