"""What a log says of decisions, movements and stops, against the run that it is of."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from loop_world import World
from toy_run import DECISION, SPEC, Signals, cut_at_arming, toy_session

from neurograsp.edge_runtime.arming import Request
from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.movements import Look, Story, Teller
from neurograsp.edge_runtime.telemetry.messages import (
    Command,
    Counts,
    Decided,
    Event,
    Message,
    Session,
    Tick,
)
from neurograsp.edge_runtime.telemetry.moments import OpenLog, moments
from neurograsp.edge_runtime.why import clock, gates, meant, seconds_of, story_of

ARM, DISARM = Request.ARM, Request.DISARM


def told(messages: list[Message]) -> tuple[Story, list[Look]]:
    teller = Teller(SPEC, DECISION)
    return teller.story, [look for moment in moments(messages, "log") for look in teller.take(moment)]


def faulty(world: World, source: Signals) -> None:
    """A gap at 1.4 s, too many bad electrodes from 1.8 to 2.4 s."""
    world.after(1.4, lambda: setattr(source, "jump", 50))
    world.after(1.8, lambda: setattr(source, "flat", True))
    world.after(2.4, lambda: setattr(source, "flat", False))


def run(core: Any) -> list[Message]:
    world = World(core)
    asked = ((0.3, ARM), (2.6, DISARM), (2.7, ARM))
    fists = ((0.6, 1.1), (1.5, 2.2), (2.5, 3.2))
    messages = toy_session(world, seconds=3.6, fists=fists, asked=asked, faults=faulty)
    world.hand.close()
    return messages


@pytest.fixture(scope="module")
def messages(core: Any) -> list[Message]:
    return run(core)


def test_smoothed_is_what_the_machine_went_by(messages: list[Message]) -> None:
    """Means by a plain loop, which begins anew behind a gap, and behind what was not decided on."""
    _, looks = told(messages)
    recent: list[tuple[float | None, ...]] = []
    frame: int | None = None
    n_compared = 0
    for look in looks:
        decided = look.decided
        if frame is not None and decided.frame != frame + SPEC.hop:
            recent.clear()
        frame = decided.frame
        bad = sum(fault != 0 for fault in decided.channel_faults)
        assert look.doubted == (bad > 0)
        if bad:
            recent.clear()
            assert look.smoothed is None
            continue
        recent.append(decided.probabilities)
        if len(recent) < DECISION.smooth:
            assert look.smoothed is None
            continue
        mean = np.mean(np.array(recent[-DECISION.smooth :], float), axis=0)
        assert look.smoothed == pytest.approx(mean)
        n_compared += 1
    assert n_compared > 100


def test_movements_begin_and_end_as_decided(messages: list[Message]) -> None:
    story, _ = told(messages)
    decided = [one for one in messages if isinstance(one, Decided)]
    assert [one.start.decided for one in story.movements] == [one for one in decided if one.started]
    first, second, third = story.movements
    assert first.ended is not None
    assert "ended" in first.ended
    assert (first.sent, first.withheld) == (2, 0)
    assert second.ended == "2 of 2 electrodes bad (C0, C1 flat)"
    assert 0.4 <= first.end_s - first.start_s <= 0.6
    assert (third.sent, third.withheld) == (1, 2), "under way when the hand was armed again"


def test_commands_belong_to_the_movement_whose_decision_asked_for_them(messages: list[Message]) -> None:
    """As before, where a tick was so late that movements begin and end within it."""
    late = [one for one in messages if not isinstance(one, Tick) or one.number % 60 == 0]
    whole, merged = told(messages)[0].movements, told(late)[0].movements
    assert [(one.sent, one.withheld) for one in merged] == [(one.sent, one.withheld) for one in whole]
    ends = [(one.start.tick, one.end.tick) for one in merged if one.end is not None]
    assert any(start is end for start, end in ends)


def test_an_arming_over_which_the_hand_is_lost_is_none(world: World) -> None:
    cut = cut_at_arming(1, answered=False)
    messages = toy_session(world, seconds=1.0, fists=(), asked=((0.3, ARM),), faults=cut)
    commands = [one.kind for one in messages if isinstance(one, Command)]
    assert commands == ["arm", "stop"]
    story, _ = told(messages)
    assert [one.kind for one in story.happenings if one.kind != "log"] == ["stopped"]


def test_armings_and_stops_are_told_once(messages: list[Message]) -> None:
    story, _ = told(messages)
    kinds = [one.kind for one in story.happenings if one.kind != "log"]
    assert kinds == ["armed", "disarmed", "armed", "stopped"]
    assert story.happenings[-1].text == "the run ended"
    assert story.missing == 0


def one_fist(core: Any, *asked: tuple[float, Request], estop_s: float = 9.0) -> list[Message]:
    """A run with one movement; the emergency stop is pressed at a time."""

    def press(world: World, source: Signals) -> None:
        world.after(estop_s, lambda: world.hand.estop(True))

    world = World(core)
    messages = toy_session(world, seconds=1.4, fists=((0.6, 1.1),), asked=asked, faults=press)
    world.hand.close()
    return messages


def hand_gate(messages: list[Message], at_s: float | None = None) -> tuple[bool | None, str, int]:
    """Of the decision that started the movement, or of a time; and how many commands the movement sent."""
    story, looks = told(messages)
    (movement,) = story.movements
    look = movement.start if at_s is None else next(one for one in looks if one.decided.at_s == at_s)
    (gate,) = [one for one in gates(look, SPEC, DECISION) if one.name == "hand"]
    return gate.passed, gate.text, movement.sent


def test_the_hand_is_judged_by_what_it_was_when_the_decision_was_obeyed(core: Any) -> None:
    """And not by what it is at the end of the tick: there it is armed, and may be stopped."""
    whole = one_fist(core, (0.3, ARM))
    passed, text, n_sent = hand_gate(whole)
    assert (passed, text, n_sent > 0) == (True, "armed", True)
    start = next(one for one in whole if isinstance(one, Decided) and one.started)
    assert hand_gate(whole[:1] + [one for one in whole[1:] if getattr(one, "at_s", 0.0) >= start.at_s])[0]

    in_that_tick = one_fist(core, (start.at_s, ARM))
    kinds = [one.kind for one in in_that_tick if isinstance(one, Command) and one.at_s == start.at_s]
    assert kinds == ["withheld", "arm"]
    assert hand_gate(in_that_tick) == (False, "armed in this tick, after it", 0)

    asked_for = one_fist(core, (0.3, ARM), (start.at_s, DISARM))
    assert hand_gate(asked_for) == (False, "disarmed", 0)
    asked_for = one_fist(core, (0.3, ARM), (start.at_s, Request.STOP))
    assert hand_gate(asked_for) == (False, "stopped: a monitor asked for it", 0)
    assert hand_gate(one_fist(core)) == (False, "disarmed", 0)


def test_a_command_that_was_sent_in_a_tick_that_stopped_then_was_let_through(core: Any) -> None:
    whole = one_fist(core, (0.3, ARM))
    start = next(one for one in whole if isinstance(one, Decided) and one.started)
    for back_s in (0.0, 0.01, 0.02, 0.03, 0.04):
        messages = one_fist(core, (0.3, ARM), estop_s=start.at_s - back_s)
        kinds = [one.kind for one in messages if isinstance(one, Command) and one.at_s == start.at_s]
        if kinds == ["act", "stop"]:
            break
    assert kinds == ["act", "stop"]
    passed, text, n_sent = hand_gate(messages)
    assert (passed, n_sent) == (True, 1)
    assert text.startswith("armed; stopped later in this tick: the hand went into ESTOP")
    after = [one.at_s for one in messages if isinstance(one, Decided) and one.at_s > start.at_s]
    passed, text, _ = hand_gate(messages, after[0])
    assert not passed and text.startswith("stopped: the hand went into ESTOP")


def test_missing_ticks_are_told(messages: list[Message]) -> None:
    without = [one for one in messages if not 0.8 <= getattr(one, "at_s", 0.0) < 0.9]
    story, _ = told(without)
    assert story.missing in (4, 5)
    assert next(one for one in story.happenings if one.kind == "lost").at_s == pytest.approx(0.9, abs=0.03)


def test_streak_and_candidate(messages: list[Message]) -> None:
    _, looks = told(messages)
    start = next(look for look in looks if look.decided.started)
    assert (start.candidate, start.streak, start.previous, start.since_s) == (
        "fist",
        DECISION.dwell,
        "",
        None,
    )
    later = [look for look in looks if look.decided.started][1]
    assert later.previous == "fist"
    assert later.since_s == pytest.approx(later.decided.time_s - start.decided.time_s)


def test_a_time_that_is_listed_means_the_movement_that_it_is_listed_for(sample_log: Any) -> None:
    log = OpenLog(sample_log.path)
    story = story_of(log)
    assert len(story.movements) > 15
    for one in story.movements:
        assert meant(story.movements, float(f"{one.start_s:.2f}")) is one
    before = story.movements[0].start_s
    assert meant(story.movements, before - 0.05) is story.movements[0]
    assert meant(story.movements, before - 0.2) is None


def test_scores_are_known_again_behind_missing_ticks(messages: list[Message]) -> None:
    without = [one for one in messages if not 0.8 <= getattr(one, "at_s", 0.0) < 0.9]
    whole = {look.decided.frame: look for look in told(messages)[1]}
    behind = [look for look in told(without)[1] if look.decided.at_s >= 0.9]
    assert behind[0].smoothed is None
    assert [look.smoothed for look in behind[1:]] == [
        whole[look.decided.frame].smoothed for look in behind[1:]
    ]


@pytest.mark.parametrize(
    "started_at", ["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00", "1969-12-31T00:00:00", "now"]
)
def test_a_time_at_which_no_run_began_is_refused(started_at: str, messages: list[Message]) -> None:
    session = messages[0]
    assert isinstance(session, Session)
    odd = replace(session, started_at=started_at)
    for asked in (lambda: clock(odd, 0.0), lambda: seconds_of("12:00", odd)):
        with pytest.raises(RecordingError, match="is no time; the log is damaged"):
            asked()
    late = replace(session, started_at="9000-12-31T23:00:00+00:00")
    assert clock(late, 1e8) == "08:46:40.00"
    assert seconds_of("22:00", late) == 23 * 3600


def test_a_moment_without_end_is_refused(messages: list[Message]) -> None:
    """A small file may stand for more than there is memory."""
    one = Counts(0.0, np.arange(2**17), np.zeros((2**17, 2), np.int32))
    event = Event(0.0, "info", "x", {})
    for endless in (one, event, replace(event, text="x" * 2**20)):
        with pytest.raises(RecordingError, match=r"here: no tick tells of as much as is at 0\.00 s"):
            list(moments([messages[0], *[endless] * 100_001], "here"))
    ticks = [one for one in messages if isinstance(one, Tick)]
    many = [each for tick in ticks for each in (*[event] * 1000, tick)]
    assert len(list(moments([messages[0], *many], "here"))) == len(ticks) > 100


def test_what_no_run_writes_is_refused(messages: list[Message]) -> None:
    with pytest.raises(RecordingError, match="here: holds something at 1e.300 s; it is damaged"):
        list(moments([messages[0], Event(1e300, "info", "", {})], "here"))
    with pytest.raises(RecordingError, match=r"here: two sessions in one log"):
        list(moments([messages[0], messages[0]], "here"))
    ticks = [one for one in messages if isinstance(one, Tick)]
    with pytest.raises(RecordingError, match=r"here: tick 1 after 1"):
        list(moments([messages[0], ticks[1], ticks[1]], "here"))
