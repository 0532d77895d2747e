"""What holds of the decision layer whatever scores, gaps and settings come, and its table of transitions."""

from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec, Proportional
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.decide import (
    REFRESH_S,
    TRANSITIONS,
    DecisionEvent,
    DecisionMachine,
    DecisionState,
    Verdict,
)

REST, REACH, GRIP = range(3)
WITH_REST = ActionSet(("rest", "reach", "grip"), ("REST", "REACH", "GRIP"), "softmax", "rest")
WITHOUT_REST = ActionSet(("lift", "reach", "grip"), ("LIFT", "REACH", "GRIP"), "sigmoid", None)
GAP = None
Score = tuple[float, float, float] | None
"""Probabilities of one hop, or a gap."""


@dataclass(frozen=True)
class Step:
    """Attributes:
    time_s, before, after: of the machine.
    smoothed: (3,) mean of the last scores since the last gap; None while there are too few.
    verdict: None for a gap.
    """

    time_s: float
    before: DecisionState
    after: DecisionState
    smoothed: list[float] | None
    verdict: Verdict | None


def play(spec: DecisionSpec, actions: ActionSet, scores: list[Score], hop_s: float = 0.1) -> list[Step]:
    machine, steps = DecisionMachine(spec, actions), []
    recent: list[tuple[float, ...]] = []
    for number, score in enumerate(scores):
        before, time_s = machine.state, number * hop_s
        if score is None:
            machine.reset()
            recent.clear()
            steps.append(Step(time_s, before, machine.state, None, None))
            continue
        recent.append(score)
        verdict = machine.step(time_s, np.array(score))
        full = len(recent) >= spec.smooth
        smoothed = [sum(one) / spec.smooth for one in zip(*recent[-spec.smooth :])] if full else None
        steps.append(Step(time_s, before, machine.state, smoothed, verdict))
    return steps


probability = st.sampled_from([0.0, 0.2, 0.39, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0, float("nan")])
scores_of_a_run = st.lists(st.one_of(st.just(GAP), *[st.tuples(*[probability] * 3)] * 8), max_size=60)
proportions = st.builds(
    lambda of, percent, full: Proportional(of, min(percent), max(percent), full),
    st.sampled_from(["speed", "force"]),
    st.tuples(st.integers(1, 100), st.integers(1, 100)),
    st.sampled_from([0.3, 0.4, 0.7, 1.0]),
)
specs = st.builds(
    DecisionSpec,
    on=st.just((0.6, 0.6, 0.75)),
    off=st.just((0.4, 0.4, 0.5)),
    smooth=st.integers(1, 3),
    dwell=st.integers(1, 4),
    refractory_s=st.sampled_from([0.0, 0.25, 1.0]),
    after=st.sampled_from([None, {"grip": ("reach",)}, {"reach": ("", "grip"), "grip": ("reach",)}]),
    proportional=st.one_of(st.none(), proportions),
)


@settings(max_examples=300, deadline=None)
@given(spec=specs, actions=st.sampled_from([WITH_REST, WITHOUT_REST]), scores=scores_of_a_run)
def test_every_start_was_allowed(spec: DecisionSpec, actions: ActionSet, scores: list[Score]) -> None:
    """Dwell, refractory time and order, each worked out anew from the scores."""
    steps = play(spec, actions, scores)
    starts = [number for number, step in enumerate(steps) if step.verdict and step.verdict.started]
    previous, started_at = "", -np.inf
    for number in starts:
        verdict = steps[number].verdict
        assert verdict is not None
        action = verdict.action
        assert action is not None
        assert action != actions.rest_index
        dwelt = steps[max(0, number - spec.dwell + 1) : number + 1]
        assert len(dwelt) == spec.dwell
        for step in dwelt:
            assert step.smoothed is not None
            assert step.smoothed[action] >= spec.on[action]
        assert steps[number].time_s - started_at >= spec.refractory_s
        allowed = (spec.after or {}).get(actions.names[action])
        assert allowed is None or previous in allowed
        previous, started_at = actions.names[action], steps[number].time_s


@settings(max_examples=300, deadline=None)
@given(spec=specs, actions=st.sampled_from([WITH_REST, WITHOUT_REST]), scores=scores_of_a_run)
def test_an_action_is_active_from_a_start_while_it_is_probable(
    spec: DecisionSpec, actions: ActionSet, scores: list[Score]
) -> None:
    active = None
    for step in play(spec, actions, scores):
        if step.verdict is None:
            active = None
            continue
        verdict = step.verdict
        assert (verdict.action is not None) == (step.after is DecisionState.ACTIVE)
        if verdict.started:
            active = verdict.action
        elif active is not None:
            assert step.smoothed is not None
            if step.smoothed[active] >= spec.off[active]:
                assert verdict.action == active
            else:
                assert (verdict.action, verdict.command) == (None, actions.rest_index)
                active = None
                continue
        assert verdict.action == active
        assert verdict.command in (None, active)


@settings(max_examples=300, deadline=None)
@given(spec=specs, actions=st.sampled_from([WITH_REST, WITHOUT_REST]), scores=scores_of_a_run)
def test_commands_keep_to_the_configured_percent(
    spec: DecisionSpec, actions: ActionSet, scores: list[Score]
) -> None:
    rule = spec.proportional
    for step in play(spec, actions, scores):
        if step.verdict is None or step.verdict.command is None:
            continue
        speed, force = step.verdict.speed, step.verdict.force
        if rule is None:
            assert (speed, force) == (100, 100)
            continue
        ruled, other = (speed, force) if rule.of == "speed" else (force, speed)
        assert rule.least <= ruled <= rule.most
        assert other == 100


@given(
    rule=proportions,
    low=st.floats(allow_nan=True, allow_infinity=True),
    high=st.floats(allow_nan=False),
    off=st.floats(0.01, 1),
)
@example(Proportional("speed", 1, 100, 1.0), 0.0, 1.0, 1.0)
def test_more_probable_is_never_slower(rule: Proportional, low: float, high: float, off: float) -> None:
    """Nor does what is no number, or no probability, ever leave the bounds."""
    low_percent, high_percent = rule.percent(low, off), rule.percent(high, off)
    assert rule.least <= low_percent <= rule.most
    if np.isnan(low):
        assert low_percent == rule.least
    if low <= high:
        assert low_percent <= high_percent
    assert rule.percent(rule.full, off) == rule.most


def test_the_line_between_least_and_most() -> None:
    rule = Proportional("force", least=20, most=60, full=0.9)
    assert [rule.percent(p, off=0.5) for p in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)] == [20, 30, 40, 50, 60, 60]


def test_the_hand_is_told_the_newest_percent() -> None:
    """At the start, at every repetition, and `most` where the action has ended."""
    spec = DecisionSpec((0.6,) * 3, (0.4,) * 3, proportional=Proportional("speed", 10, 70))
    hops = round(REFRESH_S / 0.1 + 0.5)
    scores: list[Score] = [(0.0, 0.6, 0.0), *[(0.0, 1.0, 0.0)] * hops, *[(0.0, 0.4, 0.0)] * hops, (1, 0, 0)]
    sent = [step.verdict for step in play(spec, WITH_REST, scores) if step.verdict]
    told = [(one.command, one.speed, one.force) for one in sent if one.command is not None]
    assert told == [(REACH, 30, 100), (REACH, 70, 100), (REACH, 10, 100), (REST, 70, 100)]


@pytest.mark.parametrize(
    "change",
    [{"least": 0}, {"least": 71}, {"most": 101}, {"full": 0.0}, {"full": 1.01}, {"full": float("nan")}],
)
def test_proportions_that_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"decision\.proportional"):
        replace(Proportional("speed", 30, 70), **change)  # type: ignore[arg-type]


def reached() -> set[tuple[DecisionState, DecisionState]]:
    """Every change of state in all sequences of five hops, over settings that tell the rules apart."""
    spec = DecisionSpec((0.6,) * 3, (0.4,) * 3)
    settings_ = (
        spec,
        replace(spec, smooth=2),
        replace(spec, dwell=2),
        replace(spec, after={"grip": ("reach",)}, refractory_s=0.15),
    )
    alphabet: list[Score] = [GAP, (1.0, 0.0, 0.0), (0.0, 0.7, 0.0), (0.0, 0.0, 0.7), (np.nan,) * 3]
    return {
        (step.before, step.after)
        for one in settings_
        for scores in product(alphabet, repeat=5)
        for step in play(one, WITH_REST, list(scores))
    }


def test_the_table_is_what_the_machine_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hop needs an entry that is not there, and every entry is needed by one."""
    used: set[tuple[DecisionState, DecisionEvent]] = set()

    class Watched(dict[tuple[DecisionState, DecisionEvent], DecisionState]):
        def __getitem__(self, key: tuple[DecisionState, DecisionEvent]) -> DecisionState:
            used.add(key)
            return super().__getitem__(key)

    monkeypatch.setattr("neurograsp.edge_runtime.decide.TRANSITIONS", Watched(TRANSITIONS))
    changes = reached()
    assert used == set(TRANSITIONS)
    assert changes == {(before, after) for (before, _), after in TRANSITIONS.items()}


def test_only_a_start_makes_an_action_active() -> None:
    entries = {event for (_, event), after in TRANSITIONS.items() if after is DecisionState.ACTIVE}
    assert entries == {DecisionEvent.START, DecisionEvent.LAST}
    lasting = [before for (before, event), _ in TRANSITIONS.items() if event is DecisionEvent.LAST]
    assert lasting == [DecisionState.ACTIVE]


def test_times_between_commands() -> None:
    """A lasting action is repeated, and not at every hop."""
    spec = DecisionSpec((0.6,) * 3, (0.4,) * 3)
    steps = play(spec, WITH_REST, [(0.0, 0.9, 0.0)] * 50, hop_s=0.02)
    sent = [step.time_s for step in steps if step.verdict and step.verdict.command is not None]
    assert all(REFRESH_S <= later - earlier < REFRESH_S + 0.021 for earlier, later in pairwise(sent))
