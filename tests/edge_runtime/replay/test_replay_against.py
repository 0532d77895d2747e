"""What another bundle, or other thresholds, would have asked of the hand in the same session."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loop_world import World
from session_maker import record, write_log
from toy_run import DECISION, SPEC, Signals, scorer, toy_pipeline, toy_session

from neurograsp.edge_runtime.arming import Request
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.replay.against import NOTHING, columns_for, replay_against
from neurograsp.edge_runtime.telemetry.moments import OpenLog

ARM = Request.ARM
FISTS = ((0.6, 1.2), (2.0, 2.6))


def session(world: World, tmp_path: Path, **options: Any) -> OpenLog:
    messages = toy_session(world, seconds=3.0, fists=FISTS, asked=((0.3, ARM), (1.5, ARM)), **options)
    return OpenLog(write_log(tmp_path / "log.mcap", messages))


def test_the_same_thresholds_ask_for_the_same(world: World, tmp_path: Path) -> None:
    result = replay_against(session(world, tmp_path), toy_pipeline())
    assert result.stretches == []
    assert result.agreed_s == pytest.approx(result.seconds)
    assert result.starts_before == result.starts_after == {"FIST": 2}
    assert result.stops_before == result.stops_after == 0


def test_thresholds_that_are_never_reached_ask_for_nothing(world: World, tmp_path: Path) -> None:
    never = replace(DECISION, on=(0.6, 1.0), off=(0.4, 0.9))
    result = replay_against(session(world, tmp_path), toy_pipeline(never))
    assert result.starts_before == {"FIST": 2}
    assert result.starts_after == {}
    first, *_ = result.stretches
    assert (first.before.label, first.after.label) == ("FIST", "armed")
    assert first.before.reason.startswith("fist: p ")
    assert first.begin_s == pytest.approx(FISTS[0][0], abs=0.15)
    apart = sum(one.end_s - one.begin_s for one in result.stretches)
    assert result.agreed_s + apart == pytest.approx(result.seconds)


def test_an_earlier_start_is_a_stretch_of_that_length(world: World, tmp_path: Path) -> None:
    quick = replace(DECISION, smooth=1, dwell=1)
    result = replay_against(session(world, tmp_path), toy_pipeline(quick))
    first = result.stretches[0]
    assert (first.before.label, first.after.label) == ("armed", "FIST")
    assert 0.02 <= first.end_s - first.begin_s <= 0.08


def test_an_action_without_a_rest_after_it_is_over_when_it_ends(world: World, tmp_path: Path) -> None:
    """As in the bundle of the package: nothing is asked then, and the hand goes by the time to live."""
    actions = ActionSet(("open", "fist"), ("OPEN", "FIST"), "sigmoid", None)
    restless = replace(SPEC, actions=actions)

    def score(window: Any) -> Any:
        return np.array([-5.0, scorer(window)[1]])

    messages = record(
        world, Signals(world, FISTS), Pipeline(restless, DECISION, score), DECISION, seconds=3.0,
        asked=((0.3, ARM), (1.5, ARM)),
    )  # fmt: skip
    log = OpenLog(write_log(tmp_path / "log.mcap", messages))
    assert replay_against(log, Pipeline(restless, DECISION, score)).stretches == []
    long = replace(DECISION, smooth=20, dwell=1, on=(0.05, 0.05), off=(0.03, 0.03))
    result = replay_against(log, Pipeline(restless, long, score))
    ends = [one for one in result.stretches if (one.before.label, one.after.label) == (NOTHING, "FIST")]
    assert len(ends) == 2
    assert ends[0].before.reason.endswith(", ended")
    assert ends[0].begin_s == pytest.approx(FISTS[0][1], abs=0.15)
    assert ends[0].end_s - ends[0].begin_s > 0.2


def test_a_gap_ends_what_was_asked(world: World, tmp_path: Path) -> None:
    """The session's bundle forgets its action at a gap that the other one fills."""

    def gap(world: World, source: Signals) -> None:
        world.after(0.9, lambda: setattr(source, "jump", 30))

    log = session(world, tmp_path, faults=gap)
    filling = replace(SPEC, gap=replace(SPEC.gap, interpolate_frames=50))
    result = replay_against(log, Pipeline(filling, DECISION, scorer))
    assert (NOTHING, "FIST") in [(one.before.label, one.after.label) for one in result.stretches]


def test_a_stop_of_the_recorded_bundle_does_not_befall_the_other_one(world: World, tmp_path: Path) -> None:
    """The session's bundle stopped at a gap; the other one takes gaps of two seconds."""

    def gap(world: World, source: Signals) -> None:
        world.after(0.9, lambda: setattr(source, "jump", 300))

    log = session(world, tmp_path, faults=gap)
    patient = replace(SPEC, gap=replace(SPEC.gap, stop_after_s=2.0))
    result = replay_against(log, Pipeline(patient, DECISION, scorer))
    assert (result.stops_before, result.stops_after) == (1, 0)
    assert any(one.before.label == "STOP" and "300 frames" in one.before.reason for one in result.stretches)


def test_what_befell_the_hand_befalls_it_again(world: World, tmp_path: Path) -> None:
    def pressed(world: World, source: Signals) -> None:
        world.after(0.9, lambda: world.hand.estop(True))
        world.after(1.3, lambda: world.hand.estop(False))

    log = session(world, tmp_path, faults=pressed)
    result = replay_against(log, toy_pipeline(replace(DECISION, smooth=1)))
    assert (result.stops_before, result.stops_after) == (1, 1)
    assert result.starts_after == {"FIST": 2}


def test_channels_by_name() -> None:
    swapped = replace(SPEC, channels=SPEC.channels[::-1])
    assert columns_for(SPEC, SPEC, "log") is None
    assert columns_for(SPEC, swapped, "log") == [1, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channels": ("C0", "Cz")}, "log.mcap: no channel 'Cz'"),
        ({"rate_hz": 500.0}, "log.mcap: 250 Hz, but the bundle was trained at 500 Hz"),
        ({"lsb_uv": 0.5}, "but the bundle was trained on"),
    ],
)
def test_another_signal_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        columns_for(SPEC, replace(SPEC, **change), "log.mcap")
