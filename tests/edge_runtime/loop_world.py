"""A world of one clock for source, loop, link and firmware, with the real C core as the hand."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from core_bench import Bench
from toys import toy_signal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import LinkLost
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.firmware_bridge.frames import Frame, FrameDecoder
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import HandState, MessageType

SPEC = toy_signal(window=10, hop=5)
HOP_S = 0.02
DECISION = DecisionSpec((0.6, 0.6), (0.4, 0.4))
STOPPED = (HandState.IDLE, HandState.FAILSAFE, HandState.ESTOP)


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


def rest(window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    return np.array([5.0, 0.0])


class Fist:
    """Rest at first, since what is under way when the hand is armed is not sent; then a fist for ever."""

    def __init__(self, rests: int = 3) -> None:
        self._rests = rests
        self._calls = 0

    def __call__(self, window: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        self._calls += 1
        return np.array([5.0, 0.0] if self._calls <= self._rests else [0.0, 5.0])
