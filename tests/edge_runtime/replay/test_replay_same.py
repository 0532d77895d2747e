"""The same frames through the same decoder give the same bytes, whatever befell the run; and what was changed
in a log is found."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loop_world import World
from session_maker import write_log
from toy_run import DECISION, Signals, cut_at_arming, toy_pipeline, toy_session

from neurograsp.edge_runtime.arming import Request
from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.replay.same import Comparison, replay_same
from neurograsp.edge_runtime.telemetry.messages import Command, Counts, Decided, HandReport, Message, Tick
from neurograsp.edge_runtime.telemetry.moments import OpenLog

ARM, DISARM, STOP = Request.ARM, Request.DISARM, Request.STOP


def replayed(path: Path, messages: list[Message]) -> Comparison:
    return replay_same(OpenLog(write_log(path / "log.mcap", messages)), toy_pipeline())


Faults = Callable[[World, Signals], None]


def during(name: str, begin: float, end: float, on: str = "source") -> Faults:
    """An attribute of the source, or of the world, is true for a while."""

    def put(world: World, source: Signals) -> None:
        what = source if on == "source" else world
        world.after(begin, lambda: setattr(what, name, True))
        world.after(end, lambda: setattr(what, name, False))

    return put


def pressed(begin: float, end: float) -> Faults:
    """The hand's emergency stop."""

    def put(world: World, source: Signals) -> None:
        world.after(begin, lambda: world.hand.estop(True))
        world.after(end, lambda: world.hand.estop(False))

    return put


def jump(at: float, frames: int) -> Faults:
    def put(world: World, source: Signals) -> None:
        world.after(at, lambda: setattr(source, "jump", source.jump + frames))

    return put


ASKED = ((0.3, ARM), (2.0, ARM))
FISTS = ((0.6, 1.2), (2.7, 3.2))
slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("faults", "asked", "told"),
    [
        (None, ((0.3, ARM), (0.9, DISARM), (2.0, ARM), (3.0, STOP)), "a monitor asked"),
        (jump(0.9, 400), ASKED, "400 frames"),
        (pressed(0.9, 1.8), ASKED, "ESTOP"),
        (during("cut", 0.9, 1.8, "world"), ASKED, "bench: lost"),
        (cut_at_arming(1, answered=False), ASKED, "bench: lost"),
        (cut_at_arming(2, answered=True), ((0.3, ARM), (1.0, STOP), (2.0, ARM)), "bench: lost"),
        pytest.param(None, ASKED, "sent", marks=slow),
        pytest.param(None, (), "withheld", marks=slow),
        pytest.param(during("flat", 0.8, 2.3), ASKED, "electrodes bad", marks=slow),
        pytest.param(during("silent", 0.9, 2.0), ASKED, "no new frames for 0.2 s", marks=slow),
        pytest.param(during("silent", 0.9, 1.2), ASKED, "no new frames for 0.2 s", marks=slow),
        pytest.param(during("broken", 0.9, 1.6), ASKED, "the amplifier is lost", marks=slow),
        pytest.param(jump(0.9, 3), ASKED, "sent", marks=slow),
        pytest.param(jump(0.9, -20), ASKED, "sent", marks=slow),
        pytest.param(pressed(0.2, 1.8), ASKED, "withheld", marks=slow),
        pytest.param(during("cut", 0.25, 1.8, "world"), ASKED, "bench: lost", marks=slow),
    ],
)
def test_a_run_gives_the_same_again(faults: Any, asked: Any, told: str, world: World, tmp_path: Path) -> None:
    messages = toy_session(world, seconds=3.6, fists=FISTS, asked=asked, faults=faults)
    commands = [one for one in messages if isinstance(one, Command)]
    said = " ".join("sent" if one.kind == "act" else f"{one.kind} {one.reason}" for one in commands)
    assert told in said
    result = replayed(tmp_path, messages)
    assert result.differences == []
    assert result.same
    assert result.broke_off is None
    assert result.commands == len(commands)
    assert result.decisions == sum(isinstance(one, Decided) for one in messages) > 80
    assert result.seconds == pytest.approx(3.6, abs=0.05)


@pytest.mark.parametrize(
    "faults",
    [
        during("broken", 0.9, 9.0),
        pressed(0.9, 9.0),
        pytest.param(during("cut", 0.9, 9.0, "world"), marks=slow),
        pytest.param(during("silent", 0.9, 9.0), marks=slow),
    ],
)
def test_a_run_that_broke_off_is_the_same_up_to_there(faults: Any, world: World, tmp_path: Path) -> None:
    """Nothing is looked for, and nobody can arm again: the first loss ends the run."""
    messages = toy_session(
        world, seconds=3.6, fists=FISTS, asked=ASKED, faults=faults, again=False, reopen=False
    )
    last = messages[-1]
    assert isinstance(last, Command) or (isinstance(last, Tick) and last.state == "stopped")
    result = replayed(tmp_path, messages)
    assert result.differences == []
    assert result.same
    assert 0.85 < result.seconds < 1.6


@slow
@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_a_run_gives_the_same_again(seed: int, world: World, tmp_path: Path) -> None:
    draw = random.Random(seed)
    kinds: list[Callable[[float], Faults]] = [
        lambda at: during("silent", at, at + draw.uniform(0.05, 1.5)),
        lambda at: during("broken", at, at + draw.uniform(0.05, 1.5)),
        lambda at: during("flat", at, at + draw.uniform(0.05, 2.0)),
        lambda at: jump(at, draw.choice((-30, -2, 1, 3, 4, 100, 400))),
        lambda at: pressed(at, at + draw.uniform(0.05, 1.5)),
        lambda at: during("cut", at, at + draw.uniform(0.02, 1.5), "world"),
    ]
    faults = [draw.choice(kinds)(draw.uniform(0.2, 5.5)) for _ in range(draw.randint(1, 6))]
    asked = sorted((draw.uniform(0.1, 6.0), draw.choice((ARM, ARM, DISARM, STOP))) for _ in range(8))
    fists = [(at, at + draw.uniform(0.1, 2.0)) for at in (draw.uniform(0.5, 6.0) for _ in range(5))]

    def all_faults(world: World, source: Signals) -> None:
        for put in faults:
            put(world, source)

    messages = toy_session(world, seconds=7.0, fists=fists, asked=asked, faults=all_faults)
    result = replayed(tmp_path, messages)
    assert result.differences == []
    assert result.same


def changed(
    messages: list[Message], cls: type[Any], change: Callable[[Any], Any], at_s: float
) -> list[Message]:
    """The first message of a kind after a time is another one."""
    place = next(n for n, one in enumerate(messages) if isinstance(one, cls) and one.at_s >= at_s)
    new = change(messages[place])
    return [*messages[:place], *([] if new is None else [new]), *messages[place + 1 :]]


@pytest.fixture(scope="module")
def session(core: Any) -> list[Message]:
    world = World(core)
    messages = toy_session(world, seconds=1.5, fists=FISTS, asked=ASKED)
    world.hand.close()
    return messages


def flipped(counts: Counts) -> Counts:
    return replace(counts, counts=counts.counts + np.array([[25, 0]], np.int32))


def act(command: Command) -> Command:
    return replace(command, name="OPEN")


@pytest.mark.parametrize(
    ("cls", "change", "what", "words"),
    [
        (
            Decided,
            lambda one: replace(one, logits=(one.logits[0] + 1e-12, one.logits[1])),
            "scores",
            "logits",
        ),
        (Decided, lambda one: replace(one, probabilities=(None, 0.5)), "scores", "probabilities - 0.5"),
        (Decided, lambda one: replace(one, action="rest"), "decision", "action rest"),
        (Decided, lambda one: replace(one, reason="because"), "decision", "reason because"),
        (Decided, lambda one: replace(one, channel_faults=(1, 0)), "decision", "channel_faults 1 0"),
        (Decided, lambda one: replace(one, frame=one.frame + 1), "decision", "frame"),
        (Decided, lambda one: None, "decision", "nothing"),
        (Command, act, "command", "name OPEN"),
        (Command, lambda one: replace(one, speed=one.speed + 1), "command", "speed"),
        (Command, lambda one: replace(one, ttl_ms=5), "command", "ttl_ms 5"),
        (Command, lambda one: None, "command", "nothing"),
        (Tick, lambda one: replace(one, state="disarmed"), "state", "state disarmed"),
        (Tick, lambda one: replace(one, doubt="a doubt"), "state", "doubt a doubt"),
        (Tick, lambda one: replace(one, age_s=0.3), "command", "nothing"),
        (Tick, lambda one: replace(one, request="stop"), "command", "nothing"),
        (HandReport, lambda one: replace(one, state="ESTOP"), "command", "nothing"),
        (Counts, flipped, "scores", "logits"),
    ],
)
def test_what_was_changed_in_a_log_is_found(
    cls: Any, change: Any, what: str, words: str, session: list[Message], tmp_path: Path
) -> None:
    result = replayed(tmp_path, changed(session, cls, change, 0.7))
    assert not result.same
    first = result.differences[0]
    assert first.what == what
    assert words in first.recorded
    assert 0.7 <= first.at_s < 1.0


def test_missing_ticks_are_told_and_nothing_is_claimed_behind_them(
    session: list[Message], tmp_path: Path
) -> None:
    last = {one.number: place for place, one in enumerate(session) if isinstance(one, Tick)}
    result = replayed(tmp_path, [*session[: last[39] + 1], *session[last[44] + 1 :]])
    assert result.missing == 5
    assert result.whole_until_s == pytest.approx(0.9, abs=0.002)
    assert result.n_differences == 0
    assert not result.same


def test_a_log_that_was_cut_off_is_compared_up_to_there(session: list[Message], tmp_path: Path) -> None:
    whole = write_log(tmp_path / "whole.mcap", session)
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    log = OpenLog(cut)
    result = replay_same(log, toy_pipeline())
    assert result.same
    assert 0 < result.ticks < 75
    assert log.cut is not None


def test_another_threshold_is_no_longer_the_same(session: list[Message], tmp_path: Path) -> None:
    log = OpenLog(write_log(tmp_path / "log.mcap", session))
    other = replace(DECISION, on=(0.6, 0.9999), off=(0.4, 0.9))
    result = replay_same(log, toy_pipeline(other))
    assert {one.what for one in result.differences} >= {"decision", "command"}


def test_a_hand_in_a_state_that_there_is_not(session: list[Message], tmp_path: Path) -> None:
    odd = changed(session, HandReport, lambda one: replace(one, state="DANCING"), 1.0)
    with pytest.raises(RecordingError, match="DANCING.*damaged, or of another version"):
        replayed(tmp_path, odd)
