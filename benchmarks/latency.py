"""From a sample at the amplifier to the byte on the serial line that it caused: docs/timing.md.

    python benchmarks/latency.py [--bundle BUNDLE] [--recording FILE] [--runs 10] [--seconds 10]

The recording goes through BrainFlow's playback board, whose driver stamps each frame when it takes it; the
frame's number travels with it. Between control loop and simulated hand a process of its own passes the bytes
on and stamps them as they arrive. A command belongs to the newest frame of the window that it was decided
from, so what is measured is: waiting for the next tick, reading, filter, network, decision, protocol, line.
Where a tick lies between two hops is chance and stays so for a run, hence several runs.
"""

import argparse
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import serial

from neurograsp.edge_runtime.arming import AtOnce
from neurograsp.edge_runtime.bundle import Bundle, open_bundle
from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.edge_runtime.cli.sources import read_frames
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.realtime import Realtime
from neurograsp.edge_runtime.sources.brainflow_board import PLAYBACK_LAYOUTS, PlaybackSource
from neurograsp.edge_runtime.sources.brainflow_library import load_brainflow
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.firmware_bridge.frames import FrameDecoder
from neurograsp.firmware_bridge.host_firmware import SimulatedHand
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import Action, MessageType, parse
from neurograsp.firmware_bridge.transports import BAUD, open_transport

Stamped = list[tuple[float, bytes]]


def pass_on(line: int, hand_url: str, ends: Connection) -> None:
    """Bytes from `line` to the hand and back, until told to end; sends what came from the line, stamped."""
    seen: Stamped = []
    with Realtime(priority=True).taken(), serial.Serial(hand_url, BAUD, timeout=0) as hand:
        ends.send(None)
        while not ends.poll():
            ready, _, _ = select.select([line, hand, ends], [], [])
            if line in ready:
                data = os.read(line, 4096)
                seen.append((time.time(), data))
                hand.write(data)
            if hand in ready:
                os.write(line, hand.read(4096))
    ends.send(seen)


@contextmanager
def stamped_line(seen: Stamped) -> Iterator[str]:
    """The port of a simulated hand; `seen` is what was written to it, with the times of arrival."""
    fork = get_context("fork")
    with SimulatedHand() as hand:
        line, port = os.openpty()
        here, there = fork.Pipe()
        process = fork.Process(target=pass_on, args=(line, hand.url, there))
        process.start()
        try:
            here.recv()
            yield os.ttyname(port)
            here.send(None)
            seen += here.recv()
        finally:
            process.terminate()
            process.join()
            os.close(line)
            os.close(port)


def commands(seen: Stamped) -> Iterator[tuple[float, str]]:
    """When the first byte of each command's frame arrived, and its action; repetitions left out."""
    decoder, done = FrameDecoder(), set()
    for at, data in seen:
        for frame in decoder.feed(data):
            if frame.type == MessageType.ACTION and (frame.session, frame.seq) not in done:
                done.add((frame.session, frame.seq))
                message = parse(frame)
                assert isinstance(message, Action)
                yield at, message.action.name


class Watch:
    """When BrainFlow took each frame, and when each command was decided, by the clock of `time.time`.

    Attributes:
        taken: frame number to time.
        decided: time, command and frame, in order.
    """

    def __init__(self, source: PlaybackSource, pipeline: Any) -> None:
        self.taken: dict[int, float] = {}
        self.decided: list[tuple[float, str, int]] = []
        brainflow = load_brainflow()
        layout = brainflow.BoardShim.get_board_descr(brainflow.BoardIds[PLAYBACK_LAYOUTS[0][1]].value)
        rows = [layout["package_num_channel"], layout["timestamp_channel"]]
        board, read, push = source._board, source._board.read, pipeline.push

        def reading() -> npt.NDArray[np.float64]:
            data = read()
            self.taken.update((int(number), stamp) for number, stamp in data[rows].T)
            return data

        def pushing(*block: Any) -> list[Decision]:
            made: list[Decision] = push(*block)
            self.decided += [(time.time(), one.command, one.frame) for one in made if one.command]
            return made

        board.read = reading  # type: ignore[method-assign]
        pipeline.push = pushing

    def latency(self, at: float, command: str) -> float | None:
        """Seconds from the frame behind a command that arrived at `at`; None where none was decided."""
        frames = [frame for when, what, frame in self.decided if when <= at and what == command]
        return at - self.taken[frames[-1]] if frames else None


def measure(bundle: Bundle, frames: DeltaFrames, seconds: float) -> list[float]:
    """One run: seconds from frame to byte, of every command that was sent."""
    source, pipeline = PlaybackSource(frames, bundle.manifest.signal), bundle.pipeline()
    seen: Stamped = []
    try:
        watch = Watch(source, pipeline)
        with stamped_line(seen) as port, HandLink(open_transport(port)) as link:
            link.connect()
            ControlLoop(source, pipeline, link, arming=AtOnce(), realtime=Realtime(priority=True)).run(
                seconds
            )
    finally:
        source.stop()
    found = [watch.latency(at, command) for at, command in commands(seen)]
    if None in found:
        raise RuntimeError("a command arrived that was not decided")
    return [one for one in found if one is not None]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=PRETRAINED)
    parser.add_argument("--recording", type=Path, default=PRETRAINED_RECORDING)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    bundle, frames = open_bundle(arguments.bundle), read_frames(arguments.recording)
    hop_ms = bundle.manifest.signal.hop_s * 1000
    print(f"a hop is {hop_ms:g} ms\n")
    print("| run | commands | p50 ms | p99 ms | max ms |\n| --- | --- | --- | --- | --- |")
    every: list[float] = []
    for run in range(1, arguments.runs + 1):
        found = measure(bundle, frames, arguments.seconds)
        every += found
        print(f"| {run} | {row(found)} |", flush=True)
    print(f"| all | {row(every)} |")


def row(seconds: list[float]) -> str:
    ms = np.array(seconds) * 1000
    return " | ".join([str(len(ms)), *(f"{one:.1f}" for one in np.percentile(ms, [50, 99, 100]))])


if __name__ == "__main__":
    main()
