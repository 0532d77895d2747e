"""The messages of a log, put together again tick by tick."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.telemetry.counts import Counts
from neurograsp.edge_runtime.telemetry.messages import (
    Command,
    Decided,
    Event,
    HandReport,
    Message,
    Session,
    Tick,
)
from neurograsp.edge_runtime.telemetry.reader import SessionLog
from neurograsp.firmware_bridge.strict import decode

LONGEST_S = 1e8
"""Of a session: three years."""

MOST_MESSAGES, MOST_BYTES = 100_000, 2**28
"""Of one moment. A log is untrusted, and a few of its bytes may stand for many."""


TWO_SESSIONS = "two sessions in one log; it is damaged"

After = Counts | Tick | Decided | Command | HandReport | Event
"""What follows the session."""


@dataclass(slots=True)
class Moment:
    """What one tick told of.

    Attributes:
        at_s: when it began; without one, when the first of it was.
        tick: None of what followed the last tick, while the run ended.
        counts: what it read, in order.
        hand: None when nothing changed.
        events: what was logged since the moment before.
    """

    at_s: float
    tick: Tick | None = None
    counts: list[Counts] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    hand: HandReport | None = None
    events: list[Event] = field(default_factory=list)


class OpenLog:
    """A session log with what its session says made usable.

    Args:
        path: of the file.

    Attributes:
        session: as recorded.
        signal: of its bundle.
        decision: the thresholds that were in force.
        watch: is told the time of each moment that is read.

    Raises:
        RecordingError: see `SessionLog`; or the session is one that cannot be.
        MissingExtra: see `SessionLog`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.watch: Callable[[float], None] = lambda at_s: None
        self._log = SessionLog(path)
        self.session: Session = self._log.session
        self.signal = self._decoded(SignalSpec, self.session.signal, "signal")
        self.decision = self._decoded(DecisionSpec, self.session.decision, "decision")
        if len(self.decision.on) != len(self.signal.actions.names):
            raise RecordingError(
                f"{path}: {len(self.decision.on)} thresholds for {len(self.signal.actions.names)} actions; "
                "the log is damaged"
            )

    @property
    def cut(self) -> str | None:
        """After the last moment: why the log ends early, for people; None where it is whole."""
        return self._log.cut

    def moments(self) -> Iterator[Moment]:
        """From the beginning on, however often. Raises RecordingError."""
        for moment in moments(self._log, str(self.path)):
            self.watch(moment.at_s)
            yield moment

    def messages(self) -> Iterator[After]:
        """What follows the session, as it stands in the log. Raises RecordingError."""
        for number, message in enumerate(self._log):
            if isinstance(message, Session):
                if number:
                    raise RecordingError(f"{self.path}: {TWO_SESSIONS}")
                continue
            if not 0 <= message.at_s < LONGEST_S:
                raise RecordingError(f"{self.path}: {_no_time(message.at_s)}")
            self.watch(message.at_s)
            yield message

    def _decoded(self, cls: type[Any], tree: Any, name: str) -> Any:
        try:
            return decode(cls, tree, f"{self.path}: {name}")
        except ConfigError as error:
            raise RecordingError(f"{error}; the log is damaged, or of another version") from error


def moments(messages: Iterable[Message], where: str) -> Iterator[Moment]:
    """Messages in moments: each ends with its `Tick`.

    Args:
        where: the log's file, for messages.

    Raises:
        RecordingError: an impossible time, a tick's number that goes back, counts of other channels than the
            session's, two sessions, or more in one moment than a run tells.
    """
    now: Moment | None = None
    events: list[Event] = []
    last = -1
    n_channels: int | None = None
    n_messages = n_bytes = 0
    for message in messages:
        if isinstance(message, Session):
            if n_channels is not None:
                raise RecordingError(f"{where}: {TWO_SESSIONS}")
            n_channels = len(message.signal.get("channels") or ())
            continue
        if not 0 <= message.at_s < LONGEST_S:
            raise RecordingError(f"{where}: {_no_time(message.at_s)}")
        n_messages, n_bytes = n_messages + 1, n_bytes + _size(message)
        if n_messages > MOST_MESSAGES or n_bytes > MOST_BYTES:
            raise RecordingError(
                f"{where}: no tick tells of as much as is at {message.at_s:.2f} s; it is damaged"
            )
        if isinstance(message, Event):
            events.append(message)
            continue
        if now is None:
            now = Moment(message.at_s, events=events)
            events = []
        match message:
            case Counts():
                if message.counts.shape[1] != n_channels:
                    raise RecordingError(
                        f"{where}: counts of {message.counts.shape[1]} channels at {message.at_s:.2f} s, its "
                        f"session has {n_channels}; it is damaged"
                    )
                now.counts.append(message)
            case Decided():
                now.decisions.append(message)
            case Command():
                now.commands.append(message)
            case HandReport():
                now.hand = message
            case Tick():
                if message.number <= last:
                    raise RecordingError(f"{where}: tick {message.number} after {last}; it is damaged")
                last = message.number
                now.at_s, now.tick = message.at_s, message
                yield now
                now, n_messages, n_bytes = None, 0, 0
    if now is not None or events:
        now = now or Moment(events[0].at_s)
        now.events += events
        yield now


def _no_time(at_s: float) -> str:
    return f"holds something at {at_s:g} s; it is damaged"


def _size(message: Message) -> int:
    """Bytes that it takes in memory, roughly."""
    if isinstance(message, Counts):
        return message.counts.nbytes + message.frame_index.nbytes
    values = [getattr(message, name) for name in message.__slots__]
    return sum(64 * len(value) for value in values if isinstance(value, str | tuple | dict))


def block_of(moment: Moment, n_channels: int) -> Block:
    """What a moment read, as the source gave it."""
    if len(moment.counts) == 1:
        return Block(moment.counts[0].counts, moment.counts[0].frame_index)
    if not moment.counts:
        return Block.empty(n_channels)
    return Block(
        np.concatenate([one.counts for one in moment.counts]),
        np.concatenate([one.frame_index for one in moment.counts]),
    )
