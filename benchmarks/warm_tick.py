"""Ticks of the control loop without pauses, with frames from memory and no hand: docs/timing.md.

    python benchmarks/warm_tick.py [--bundle BUNDLE] [--ticks 4000]

What the work of a tick costs while everything is in the caches; `neurograsp bench` measures it as on a live
stream. Microseconds.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from neurograsp.edge_runtime.bench import _Tick, golden_frames
from neurograsp.edge_runtime.bundle import Bundle, open_bundle
from neurograsp.edge_runtime.cli.demo import PRETRAINED
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.realtime import Realtime
from neurograsp.edge_runtime.sources.base import Block


class Memory:
    """A hop of recorded frames at every read."""

    description = "memory"

    def __init__(self, bundle: Bundle, ticks: int) -> None:
        spec = bundle.manifest.signal
        self._n_frames = spec.hop * spec.decimation
        frames = golden_frames(bundle, 10.0)
        self._counts = frames.counts[: len(frames.counts) // self._n_frames * self._n_frames]
        self._left = ticks
        self._sent = 0

    def start(self) -> None:
        pass

    def read(self) -> Block:
        first = self._sent % len(self._counts)
        index = np.arange(self._sent, self._sent + self._n_frames, dtype=np.int64)
        self._sent += self._n_frames
        self._left -= 1
        return Block(self._counts[first : first + self._n_frames], index)

    def finished(self) -> bool:
        return self._left <= 0

    def stop(self) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=PRETRAINED)
    parser.add_argument("--ticks", type=int, default=4000)
    arguments = parser.parse_args()
    bundle = open_bundle(arguments.bundle)
    network, tick = bundle.network(), _Tick()
    network.time_invoke(time.monotonic, tick.invoked)
    loop = ControlLoop(
        Memory(bundle, arguments.ticks),
        bundle.pipeline(network=network),
        None,
        arming=None,
        realtime=Realtime(priority=True),
        sleep=lambda seconds: None,
    )
    loop.summary.sections["tick"] = tick
    sections = {**loop.run().sections, "own": tick.own, "invoke": tick.invoke}
    print("| | p50 | p95 | p99 | p99.9 | max |\n| --- | --- | --- | --- | --- | --- |")
    for name, histogram in sections.items():
        if name != "late":
            summary = histogram.summary()
            cells = [summary[f"{column}_us"] for column in ("p50", "p95", "p99", "p999", "max")]
            print(f"| `{name}` | {' | '.join('-' if cell is None else f'{cell:.0f}' for cell in cells)} |")


if __name__ == "__main__":
    main()
