"""Arming, disarming, stopping and coming back, on a clock of the test, with the real C core as the hand."""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from loop_world import DECISION, HOP_S, SPEC, STOPPED, FakeSource, World
from toys import toy_signal

from neurograsp.edge_runtime.actuation import ARM_WAIT_S, STALE_S, TRANSITIONS, Actuation, RuntimeEvent
from neurograsp.edge_runtime.arming import AtOnce, Request
from neurograsp.edge_runtime.contract.errors import LinkError, Refused, SourceError
from neurograsp.edge_runtime.contract.quality_spec import QualitySpec
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.quality import SignalQuality
from neurograsp.edge_runtime.run_summary import RuntimeState
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.firmware_bridge.protocol import HandState, MessageType


class ByScript:
    """A person who asks at given times."""

    again = True
    hint = "as the test says"

    def __init__(self, world: World, *asked: tuple[float, Request]) -> None:
        self._asked = [(world.now_s + seconds, request) for seconds, request in asked]

    def poll(self, now: float) -> Request | None:
        if self._asked and now >= self._asked[0][0]:
            return self._asked.pop(0)[1]
        return None


class Mind:
    """Rest, and a fist between given times."""

    def __init__(self, world: World, *fists: tuple[float, float]) -> None:
        self._world, self._begin, self._fists = world, world.now_s, fists

    def __call__(self, window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        seconds = self._world.now_s - self._begin
        fist = any(begin <= seconds < end for begin, end in self._fists)
        return np.array([0.0, 5.0] if fist else [5.0, 0.0])


class LivelySource(FakeSource):
    """Frames that are no flat line; `flat` from a time on."""

    flat = False

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._random = np.random.default_rng(0)

    def read(self) -> Block:
        block = super().read()
        noise = self._random.integers(-50, 50, block.counts.shape)
        return Block(block.counts + (0 if self.flat else noise.astype(np.int32)), block.frame_index)


def loop_of(
    world: World, source: FakeSource, mind: Any, arming: Any, spec: SignalSpec = SPEC, **options: Any
) -> ControlLoop:
    judge = SignalQuality(spec, QualitySpec(saturated=1.0)) if isinstance(source, LivelySource) else None
    pipeline = Pipeline(spec, DECISION, mind, quality=judge)
    hand = world.link()
    return ControlLoop(source, pipeline, hand, arming=arming, clock=world.clock, sleep=world.sleep, **options)


def acted(world: World) -> list[float]:
    """When actions were sent, in seconds since the world began at 100 s."""
    return [round(time_s - 100, 3) for time_s in world.times(MessageType.ACTION)]


ARM, DISARM = Request.ARM, Request.DISARM


def test_nothing_moves_before_somebody_arms(world: World) -> None:
    arming = ByScript(world, (2.0, ARM))
    summary = loop_of(world, FakeSource(world), Mind(world, (1.0, 1.5), (3.0, 4.0)), arming).run(5.0)
    assert min(acted(world)) == pytest.approx(3.0, abs=2 * HOP_S)
    assert summary.withheld["FIST"] >= 1
    assert summary.armings == 1


def test_what_is_under_way_when_the_hand_is_armed_is_not_sent(world: World) -> None:
    arming = ByScript(world, (2.0, ARM))
    loop_of(world, FakeSource(world), Mind(world, (1.0, 3.0), (4.0, 5.0)), arming).run(6.0)
    assert min(acted(world)) == pytest.approx(4.0, abs=2 * HOP_S)


def test_disarming_stops_the_hand_at_once_and_it_can_be_armed_again(world: World) -> None:
    arming = ByScript(world, (1.0, ARM), (3.0, DISARM), (5.0, ARM))
    states: dict[float, HandState] = {}
    for seconds in (2.9, 3.1, 5.1):
        world.after(seconds, lambda seconds=seconds: states.update({seconds: world.hand.state}))
    mind = Mind(world, (2.0, 4.0), (6.0, 7.0))
    summary = loop_of(world, FakeSource(world), mind, arming).run(8.0)
    assert states == {2.9: HandState.HOLD, 3.1: HandState.IDLE, 5.1: HandState.ARMED}
    assert not [time_s for time_s in acted(world) if 3.0 < time_s < 6.0]
    assert [time_s for time_s in acted(world) if time_s >= 6.0]
    assert summary.armings == 2
    assert world.hand.state in STOPPED


def test_a_pause_of_the_amplifier_stops_and_is_left_by_arming_anew(world: World) -> None:
    source = FakeSource(world)
    world.after(3.0, lambda: setattr(source, "silent", True))
    world.after(3.4, lambda: setattr(source, "silent", False))
    arming = ByScript(world, (1.0, ARM), (5.0, ARM))
    summary = loop_of(world, source, Mind(world, (2.0, 4.5), (6.0, 7.0)), arming).run(8.0)
    ((stopped_s, reason),) = list(summary.stops)[:-1]
    assert reason == "no new frames for 0.2 s"
    assert stopped_s == pytest.approx(3.0 + STALE_S, abs=2 * HOP_S)
    assert not [time_s for time_s in acted(world) if 3.0 + STALE_S + HOP_S < time_s < 6.0]
    assert [time_s for time_s in acted(world) if time_s >= 6.0]
    assert summary.armings == 2


def test_a_lost_amplifier_comes_back_disarmed(world: World) -> None:
    source = FakeSource(world)
    world.after(3.0, lambda: setattr(source, "silent", True))
    world.after(6.0, lambda: setattr(source, "silent", False))
    arming = ByScript(world, (1.0, ARM), (10.0, ARM))
    loop = loop_of(world, source, Mind(world, (2.0, 9.0), (11.0, 12.0)), arming, patience_s=30.0)
    summary = loop.run(13.0)
    assert summary.source_losses == 1
    assert [time_s for time_s in acted(world) if 3.3 < time_s < 11.0] == []
    assert [time_s for time_s in acted(world) if time_s >= 11.0]


def test_a_source_that_says_that_it_is_lost_stops_the_hand_at_once(world: World) -> None:
    source = FakeSource(world)
    world.after(3.0, lambda: setattr(source, "error", SourceError("unplugged")))
    arming = ByScript(world, (1.0, ARM))
    loop = loop_of(world, source, Mind(world, (2.0, 9.0)), arming, patience_s=30.0)
    summary = loop.run(5.0)
    ((stopped_s, reason),) = summary.stops
    assert reason == "the amplifier is lost"
    assert stopped_s == pytest.approx(3.0, abs=2 * HOP_S)


def test_bad_electrodes_hold_then_stop_the_hand_and_must_be_armed_anew(world: World) -> None:
    source = LivelySource(world)
    world.after(3.0, lambda: setattr(source, "flat", True))
    world.after(6.0, lambda: setattr(source, "flat", False))
    states: dict[float, HandState] = {}
    for seconds in (2.9, 3.5, 4.5):
        world.after(seconds, lambda seconds=seconds: states.update({seconds: world.hand.state}))
    arming = ByScript(world, (1.0, ARM), (4.5, ARM), (8.0, ARM))
    mind = Mind(world, (2.0, 7.0), (9.0, 10.0))
    summary = loop_of(world, source, mind, arming).run(11.0)
    assert states == {2.9: HandState.HOLD, 3.5: HandState.HOLD, 4.5: HandState.IDLE}
    assert summary.commands["HOLD"] == 1
    assert "2 of 2 electrodes bad (C0, C1 flat) for 1 s" in dict(summary.stops).values()
    assert [time_s for time_s in acted(world) if 3.3 < time_s < 9.0] == []
    assert [time_s for time_s in acted(world) if time_s >= 9.0]


def test_a_request_to_arm_that_waited_too_long_is_dropped(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    source = LivelySource(world)
    source.flat = True
    world.after(ARM_WAIT_S + 5, lambda: setattr(source, "flat", False))
    with caplog.at_level(logging.WARNING):
        summary = loop_of(world, source, Mind(world), ByScript(world, (3.0, ARM))).run(ARM_WAIT_S + 10)
    assert summary.armings == 0
    assert "not armed: 2 of 2 electrodes bad (C0, C1 flat)" in caplog.messages
    assert not world.times(MessageType.ARM)


def test_an_emergency_stop_is_left_by_releasing_it_and_arming_anew(world: World) -> None:
    arming = ByScript(world, (1.0, ARM), (4.0, ARM), (6.0, ARM))
    world.after(3.0, lambda: world.hand.estop(True))
    world.after(5.0, lambda: world.hand.estop(False))
    summary = loop_of(world, FakeSource(world), Mind(world, (2.0, 3.5), (7.0, 8.0)), arming).run(9.0)
    assert summary.armings == 2
    assert "ESTOP" in dict(summary.stops)[next(seconds for seconds, _ in summary.stops)]
    assert [time_s for time_s in acted(world) if 3.1 < time_s < 7.0] == []
    assert [time_s for time_s in acted(world) if time_s >= 7.0]


def test_without_a_way_to_ask_again_a_refusal_ends_the_run(world: World) -> None:
    world.hand.estop(True)
    with pytest.raises(Refused):
        loop_of(world, FakeSource(world), Mind(world), AtOnce()).run(5.0)


def test_a_lost_hand_is_found_and_stays_disarmed(world: World) -> None:
    arming = ByScript(world, (1.0, ARM), (8.0, ARM))
    world.after(3.0, lambda: setattr(world, "cut", True))
    world.after(5.0, lambda: setattr(world, "cut", False))
    states: dict[float, HandState] = {}
    for seconds in (3.3, 7.5):
        world.after(seconds, lambda seconds=seconds: states.update({seconds: world.hand.state}))
    mind = Mind(world, (2.0, 7.0), (9.0, 10.0))
    loop = loop_of(world, FakeSource(world), mind, arming, reopen=world.link, patience_s=30.0)
    summary = loop.run(11.0)
    assert summary.hand_losses == 1
    assert states[3.3] is HandState.FAILSAFE
    assert states[7.5] in STOPPED
    assert summary.armings == 2
    assert world.hand.state in STOPPED


@pytest.mark.parametrize("asked_s", [2.9, 6.0], ids=["just before", "while it is lost"])
def test_what_is_asked_of_a_lost_hand_does_not_come_true_when_it_is_found(
    asked_s: float, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a hand that was stopped before as well, so that its loss stops nothing more."""
    source = LivelySource(world)
    world.after(0.5, lambda: setattr(source, "flat", True))
    world.after(3.0, lambda: setattr(world, "cut", True))
    world.after(4.0, lambda: setattr(source, "flat", False))
    world.after(9.0, lambda: setattr(world, "cut", False))
    loop = loop_of(
        world, source, Mind(world), ByScript(world, (asked_s, ARM)), reopen=world.link, patience_s=30.0
    )
    with caplog.at_level(logging.WARNING):
        summary = loop.run(20.0)
    assert summary.hand_losses == 1
    assert summary.armings == 0
    assert any(one.startswith("not armed: ") for one in caplog.messages)
    assert not world.times(MessageType.ARM)


def test_a_first_window_that_takes_longer_is_waited_for_at_the_start_and_not_after_a_press(
    world: World,
) -> None:
    long = toy_signal(window=round((ARM_WAIT_S + 2) / HOP_S) * SPEC.hop, hop=SPEC.hop)
    for arming, armings in ((AtOnce(), 1), (ByScript(world, (0.5, ARM)), 0)):
        loop = loop_of(world, FakeSource(world), Mind(world), arming, spec=long)
        assert loop.run(ARM_WAIT_S + 4).armings == armings


def test_a_hand_that_does_not_come_back_ends_the_run(world: World) -> None:
    world.after(3.0, lambda: setattr(world, "cut", True))
    begin = world.now_s
    with pytest.raises(LinkError):
        loop_of(
            world, FakeSource(world), Mind(world), ByScript(world), reopen=world.link, patience_s=5.0
        ).run(60.0)
    assert 8.0 <= world.now_s - begin < 20.0


def test_every_row_of_the_table_happens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other: a change that is not in it is an error, which stops the hand."""
    seen: set[tuple[RuntimeState, RuntimeEvent]] = set()
    change = Actuation._change

    def watch(self: Actuation, event: RuntimeEvent) -> None:
        seen.add((self._summary.state, event))
        change(self, event)

    monkeypatch.setattr(Actuation, "_change", watch)
    test_disarming_stops_the_hand_at_once_and_it_can_be_armed_again(world)
    source = FakeSource(world)
    world.after(2.0, lambda: setattr(source, "silent", True))
    world.after(2.4, lambda: setattr(source, "silent", False))
    loop_of(world, source, Mind(world), ByScript(world, (1.0, ARM), (4.0, ARM))).run(5.0)
    loop_of(world, FakeSource(world), Mind(world), None).run(1.0)
    broken = FakeSource(world)
    broken.start = lambda: (_ for _ in ()).throw(LinkError("no start"))  # type: ignore[method-assign]
    with pytest.raises(LinkError):
        loop_of(world, broken, Mind(world), None).run(1.0)
    assert seen == set(TRANSITIONS)
