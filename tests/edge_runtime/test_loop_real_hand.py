"""The control loop on the real clock, with the firmware in a process of its own behind a real pty."""

import _thread
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loop_world import Fist
from toys import toy_signal

from neurograsp.edge_runtime.arming import AtOnce
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import LinkError, SourceError
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.run_summary import RuntimeState
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.synthetic import SyntheticSource
from neurograsp.firmware_bridge.host_firmware import SimulatedHand, TraceRow, read_trace
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import HandState
from neurograsp.firmware_bridge.transports import open_transport

SPEC = toy_signal(window=10, hop=5)


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[SimulatedHand]:
    with SimulatedHand(tmp_path / "trace.csv") as simulated:
        yield simulated


@pytest.fixture
def link(hand: SimulatedHand) -> Iterator[HandLink]:
    with HandLink(open_transport(hand.url)) as one:
        one.connect()
        yield one


def make(link: HandLink, source: Any = None) -> ControlLoop:
    pipeline = Pipeline(SPEC, DecisionSpec((0.6, 0.6), (0.4, 0.4)), Fist(rests=25))
    return ControlLoop(source or SyntheticSource(SPEC), pipeline, link, arming=AtOnce())


def later(seconds: float, do: Any) -> threading.Timer:
    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


def trace(hand: SimulatedHand) -> list[TraceRow]:
    assert hand.trace is not None
    return read_trace(hand.trace)


def test_a_run_moves_the_hand_and_ends_with_it_at_rest(hand: SimulatedHand, link: HandLink) -> None:
    summary = make(link).run(1.5)
    time.sleep(0.1)
    rows = trace(hand)
    moved = [row.joints_us for row in rows if row.state in (HandState.MOVING, HandState.HOLD)]
    assert len(set(moved)) > 5
    assert rows[-1].state not in (HandState.ARMED, HandState.MOVING, HandState.HOLD)
    assert summary.commands["FIST"] >= 3
    assert link.stats.nacks == 0
    assert link.stats.acked >= summary.commands["FIST"]


def test_a_killed_firmware_is_a_link_error_at_once(hand: SimulatedHand, link: HandLink) -> None:
    killed: list[float] = []

    def kill() -> None:
        killed.append(time.monotonic())
        hand.kill()

    timer = later(0.7, kill)
    loop = make(link)
    with pytest.raises(LinkError, match=hand.url):
        loop.run(20.0)
    assert time.monotonic() - killed[0] < 3.0
    timer.join()
    assert loop.summary.state is RuntimeState.STOPPED
    assert hand.url in loop.summary.stopped_by


class Stalling(SyntheticSource):
    """Falls silent after some frames, as an unplugged amplifier does."""

    silent_since: float | None = None

    def read(self) -> Block:
        if self._sent < 150:
            return super().read()
        self.silent_since = self.silent_since or time.monotonic()
        return Block.empty(2)


def test_a_stalled_source_stops_the_hand(hand: SimulatedHand, link: HandLink) -> None:
    source = Stalling(SPEC)
    with pytest.raises(SourceError, match=r"no new frames for 0\.5 s"):
        make(link, source).run(20.0)
    assert source.silent_since is not None
    assert time.monotonic() - source.silent_since < 2.5
    time.sleep(0.1)
    rows = trace(hand)
    assert HandState.MOVING in {row.state for row in rows}
    assert rows[-1].state not in (HandState.ARMED, HandState.MOVING, HandState.HOLD)
    assert rows[-1].joints_us == rows[-3].joints_us


def test_ctrl_c_stops_the_hand(hand: SimulatedHand, link: HandLink) -> None:
    loop = make(link)

    def press_once_it_moves() -> None:
        while not loop.summary.commands.get("FIST"):
            time.sleep(0.01)
        time.sleep(0.2)
        _thread.interrupt_main()

    threading.Thread(target=press_once_it_moves, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        loop.run(20.0)
    time.sleep(0.1)
    rows = trace(hand)
    assert HandState.MOVING in {row.state for row in rows}
    assert rows[-1].state not in (HandState.ARMED, HandState.MOVING, HandState.HOLD)
