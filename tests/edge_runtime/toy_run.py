"""Runs of a toy decoder whose scores follow from its window alone, with faults at given times."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from loop_world import World
from session_maker import Asked, record
from toys import toy_signal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec, Proportional
from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.contract.quality_spec import QualitySpec
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.quality import SignalQuality
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.telemetry.messages import Message
from neurograsp.firmware_bridge.link import HandLink

SPEC = toy_signal(window=10, hop=5, interpolate_frames=3)
DECISION = DecisionSpec(
    (0.6, 0.6), (0.4, 0.4), smooth=2, dwell=2, refractory_s=0.3, proportional=Proportional("speed")
)


class Signals:
    """Noise, and a fist where the first channel is high; silent, flat, jumping or broken at times.

    Args:
        world: of the loop.
        fists: seconds at which one begins and ends.
    """

    description = "toy signals"

    def __init__(self, world: World, fists: Sequence[tuple[float, float]] = ()) -> None:
        self.silent = self.flat = self.broken = False
        self.jump = 0
        self._world, self._fists = world, fists
        self._random = np.random.default_rng(0)
        self._begin_s = world.now_s
        self._sent = 0
        self._last = np.zeros(2, np.int64)

    def start(self) -> None:
        if self.broken:
            raise SourceError("still unplugged")

    def read(self) -> Block:
        if self.broken:
            raise SourceError("unplugged")
        seconds = self._world.now_s - self._begin_s
        due = round(seconds * SPEC.rate_hz) - self._sent
        index = np.arange(self._sent, self._sent + due, dtype=np.int64) + self.jump
        self._sent += due
        if self.silent:
            return Block.empty(2)
        high = any(begin <= seconds < end for begin, end in self._fists)
        counts = self._random.integers(-20, 21, (due, 2)) + (np.array([60, 0]) if high else 0)
        if self.flat:
            counts = np.repeat(self._last[None], due, axis=0)
        elif due:
            self._last = counts[-1]
        return Block(counts.astype(np.int32), index)

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        pass


def scorer(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    level = float(window[:, 0].mean()) / 10
    return np.array([3.0 - level, level - 2.0])


def toy_pipeline(decision: DecisionSpec = DECISION) -> Pipeline:
    return Pipeline(SPEC, decision, scorer, quality=SignalQuality(SPEC, QualitySpec(saturated=1.0)))


def cut_at_arming(number: int, *, answered: bool) -> Callable[[World, Signals], None]:
    """Faults for `toy_session`: the cable is cut for good with an arming.

    Args:
        number: of the arming, from 1.
        answered: the hand has said by then that it is armed.
    """

    def put(world: World, source: Signals) -> None:
        connect = world.link
        armings = 0

        def link() -> HandLink:
            one = connect()
            arm = one.arm

            def arm_and_cut() -> None:
                nonlocal armings
                armings += 1
                world.cut = armings == number and not answered
                arm()
                world.cut = armings == number

            one.arm = arm_and_cut  # type: ignore[method-assign]
            return one

        world.link = link  # type: ignore[method-assign]

    return put


def toy_session(
    world: World,
    *,
    seconds: float,
    fists: Sequence[tuple[float, float]],
    asked: Asked = (),
    faults: Callable[[World, Signals], None] | None = None,
    again: bool = True,
    reopen: bool = True,
) -> list[Message]:
    """What such a run tells.

    Args:
        faults: is called before the run, to put things at times of the world.
    """
    source = Signals(world, fists)
    if faults is not None:
        faults(world, source)
    return record(
        world, source, toy_pipeline(), DECISION, seconds=seconds, asked=asked, again=again, reopen=reopen
    )
