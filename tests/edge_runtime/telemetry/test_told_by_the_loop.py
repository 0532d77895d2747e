"""What the real loop tells, with the real C core as the hand: everything that happened, and nothing else."""

import os
import socket
from typing import Any

import numpy as np
import pytest
from loop_world import DECISION, HOP_S, SPEC, FakeSource, Fist, World

from neurograsp.edge_runtime.actuation import ASKED_TO_STOP
from neurograsp.edge_runtime.arming import AtOnce, ByKey, ByMonitor, WithStop
from neurograsp.edge_runtime.contract.errors import LinkError, SourceError
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.telemetry.messages import Command, Counts, Decided, HandReport, Message, Tick
from neurograsp.edge_runtime.telemetry.outlet import Outlet
from neurograsp.edge_runtime.telemetry.record import Unpacker
from neurograsp.firmware_bridge.protocol import Action, HandState, MessageType, parse


class Told:
    """A loop in the world that tells; `messages` is drained as it runs, as an observer does."""

    def __init__(
        self, world: World, arming: Any = None, source: FakeSource | None = None, **kwargs: Any
    ) -> None:
        self.world = world
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs.setblocking(False)
        self.outlet = Outlet(ours, world.clock)
        self.messages: list[Message] = []
        self.source = source or FakeSource(world)
        self._unpacker = Unpacker(2, 7)
        self._began = False
        asked = self.outlet.asked
        if isinstance(arming, str):
            arming = {"monitor": ByMonitor(asked), "also": WithStop(asked, AtOnce())}[arming]
        self.loop = ControlLoop(
            self.source,
            Pipeline(SPEC, DECISION, Fist()),
            world.link(),
            arming=arming,
            clock=world.clock,
            sleep=self._sleep,
            outlet=self.outlet,
            **kwargs,
        )

    def _sleep(self, seconds: float) -> None:
        self.drain()
        self.world.sleep(seconds)

    def drain(self) -> None:
        while True:
            try:
                data = self.theirs.recv(2**20)
            except BlockingIOError:
                return
            if self._began:
                self.messages += self._unpacker.unpack(data)
            self._began = True

    def run(self, seconds: float) -> list[Message]:
        try:
            self.loop.run(seconds)
        finally:
            self.drain()
            self.theirs.close()
        assert not self.outlet.dropped
        return self.messages

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    def ask(self, word: bytes) -> None:
        self.theirs.send(word)


def test_a_whole_run_is_told(world: World) -> None:
    told = Told(world, AtOnce())
    begin = world.now_s
    told.run(2.0)
    ticks = told.of(Tick)
    assert [tick.number for tick in ticks] == list(range(100))
    assert [tick.at_s for tick in ticks] == pytest.approx([number * HOP_S for number in range(100)])
    assert {tick.request for tick in ticks[1:]} == {None} and ticks[0].request == "arm"
    index = np.concatenate([one.frame_index for one in told.of(Counts)])
    np.testing.assert_array_equal(index, np.arange(len(index)))
    decisions = told.of(Decided)
    summary = told.loop.summary
    assert len(decisions) == summary.n_decisions
    assert [one.reason for one in decisions] == [one.reason for _, one in summary.decisions]
    # Every request that went out over the wire was told, as it was, at the tick in which it was made.
    asked = [(one.at_s, one.name, one.speed, one.ttl_ms) for one in told.of(Command) if one.kind == "act"]
    frames = [
        (time_s - begin, parse(frame)) for time_s, frame in world.sent if frame.type == MessageType.ACTION
    ]
    sent = [(at_s, one.action.name, one.speed, one.ttl_ms) for at_s, one in frames if isinstance(one, Action)]
    assert [one[1:] for one in asked] == [one[1:] for one in sent] and len(asked) > 3
    assert [one[0] for one in asked] == pytest.approx([one[0] for one in sent])
    assert [(one.kind, one.reason) for one in told.of(Command) if one.kind != "act"] == [
        ("arm", ""),
        ("stop", "the run ended"),
    ]
    assert told.of(Command)[-1].at_s == pytest.approx(2.0)
    assert told.loop.summary.sections["tell"].count == 100
    states = [one.state for one in told.of(HandReport)]
    assert states[0] == "IDLE" and {"MOVING", "HOLD"} & set(states)
    assert {one.attached for one in told.of(HandReport)} == {True, False}


def test_the_state_of_the_hand_is_told_with_the_tick_that_saw_it(world: World) -> None:
    told = Told(world, AtOnce())
    world.after(1.0, lambda: world.hand.estop(True))
    with pytest.raises(LinkError, match="went into ESTOP"):
        told.run(3.0)
    last = [message for message in told.messages if isinstance(message, HandReport | Tick)][-2:]
    assert [type(one) for one in last] == [HandReport, Tick]
    assert last[0].state == "ESTOP" and last[0].at_s == last[1].at_s
    assert told.of(Command)[-1].kind == "stop"


def test_a_tick_that_fails_is_told_as_far_as_it_came(world: World) -> None:
    source = FakeSource(world)
    told = Told(world, AtOnce(), source)
    world.after(0.5, lambda: setattr(source, "error", SourceError("unplugged")))
    with pytest.raises(SourceError):
        told.run(1.0)
    ticks = told.of(Tick)
    assert [tick.number for tick in ticks] == list(range(len(ticks)))
    assert ticks[-1].source_lost and ticks[-1].age_s is None
    assert (ticks[-1].infer_us, ticks[-1].request) == (0.0, None)
    assert told.of(Command)[-1] == Command(ticks[-1].at_s, "stop", "", 0, 0, 0, "unplugged")


def test_what_is_withheld_is_told(world: World) -> None:
    told = Told(world, None)
    told.run(1.0)
    assert {one.kind for one in told.of(Command)} == {"withheld", "stop"}
    withheld = [one for one in told.of(Command) if one.kind == "withheld"]
    assert len(withheld) == told.loop.summary.withheld["FIST"]


def test_a_hand_that_is_lost_and_found(world: World) -> None:
    keys, pressed = os.pipe()
    told = Told(world, ByKey(keys), reopen=world.link, patience_s=20.0)
    world.after(0.2, lambda: os.write(pressed, b"a"))
    world.after(1.0, lambda: setattr(world, "cut", True))
    world.after(2.0, lambda: setattr(world, "cut", False))
    told.run(4.0)
    lost = [tick.hand_lost for tick in told.of(Tick)]
    assert True in lost and not lost[0] and not lost[-1]
    back = lost.index(False, lost.index(True))
    (report,) = [one for one in told.of(HandReport) if one.at_s == told.of(Tick)[back].at_s]
    assert not HandState[report.state].armed
    assert "armed" in {tick.state for tick in told.of(Tick)}
    os.close(keys)
    os.close(pressed)


def test_a_monitor_stops_a_hand_that_was_armed_otherwise(world: World) -> None:
    told = Told(world, "also")
    stopped: list[float] = []
    world.after(1.0, lambda: told.ask(b"stop"))
    told.run(3.0)
    stopped = world.times(MessageType.STOP)
    assert stopped[0] == pytest.approx(101.0, abs=2 * HOP_S)
    tick = next(tick for tick in told.of(Tick) if tick.request == "stop")
    assert (tick.state, tick.stopped_by) == ("stopped", ASKED_TO_STOP)
    assert told.of(Tick)[-1].state == "stopped"
    assert max(world.times(MessageType.ACTION)) < stopped[0]
    assert Command(tick.at_s, "stop", "", 0, 0, 0, ASKED_TO_STOP) in told.of(Command)


def test_a_stop_takes_back_what_was_asked_before(world: World) -> None:
    """Arming waits for the signal; STOP meanwhile is the last word."""
    source = FakeSource(world)
    source.silent = True
    told = Told(world, "monitor", source)
    world.after(0.1, lambda: told.ask(b"alive"))
    world.after(0.1, lambda: told.ask(b"arm"))
    world.after(0.5, lambda: told.ask(b"stop"))
    world.after(1.0, lambda: setattr(source, "silent", False))
    told.run(3.0)
    assert not world.times(MessageType.ARM)
    assert told.of(Tick)[-1].state == "stopped"


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("where", ["between ticks", "in the source", "in the network"])
def test_what_a_monitor_asks_while_the_loop_hangs_arms_nothing(world: World, where: str, stop: bool) -> None:
    """Its lease is new, it says all the time that it is there, and no frame is too old behind the hang."""
    told = Told(world, "monitor")

    def hang() -> None:
        world.sleep(0.3)
        told.ask(b"arm")
        for _ in range(20):
            told.ask(b"alive")
            world.sleep(0.25)
        if stop:
            told.ask(b"stop")

    if where == "between ticks":
        world.after(1.0, hang)
    else:
        thing, name = (told.source, "read") if where == "in the source" else (told.loop._pipeline, "push")
        does = getattr(thing, name)

        def hanging(*arguments: Any) -> Any:
            setattr(thing, name, does)
            result = does(*arguments)
            hang()
            return result

        world.after(1.0, lambda: setattr(thing, name, hanging))
    world.after(8.0, lambda: told.ask(b"alive"))
    world.after(8.0, lambda: told.ask(b"arm"))
    told.run(8.5)
    requests = [(tick.at_s > 7.9, tick.request) for tick in told.of(Tick) if tick.request]
    assert requests == [(False, "stop" if stop else "disarm"), (True, "arm")]
    (armed,) = world.times(MessageType.ARM)
    assert armed > 107.9


def test_what_a_monitor_asked_before_the_run_began_arms_nothing(world: World) -> None:
    told = Told(world, "monitor")
    told.ask(b"alive")
    told.ask(b"arm")
    told.run(1.0)
    assert not world.times(MessageType.ARM)


def test_a_monitor_arms_and_its_silence_disarms(world: World) -> None:
    told = Told(world, "monitor")
    for number in range(8):
        world.after(0.25 * number, lambda: told.ask(b"alive"))
    world.after(0.5, lambda: told.ask(b"arm"))
    told.run(5.0)
    ticks = told.of(Tick)
    armed = [tick.at_s for tick in ticks if tick.state == "armed"]
    assert armed[0] == pytest.approx(0.5, abs=2 * HOP_S)
    assert armed[-1] == pytest.approx(1.75 + 1.0, abs=3 * HOP_S)
    assert ticks[-1].state == "disarmed"
    assert len(world.times(MessageType.ARM)) == 1


def test_an_observer_that_dies_disarms_what_a_monitor_armed(world: World) -> None:
    told = Told(world, "monitor")
    for number in range(4):
        world.after(0.1 + 0.25 * number, lambda: told.ask(b"alive"))
    world.after(0.2, lambda: told.ask(b"arm"))
    world.after(1.0, told.theirs.close)
    states: list[HandState] = []
    world.after(0.9, lambda: states.append(world.hand.state))
    world.after(2.5, lambda: states.append(world.hand.state))
    told.drain = lambda: None  # type: ignore[method-assign]
    told.loop.run(3.0)
    assert states[0] in (HandState.ARMED, HandState.MOVING, HandState.HOLD)
    assert states[1] is HandState.IDLE
    assert told.outlet.lost
