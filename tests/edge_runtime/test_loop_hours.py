"""Hours of the control loop, as fast as they go: nothing grows, and no deadline drifts."""

import sys
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from core_bench import SERVO_FRAME_MS, Bench
from loop_world import DECISION, World
from toys import chain_signal, eeg_like

from neurograsp.edge_runtime.arming import AtOnce
from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.cli.demo import PRETRAINED
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.machine import memory_mb
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.run_summary import RuntimeState
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.firmware_bridge.protocol import Fault

LOOKS = 9
HOUR_S = 3600.0


class LongHand(Bench):
    """Polled once a servo frame, instead of once a millisecond."""

    def run(self, ms: int) -> None:
        while ms > 0:
            step = min(ms, SERVO_FRAME_MS - self.now_ms % SERVO_FRAME_MS)
            self.jump(step)
            ms -= step
            if self.now_ms % SERVO_FRAME_MS == 0:
                self.servo_frame()


class LongWorld(World):
    """Forgets what was sent."""

    def __init__(self, core: Any) -> None:
        super().__init__(core)
        self.hand.close()
        self.hand = LongHand(core)
        self.sent = deque(maxlen=100)  # type: ignore[assignment]


class Amplifier:
    """The same frames over and over, as the world's clock says."""

    description = "simulated amplifier"

    def __init__(self, counts: npt.NDArray[np.int32], rate_hz: float, world: World) -> None:
        self._length = len(counts)
        self._counts = np.tile(counts, (2, 1))
        self._rate_hz = rate_hz
        self._world = world
        self._begin_s = 0.0
        self._sent = 0

    def start(self) -> None:
        self._begin_s = self._world.now_s

    def read(self) -> Block:
        due = round((self._world.now_s - self._begin_s) * self._rate_hz) - self._sent
        first = self._sent % self._length
        index = np.arange(self._sent, self._sent + due, dtype=np.int64)
        self._sent += due
        return Block(self._counts[first : first + due], index)

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        pass


def run_for(
    hours: float, counts: npt.NDArray[np.int32], pipeline: Pipeline, core: Any
) -> list[tuple[int, float]]:
    """A run with the firmware's C core as the hand.

    Returns:
        Python's allocated blocks and the resident memory in MB, seen on the way.
    """
    world, seconds = LongWorld(core), hours * HOUR_S
    loop = ControlLoop(
        Amplifier(counts, pipeline.signal.rate_hz, world),
        pipeline,
        world.link(),
        arming=AtOnce(),
        kept_decisions=0,
        clock=world.clock,
        sleep=world.sleep,
    )
    seen: list[tuple[int, float]] = []
    for number in range(LOOKS):
        at = (number + 0.5) * seconds / LOOKS
        world.after(at, lambda: seen.append((sys.getallocatedblocks(), memory_mb("VmRSS"))))
    begin = world.now_s
    summary = loop.run(seconds)
    hop_s = pipeline.signal.hop_s
    assert summary.ticks == pytest.approx(seconds / hop_s, abs=1)
    assert summary.deadline_misses == 0
    assert summary.sections["late"].max_us < 1
    assert world.now_s - begin == pytest.approx(seconds, abs=2 * hop_s)
    assert summary.n_decisions > 0.99 * seconds / hop_s
    assert sum(summary.commands.values()) > seconds / 60
    assert summary.stopped_by == f"{seconds:g} s have passed"
    assert summary.state is RuntimeState.STOPPED
    assert (world.hand.fault, world.hand.faults) == (Fault.NONE, 0)
    world.hand.close()
    return seen


def assert_flat(seen: list[tuple[int, float]], more_blocks: int) -> None:
    """From the third look on."""
    blocks, resident_mb = zip(*seen[2:])
    assert len(seen) == LOOKS
    assert max(blocks) - blocks[0] < more_blocks
    assert max(resident_mb) - resident_mb[0] < 1.0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_eight_hours(core: Any) -> None:
    """Filter, decisions, protocol and firmware; the network is a stand-in."""
    spec = chain_signal("notch, band-pass, decimate", window=12, hop=6)
    phase = iter(range(10**9))

    def scorer(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        return np.array([0.0, 5.0 if next(phase) % 100 >= 50 else -5.0])

    counts = eeg_like(500, 2, 0)
    seen = run_for(8, counts, Pipeline(spec, DECISION, scorer), core)
    assert_flat(seen, more_blocks=500)


@pytest.mark.long
def test_a_quarter_of_an_hour_with_the_real_network(core: Any) -> None:
    bundle = open_bundle(PRETRAINED)
    recorded = bundle.golden.counts[:400]  # those behind them are random
    seen = run_for(0.25, recorded, bundle.pipeline(), core)
    # The link keeps its newest 10,000 round trips, which take 45 minutes to come; 45,000 hops leave nothing.
    assert_flat(seen, more_blocks=5000)
