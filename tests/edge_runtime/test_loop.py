"""The control loop on a clock that the test owns, with the real C core as the hand."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from core_bench import Bench, load_core
from toys import toy_signal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec, Proportional
from neurograsp.edge_runtime.contract.errors import LinkError, LinkLost, SourceError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.loop import STALL_S, START_S, ControlLoop, RuntimeState
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.brainflow_board import to_counts
from neurograsp.firmware_bridge.frames import Frame, FrameDecoder, encode_frame
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import Action, Fault, HandState, MessageType, parse

SPEC = toy_signal(window=10, hop=5)
HOP_S = 0.02
DECISION = DecisionSpec((0.6, 0.6), (0.4, 0.4))
STOPPED = (HandState.IDLE, HandState.FAILSAFE, HandState.ESTOP)


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_core(tmp_path_factory.mktemp("loop-core"))


class World:
    """One clock for source, loop, link and firmware; only `sleep` moves it.

    Attributes:
        hand: the C core.
        sent: every frame of the host, with its time.
        at: things to do once the clock has passed a time.
        cut: the cable is cut; both directions raise.
    """

    url = "bench"

    def __init__(self, core: Any) -> None:
        self.hand = Bench(core)
        self.sent: list[tuple[float, Frame]] = []
        self.at: list[tuple[float, Callable[[], None]]] = []
        self.cut = False
        self.now_s = 100.0
        self._inbox = b""

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        before, self.now_s = self.now_s, self.now_s + seconds
        self.hand.run(int(self.now_s * 1000) - int(before * 1000))
        self._inbox += self.hand.bytes_out()
        due = [do for time_s, do in self.at if time_s <= self.now_s]
        self.at = [(time_s, do) for time_s, do in self.at if time_s > self.now_s]
        for do in due:
            do()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.at.append((self.now_s + seconds, do))

    def read(self) -> bytes:
        if self.cut:
            raise LinkLost("bench: lost")
        data, self._inbox = self._inbox, b""
        return data

    def write(self, data: bytes) -> None:
        if self.cut:
            raise LinkLost("bench: lost")
        (frame,) = FrameDecoder().feed(data)
        self.sent.append((self.now_s, frame))
        self._inbox += self.hand.bytes_in(data)

    def close(self) -> None:
        pass

    def times(self, kind: MessageType) -> list[float]:
        return [time_s for time_s, frame in self.sent if frame.type == kind]

    def link(self) -> HandLink:
        one = HandLink(self, clock=self.clock, rng=random.Random(1), sleep=self.sleep)
        one.connect()
        self.sent.clear()
        return one


class FakeSource:
    """Frames as the world's clock says; silent while `silent`, with a jump of the counter by `jump`."""

    description = "fake amplifier"

    def __init__(self, world: World, length_s: float = 1e9) -> None:
        self._world = world
        self._length = round(length_s * SPEC.rate_hz)
        self._begin_s = 0.0
        self._sent = 0
        self.jump = 0
        self.silent = False
        self.error: BaseException | None = None
        self.stops = 0

    def start(self) -> None:
        self._begin_s = self._world.now_s

    def read(self) -> Block:
        if self.error is not None:
            raise self.error
        due = round((self._world.now_s - self._begin_s) * SPEC.rate_hz)
        n_frames = min(due, self._length) - self._sent
        if self.silent or n_frames <= 0:
            return Block.empty(2)
        index = np.arange(self._sent, self._sent + n_frames, dtype=np.int64) + self.jump
        self._sent += n_frames
        return Block(np.zeros((n_frames, 2), np.int32), index)

    def finished(self) -> bool:
        return self._sent >= self._length

    def stop(self) -> None:
        self.stops += 1


@pytest.fixture
def world(core: Any) -> Iterator[World]:
    one = World(core)
    yield one
    assert one.hand.faults == 0
    one.hand.close()


def rest(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    return np.array([5.0, 0.0])


def fist(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    return np.array([0.0, 5.0])


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
    return ControlLoop(source, pipeline, link, arm=arm, clock=world.clock, sleep=world.sleep)


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
    loop = make(world, source, fist)
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
    pipeline = Pipeline(SPEC, replace(DECISION, proportional=rule), fist)
    source, link = FakeSource(world), world.link()
    ControlLoop(source, pipeline, link, arm=True, clock=world.clock, sleep=world.sleep).run(1.0)
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
    summary = make(world, FakeSource(world), fist, arm=False).run(1.0)
    assert summary.activations == 1
    assert summary.commands == {}
    assert not world.times(MessageType.ARM)
    assert not world.times(MessageType.ACTION)
    assert world.hand.attaches == 0


def test_the_end_of_the_recording_ends_the_run_and_stops_the_hand(world: World) -> None:
    summary = make(world, FakeSource(world, length_s=1.0), fist).run()
    assert summary.stopped_by == "the recording ended"
    assert world.hand.state in STOPPED
    assert world.times(MessageType.STOP)


def test_a_silent_source_stops_the_hand_and_fails(world: World) -> None:
    source = FakeSource(world)
    loop = make(world, source, fist)
    world.after(1.0, lambda: setattr(source, "silent", True))
    begin = world.now_s
    with pytest.raises(SourceError, match=r"^fake amplifier: no new frames for 0\.5 s; the hand was stopped"):
        loop.run(10.0)
    assert world.now_s - begin < 1.0 + STALL_S + 3 * HOP_S
    assert len(world.times(MessageType.STOP)) == 3
    assert world.hand.state in STOPPED
    assert source.stops == 1
    assert loop.summary.state is RuntimeState.STOPPED
    assert loop.summary.stopped_by.startswith("fake amplifier: no new frames")


def test_no_heartbeat_without_fresh_frames(world: World) -> None:
    """Half the stall time without frames ends the beats; the hand's own watchdog then stops it."""
    source = FakeSource(world)
    loop = make(world, source, fist)
    silent_at = world.now_s + 1.0
    world.after(1.0, lambda: setattr(source, "silent", True))
    with pytest.raises(SourceError):
        loop.run(10.0)
    assert max(world.times(MessageType.BEAT)) < silent_at + STALL_S / 2 + 2 * HOP_S
    assert max(world.times(MessageType.ACTION)) < silent_at + STALL_S / 2 + 2 * HOP_S


@pytest.mark.parametrize("back_to", ["the same frames again", "a counter that starts anew"])
def test_repeated_frames_are_no_fresh_ones(world: World, back_to: str) -> None:
    """A driver that delivers its last packet for ever, and an amplifier that restarted."""
    source = FakeSource(world)
    loop = make(world, source, fist)
    read = source.read

    def frozen() -> Block:
        block = read()
        numbers = block.frame_index
        return Block(block.counts, numbers * 0 if back_to.startswith("the same") else numbers - 250)

    frozen_at = world.now_s + 1.0
    world.after(1.0, lambda: setattr(source, "read", frozen))
    with pytest.raises(SourceError, match="no new frames"):
        loop.run(10.0)
    assert max(world.times(MessageType.BEAT)) < frozen_at + STALL_S / 2 + 2 * HOP_S
    assert world.hand.state in STOPPED


def test_a_long_hop_keeps_the_heartbeat(world: World) -> None:
    slow = toy_signal(window=200, hop=125)
    summary = make(world, FakeSource(world), fist, spec=slow).run(5.0)
    assert summary.n_decisions == 9
    assert summary.commands["FIST"] > 0
    assert world.hand.fault is Fault.NONE
    assert max(np.diff(world.times(MessageType.BEAT))) < 0.1


def test_a_hand_disarmed_by_somebody_else_ends_the_run(world: World) -> None:
    loop = make(world, FakeSource(world), fist)
    foreign = encode_frame(Frame(MessageType.STOP, 0, 7, b""))
    world.after(1.0, lambda: world.hand.bytes_in(foreign))
    with pytest.raises(LinkError, match="disarmed by somebody else"):
        loop.run(10.0)


def test_an_amplifier_may_take_its_time_to_start(world: World) -> None:
    source = FakeSource(world)
    source.silent = True
    world.after(START_S - 1, lambda: setattr(source, "silent", False))
    summary = make(world, source, fist).run(START_S + 1)
    assert summary.activations == 1
    assert min(world.times(MessageType.BEAT)) > min(world.times(MessageType.ARM)) - 2 * HOP_S


def test_an_interrupted_stop_is_said_again(world: World) -> None:
    loop = make(world, FakeSource(world), fist)
    link = loop._hand
    assert link is not None
    stop, tried = link.stop, []

    def interrupted() -> None:
        tried.append(world.now_s)
        if len(tried) == 1:
            raise KeyboardInterrupt
        stop()

    link.stop = interrupted  # type: ignore[method-assign]
    world.after(1.0, lambda: setattr(loop._source, "jump", 1000))
    with pytest.raises(KeyboardInterrupt):
        loop.run(10.0)
    assert len(world.times(MessageType.STOP)) == 3


def test_what_failed_first_is_what_is_reported(world: World) -> None:
    """The cable goes with the amplifier: the hand cannot be told, and the amplifier is to blame."""
    source = FakeSource(world)
    loop = make(world, source, fist)

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
        make(world, source, fist).run(10.0)
    assert not world.times(MessageType.ARM)
    assert world.hand.attaches == 0


def test_a_short_pause_is_survived(world: World) -> None:
    source = FakeSource(world)
    world.after(1.0, lambda: setattr(source, "silent", True))
    world.after(1.2, lambda: setattr(source, "silent", False))
    summary = make(world, source).run(3.0)
    assert summary.stopped_by == "3 s have passed"
    assert world.hand.fault is Fault.NONE


@pytest.mark.parametrize("error", [SourceError("amplifier: lost"), RuntimeError("a bug")])
def test_whatever_fails_the_hand_is_stopped_first(world: World, error: Exception) -> None:
    source = FakeSource(world)
    loop = make(world, source, fist)
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
    loop = make(world, source, fist)
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
        make(world, source, fist).run(10.0)
    assert not world.times(MessageType.ARM)
    assert world.hand.attaches == 0


def test_ctrl_c_stops_the_hand(world: World) -> None:
    source = FakeSource(world)
    loop = make(world, source, fist)

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
    loop = make(world, source, fist)
    world.after(1.0, lambda: setattr(world, "cut", True))
    begin = world.now_s
    with pytest.raises(LinkError):
        loop.run(10.0)
    assert world.now_s - begin < 2.0
    assert source.stops == 1
    world.sleep(0.3)
    assert world.hand.state is HandState.FAILSAFE


def test_an_emergency_stop_ends_the_run(world: World) -> None:
    loop = make(world, FakeSource(world), fist)
    world.after(1.0, lambda: world.hand.estop(True))
    with pytest.raises(LinkError, match="ESTOP"):
        loop.run(10.0)
    assert world.hand.state is HandState.ESTOP


def test_a_long_gap_stops_the_hand_for_good(world: World) -> None:
    """Decoding goes on after it, but nothing is sent any more: re-arming wants a person."""
    source = FakeSource(world)
    loop = make(world, source, fist)
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
        return np.array([0.0, 5.0])

    hang_at = world.now_s + 1.0
    with pytest.raises(LinkError, match="FAILSAFE"):
        make(world, FakeSource(world), hanging).run(10.0)
    assert world.hand.state is HandState.FAILSAFE
