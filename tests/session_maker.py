"""Logs of runs of the real loop on a clock of the test, with the real C core as the hand."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from loop_world import World

from neurograsp.edge_runtime.arming import Request
from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.edge_runtime.cli.sources import read_frames
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import NeurograspError
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.sources.base import Block, Source
from neurograsp.edge_runtime.sources.file_player import FilePlayer
from neurograsp.edge_runtime.telemetry.log_writer import LogWriter, create
from neurograsp.edge_runtime.telemetry.messages import VERSION, Joint, Message, Session, to_bytes, topic_of
from neurograsp.edge_runtime.telemetry.outlet import Outlet
from neurograsp.edge_runtime.telemetry.record import Unpacker
from neurograsp.firmware_bridge.strict import encode

PATIENCE_S = 30.0
STARTED_AT = "2026-03-05T23:59:50.250000+00:00"

Asked = Sequence[tuple[float, Request]]


class ByScript:
    """A person who asks at given seconds."""

    hint = "as the test says"

    def __init__(self, world: World, asked: Asked, again: bool) -> None:
        self.again = again
        self._asked = [(world.now_s + seconds, request) for seconds, request in asked]

    def poll(self, now: float) -> Request | None:
        return self._asked.pop(0)[1] if self._asked and now >= self._asked[0][0] else None


def record(
    world: World,
    source: Source,
    pipeline: Pipeline,
    decision: DecisionSpec,
    *,
    seconds: float,
    asked: Asked = (),
    again: bool = True,
    reopen: bool = False,
    bundle: tuple[str, str] = ("toy.bundle", "ab" * 32),
) -> list[Message]:
    """What a run tells, its session first. Ticks begin up to a millisecond late; an error ends the run.

    Args:
        pipeline: with these thresholds.
        asked: of the arming; nothing: nobody may arm.
        again: see `Arming`.
        reopen: what is lost is looked for.
        bundle: path and hash.
    """
    link = world.link()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far.setblocking(False)
    records: list[bytes] = []
    late = 0

    def drain() -> None:
        with suppress(BlockingIOError):
            while True:
                records.append(far.recv(2**20))

    def sleep(wanted_s: float) -> None:
        nonlocal late
        late = (late * 7 + 3) % 11  # no two ticks alike, and no chance
        world.sleep(wanted_s + late * 1e-4)
        drain()

    arming = ByScript(world, asked, again) if asked else None
    loop = ControlLoop(
        source,
        pipeline,
        link,
        arming=arming,
        reopen=world.link if reopen else None,
        patience_s=PATIENCE_S if reopen else 0.0,
        outlet=Outlet(near, world.clock),
        clock=world.clock,
        sleep=sleep,
    )
    session = Session(
        version=VERSION,
        neurograsp=version("neurograsp"),
        started_at=STARTED_AT,
        bundle=bundle[0],
        bundle_sha256=bundle[1],
        signal=encode(pipeline.signal),
        decision=encode(decision),
        calibration_sha256=None,
        source=source.description,
        hand=link.caps.name,
        hand_actions=tuple(sorted(action.name for action in link.caps.actions)),
        hand_max_ttl_ms=link.caps.max_ttl_ms,
        on_link_loss="stops and holds",
        joints=tuple(Joint(one.name, one.low, one.high, one.unit) for one in link.ranges()),
        arming=None if arming is None else arming.hint,
        arms_again=again,
        patience_s=PATIENCE_S if reopen else 0.0,
        tick_ms=loop.summary.tick_ms,
    )
    unpacker = Unpacker(len(pipeline.signal.channels), len(session.joints))
    with near, far, suppress(NeurograspError):
        try:
            loop.run(seconds)
        finally:
            drain()
    return [session, *(message for raw in records[1:] for message in unpacker.unpack(raw))]


def write_log(path: Path, messages: Sequence[Message]) -> Path:
    """A log of these messages, the session first."""
    session, *others = messages
    assert isinstance(session, Session)
    writer = LogWriter(create(path), session)
    for number, message in enumerate(others):
        writer.add(topic_of(message), message.at_s, to_bytes(message))
        if number % 100 == 0:
            writer.flush()
    writer.close()
    return path


@dataclass(frozen=True)
class SampleLog:
    """Attributes:
    path: of the log.
    messages: that it holds.
    bundle: the one in the package, that ran.
    """

    path: Path
    messages: list[Message]
    bundle: Path


class Railed:
    """Another source, whose first channels are at the end of their range for a while."""

    def __init__(self, inner: Source, world: World, begin_s: float, end_s: float, n_channels: int) -> None:
        self.description = inner.description
        self.start, self.finished, self.stop = inner.start, inner.finished, inner.stop
        self._inner, self._world, self._n_channels = inner, world, n_channels
        self._begin_s, self._end_s = world.now_s + begin_s, world.now_s + end_s

    def read(self) -> Block:
        block = self._inner.read()
        counts = block.counts.copy()
        if self._begin_s <= self._world.now_s < self._end_s:
            counts[:, : self._n_channels] = 2**15 - 1
        return replace(block, counts=counts)


def record_sample(core: Any, path: Path) -> SampleLog:
    """Seven seconds of the recording in the package, armed from 1 s to 4 s and from 4.5 s on; from 5 s on
    four electrodes are railed, which stops the hand."""
    world = World(core)
    bundle = open_bundle(PRETRAINED)
    decision, signal = bundle.manifest.decision, bundle.manifest.signal
    source = Railed(
        FilePlayer(read_frames(PRETRAINED_RECORDING), signal, clock=world.clock), world, 5.0, 7.0, 4
    )
    asked = ((1.0, Request.ARM), (4.0, Request.DISARM), (4.5, Request.ARM))
    pipeline = bundle.pipeline()
    name = (str(PRETRAINED), bundle.sha256)
    messages = record(world, source, pipeline, decision, seconds=7.0, asked=asked, bundle=name)
    world.hand.close()
    return SampleLog(write_log(path, messages), messages, PRETRAINED)
