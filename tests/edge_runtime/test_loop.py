"""The control loop on a clock that the test owns, with the real C core as the hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from loop_world import DECISION, HOP_S, SPEC, STOPPED, FakeSource, Fist, World, rest
from toys import toy_signal

from neurograsp.edge_runtime.actuation import BEAT_FRESH_S, STALE_S
from neurograsp.edge_runtime.arming import AtOnce
from neurograsp.edge_runtime.contract.decision_spec import Proportional
from neurograsp.edge_runtime.contract.errors import LinkError, SourceError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.run_summary import RuntimeState
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.fit import to_counts
from neurograsp.edge_runtime.sources.watched import SILENT_S, START_S
from neurograsp.firmware_bridge.frames import Frame, encode_frame
from neurograsp.firmware_bridge.protocol import Action, Fault, HandState, MessageType, parse


def make(
    world: World,
    source: FakeSource,
    scorer: Any = rest,
    *,
    arm: bool = True,
    hand: bool = True,
    spec: SignalSpec = SPEC,
) -> ControlLoop:
    pipeline = Pipeline(spec, DECISION, scorer)
    link = world.link() if hand else None
    return ControlLoop(
        source, pipeline, link, arming=AtOnce() if arm else None, clock=world.clock, sleep=world.sleep
    )


def test_one_tick_a_hop_without_drift(world: World) -> None:
    loop = make(world, FakeSource(world), hand=False)
    begin = world.now_s
    summary = loop.run(4.0)
    assert summary.ticks == 200
    assert world.now_s - begin == pytest.approx(4.0)
    assert summary.deadline_misses == 0
    assert len(summary.decisions) == 198
    assert summary.sections["late"].max_us < 1
    assert summary.stopped_by == "4 s have passed"
    assert summary.state is RuntimeState.STOPPED


def test_arms_with_the_first_decision_then_acts_then_stops(world: World) -> None:
    source = FakeSource(world)
    loop = make(world, source, Fist())
    states: list[HandState] = []
    world.after(0.5, lambda: states.append(world.hand.state))
    summary = loop.run(1.0)
    assert states == [HandState.MOVING] or states == [HandState.HOLD]
    assert summary.commands["FIST"] >= 3
    assert summary.activations == 1
    assert world.hand.state in STOPPED
    assert len(world.times(MessageType.ARM)) == 1
    assert len(world.times(MessageType.STOP)) == 3
    assert max(world.times(MessageType.BEAT)) <= min(world.times(MessageType.STOP))
    assert source.stops == 1


def test_the_hand_gets_the_speed_that_was_decided(world: World) -> None:
    rule = Proportional("speed", least=20, most=70)
    pipeline = Pipeline(SPEC, replace(DECISION, proportional=rule), Fist())
    source, link = FakeSource(world), world.link()
    loop = ControlLoop(source, pipeline, link, arming=AtOnce(), clock=world.clock, sleep=world.sleep)
    loop.run(1.0)
    asked = [parse(frame) for _, frame in world.sent if frame.type == MessageType.ACTION]
    wanted = rule.percent(1 / (1 + np.exp(-5.0)), off=0.4)
    assert {(one.speed, one.force) for one in asked if isinstance(one, Action)} == {(wanted, 100)}


def test_beats_keep_the_watchdog_content(world: World) -> None:
    make(world, FakeSource(world)).run(3.0)
    beats = world.times(MessageType.BEAT)
    assert len(beats) > 50
    assert max(np.diff(beats)) < 0.1
    assert world.hand.fault is Fault.NONE


def test_without_arming_nothing_moves(world: World) -> None:
    summary = make(world, FakeSource(world), Fist(), arm=False).run(1.0)
    assert summary.activations == 1
    assert summary.commands == {}
    assert not world.times(MessageType.ARM)
    assert not world.times(MessageType.ACTION)
    assert world.hand.attaches == 0


def test_the_end_of_the_recording_ends_the_run_and_stops_the_hand(world: World) -> None:
    summary = make(world, FakeSource(world, length_s=1.0), Fist()).run()
    assert summary.stopped_by == "the recording ended"
    assert world.hand.state in STOPPED
    assert world.times(MessageType.STOP)


def test_a_silent_source_stops_the_hand_and_fails(world: World) -> None:
    source = FakeSource(world)
    loop = make(world, source, Fist())
    world.after(1.0, lambda: setattr(source, "silent", True))
    begin = world.now_s
    with pytest.raises(SourceError, match=r"^fake amplifier: no new frames for 0\.5 s; the hand was stopped"):
        loop.run(10.0)
    assert world.now_s - begin < 1.0 + SILENT_S + 3 * HOP_S
    assert len(world.times(MessageType.STOP)) == 3
    assert world.hand.state in STOPPED
    assert source.stops == 1
    assert loop.summary.state is RuntimeState.STOPPED
    assert loop.summary.stopped_by == "no new frames for 0.2 s"
    assert world.times(MessageType.STOP)[0] < begin + 1.0 + STALE_S + HOP_S


def test_no_heartbeat_without_fresh_frames(world: World) -> None:
    """The beats end before the loop stops the hand, so that the hand's own watchdog runs already."""
    source = FakeSource(world)
    loop = make(world, source, Fist())
    silent_at = world.now_s + 1.0
    world.after(1.0, lambda: setattr(source, "silent", True))
    with pytest.raises(SourceError):
        loop.run(10.0)
    assert max(world.times(MessageType.BEAT)) < silent_at + BEAT_FRESH_S + 2 * HOP_S
    assert max(world.times(MessageType.ACTION)) < silent_at + BEAT_FRESH_S + 2 * HOP_S


@pytest.mark.parametrize("back_to", ["the same frames again", "a counter that starts anew"])
def test_repeated_frames_are_no_fresh_ones(world: World, back_to: str) -> None:
    """A driver that delivers its last packet for ever, and an amplifier that restarted."""
    source = FakeSource(world)
    loop = make(world, source, Fist())
    read = source.read

    def frozen() -> Block:
        block = read()
        numbers = block.frame_index
        return Block(block.counts, numbers * 0 if back_to.startswith("the same") else numbers - 250)

    frozen_at = world.now_s + 1.0
    world.after(1.0, lambda: setattr(source, "read", frozen))
    with pytest.raises(SourceError, match="no new frames"):
        loop.run(10.0)
    assert max(world.times(MessageType.BEAT)) < frozen_at + BEAT_FRESH_S + 2 * HOP_S
    assert world.hand.state in STOPPED


def test_a_long_hop_keeps_the_heartbeat(world: World) -> None:
    slow = toy_signal(window=200, hop=125)
    summary = make(world, FakeSource(world), Fist(), spec=slow).run(5.0)
    assert summary.n_decisions == 9
    assert summary.commands["FIST"] > 0
    assert world.hand.fault is Fault.NONE
    assert max(np.diff(world.times(MessageType.BEAT))) < 0.1


def test_a_hand_disarmed_by_somebody_else_ends_the_run(world: World) -> None:
    loop = make(world, FakeSource(world), Fist())
    foreign = encode_frame(Frame(MessageType.STOP, 0, 7, b""))
    world.after(1.0, lambda: world.hand.bytes_in(foreign))
    with pytest.raises(LinkError, match="disarmed by somebody else"):
        loop.run(10.0)


def test_an_amplifier_may_take_its_time_to_start(world: World) -> None:
    source = FakeSource(world)
    source.silent = True
    world.after(START_S - 1, lambda: setattr(source, "silent", False))
    summary = make(world, source, Fist(rests=220)).run(START_S + 1)
    assert summary.activations == 1
    assert min(world.times(MessageType.BEAT)) > min(world.times(MessageType.ARM)) - 2 * HOP_S


def test_an_interrupted_stop_is_said_again(world: World) -> None:
    source = FakeSource(world)
    loop = make(world, source, Fist())
    link = loop._actuation._hand
    assert link is not None
    stop, tried = link.stop, []

    def interrupted() -> None:
        tried.append(world.now_s)
        if len(tried) == 1:
            raise KeyboardInterrupt
        stop()

    link.stop = interrupted  # type: ignore[method-assign]
    world.after(1.0, lambda: setattr(source, "jump", 1000))
    with pytest.raises(KeyboardInterrupt):
        loop.run(10.0)
    assert len(world.times(MessageType.STOP)) == 3


def test_what_failed_first_is_what_is_reported(world: World) -> None:
    """The cable goes with the amplifier: the hand cannot be told, and the amplifier is to blame."""
    source = FakeSource(world)
    loop = make(world, source, Fist())

    def both() -> None:
        source.error = SourceError("amplifier: lost")
        world.cut = True

    world.after(1.0, both)
    with pytest.raises(SourceError, match="amplifier: lost"):
        loop.run(10.0)
    assert source.stops == 1


def test_no_frames_at_all_never_arms(world: World) -> None:
    source = FakeSource(world)
    source.silent = True
    with pytest.raises(SourceError):
        make(world, source, Fist()).run(10.0)
    assert not world.times(MessageType.ARM)
    assert world.hand.attaches == 0


def test_a_short_pause_is_survived(world: World) -> None:
    source = FakeSource(world)
    world.after(1.0, lambda: setattr(source, "silent", True))
    world.after(1.1, lambda: setattr(source, "silent", False))
    summary = make(world, source).run(3.0)
    assert summary.stopped_by == "3 s have passed"
    assert world.hand.fault is Fault.NONE


@pytest.mark.parametrize("error", [SourceError("amplifier: lost"), RuntimeError("a bug")])
def test_whatever_fails_the_hand_is_stopped_first(world: World, error: Exception) -> None:
    source = FakeSource(world)
    loop = make(world, source, Fist())
    world.after(1.0, lambda: setattr(source, "error", error))
    with pytest.raises(type(error)):
        loop.run(10.0)
    assert len(world.times(MessageType.STOP)) == 3
    assert world.hand.state in STOPPED
    assert source.stops == 1


def no_numbers(source: FakeSource) -> Callable[[], Block]:
    """What an amplifier reads whose second channel delivers none."""
    read = source.read

    def spoilt() -> Block:
        block = read()
        microvolts = block.counts.T.astype(np.float64)
        microvolts[1] = np.nan
        return Block(to_counts(microvolts, 1.0), block.frame_index)

    return spoilt


def test_values_that_are_no_numbers_stop_the_hand(world: World) -> None:
    source = FakeSource(world)
    loop = make(world, source, Fist())
    states: list[HandState] = []
    world.after(0.5, lambda: states.append(world.hand.state))
    world.after(1.0, lambda: setattr(source, "read", no_numbers(source)))
    with pytest.raises(SourceError, match="channel 1 delivers values that are no numbers"):
        loop.run(10.0)
    assert states == [HandState.MOVING] or states == [HandState.HOLD]
    assert len(world.times(MessageType.STOP)) == 3
    assert world.hand.state in STOPPED


def test_values_that_are_no_numbers_never_arm(world: World) -> None:
    source = FakeSource(world)
    source.read = no_numbers(source)  # type: ignore[method-assign]
    with pytest.raises(SourceError, match="no numbers"):
        make(world, source, Fist()).run(10.0)
    assert not world.times(MessageType.ARM)
    assert world.hand.attaches == 0


def test_ctrl_c_stops_the_hand(world: World) -> None:
    source = FakeSource(world)
    loop = make(world, source, Fist())

    def interrupt() -> None:
        raise KeyboardInterrupt

    world.after(1.0, interrupt)
    with pytest.raises(KeyboardInterrupt):
        loop.run(10.0)
    assert len(world.times(MessageType.STOP)) == 3
    assert world.hand.state in STOPPED
    assert source.stops == 1


def test_a_source_that_does_not_start_stops_the_hand(world: World) -> None:
    source = FakeSource(world)

    def fail() -> None:
        raise SourceError("amplifier: not there")

    source.start = fail  # type: ignore[method-assign]
    with pytest.raises(SourceError):
        make(world, source).run()
    assert world.times(MessageType.STOP)
    assert source.stops == 1


def test_a_cut_cable_is_a_link_error_and_the_hand_stops_itself(world: World) -> None:
    source = FakeSource(world)
    loop = make(world, source, Fist())
    world.after(1.0, lambda: setattr(world, "cut", True))
    begin = world.now_s
    with pytest.raises(LinkError):
        loop.run(10.0)
    assert world.now_s - begin < 2.0
    assert source.stops == 1
    world.sleep(0.3)
    assert world.hand.state is HandState.FAILSAFE


def test_an_emergency_stop_ends_the_run(world: World) -> None:
    loop = make(world, FakeSource(world), Fist())
    world.after(1.0, lambda: world.hand.estop(True))
    with pytest.raises(LinkError, match="ESTOP"):
        loop.run(10.0)
    assert world.hand.state is HandState.ESTOP


def test_a_long_gap_stops_the_hand_for_good(world: World) -> None:
    """Decoding goes on after it, but nothing is sent any more: re-arming wants a person."""
    source = FakeSource(world)
    loop = make(world, source, Fist())
    gap_at = world.now_s + 1.0
    world.after(1.0, lambda: setattr(source, "jump", 1000))
    summary = loop.run(4.0)
    assert summary.stopped_by == "1000 frames (4.00 s) are missing"
    assert summary.state is RuntimeState.STOPPED
    assert world.times(MessageType.STOP)
    for kind in (MessageType.BEAT, MessageType.ACTION, MessageType.ARM):
        assert max(world.times(kind)) < gap_at + 2 * HOP_S
    assert max(one.frame for _, one in summary.decisions) > 1900
    assert world.hand.state in STOPPED


def test_late_ticks_are_counted_and_not_made_up_for(world: World) -> None:
    """A scorer that takes 2.5 hops one time in ten: those ticks miss, and the grid of deadlines stays."""

    def slow(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        world.sleep(0.0501 if len(calls) % 10 == 0 else 0.001)
        calls.append(world.now_s)
        return np.array([5.0, 0.0])

    calls: list[float] = []
    loop = make(world, FakeSource(world), slow)
    begin = world.now_s
    summary = loop.run(4.0)
    slow_calls = len(calls[::10])
    assert summary.deadline_misses == slow_calls
    assert summary.sections["infer"].max_us == pytest.approx(50_100, rel=0.2)
    assert summary.ticks == pytest.approx(200 - 2 * slow_calls, abs=2)
    assert (world.now_s - begin) / HOP_S == pytest.approx(200, abs=1)
    assert summary.timing()["deadline_misses"] == summary.deadline_misses
    assert world.hand.fault is Fault.NONE


def test_a_loop_that_hangs_is_caught_by_the_hand(world: World) -> None:
    """Longer in one tick than the hand waits: the hand's watchdog has stopped it, and the loop says so."""

    def hanging(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        if world.now_s > hang_at:
            world.sleep(0.3)
        return np.array([5.0, 0.0])

    hang_at = world.now_s + 1.0
    with pytest.raises(LinkError, match="FAILSAFE"):
        make(world, FakeSource(world), hanging).run(10.0)
    assert world.hand.state is HandState.FAILSAFE
