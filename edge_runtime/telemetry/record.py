"""What one tick tells, from the control loop to the observer: packed in microseconds, unpacked elsewhere.

A record is made and read by two processes of one interpreter, the second started by the first; it is never
kept. That is what `marshal` is for: it takes numbers, texts and arrays as they are, in one call. What takes
longer (names, JSON, looking whether anything changed) is done in the observer.
"""

import marshal
import math
from collections.abc import Iterable, Iterator
from dataclasses import fields
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.telemetry.messages import (
    Command,
    Counts,
    Decided,
    Event,
    HandReport,
    Message,
    Tick,
    Topic,
)
from neurograsp.firmware_bridge.codes import Fault, HandState
from neurograsp.firmware_bridge.hands.hand import Status
from neurograsp.firmware_bridge.link_stats import LinkStats

MAX_TEXT = 500
"""Of a reason or an event; what is longer is cut."""

HAND_S = 0.9
"""After so long the next look at the hand is a message even where nothing changed: at least one a second."""

LINK_FIGURES = tuple(field.name for field in fields(LinkStats))
pack_link = attrgetter(*LINK_FIGURES)
"""`LinkStats` to a tuple."""

Packed = tuple[Any, ...]


class Record(NamedTuple):
    """What goes over, as a plain tuple in this order.

    Attributes:
        at_s: when the tick began; for what is told outside of a tick, when that is.
        frame_index, counts: of what was read; None where nothing was.
        decisions: `pack_decision` of each.
        commands: (kind, name, speed, force, ttl_ms, reason) of each.
        hand: `pack_hand`; None: as before.
        link: `pack_link`; None: as before.
        tick: the fields of `Tick` but `at_s`, in seconds; None outside of a tick.
        events: (at_s, level, text) of each.
        dropped: how many messages were lost on this way so far, by topic; None: as before.
    """

    at_s: float
    frame_index: npt.NDArray[np.int64] | bytes | None = None
    counts: npt.NDArray[np.int32] | bytes | None = None
    decisions: list[Packed] | None = None
    commands: list[Packed] | None = None
    hand: Packed | None = None
    link: Packed | None = None
    tick: Packed | None = None
    events: list[Packed] | None = None
    dropped: dict[str, int] | None = None

    def topics(self) -> Iterator[Topic]:
        """Of the messages in it."""
        yield from [Topic.COUNTS] * (self.counts is not None)
        yield from [Topic.DECISION] * len(self.decisions or ())
        yield from [Topic.COMMAND] * len(self.commands or ())
        yield from [Topic.HAND] * (self.hand is not None)
        yield from [Topic.TICK] * (self.tick is not None)
        yield from [Topic.EVENT] * len(self.events or ())


def pack_decision(decision: Decision) -> Packed:
    return (
        decision.time_s,
        decision.frame,
        decision.logits,
        decision.probabilities,
        decision.action,
        decision.started,
        decision.command,
        decision.speed,
        decision.force,
        decision.reason,
        decision.faults,
    )


def pack_hand(status: Status) -> Packed:
    state, fault = int(status.state), int(status.fault)
    positions, temperatures_c = dict(status.positions), dict(status.temperatures_c)
    return state, fault, status.why, status.attached, positions, temperatures_c


class Unpacker:
    """Records to messages, in the order of a tick's work.

    Args:
        n_channels: of the counts.
        n_joints: of the hand.
    """

    def __init__(self, n_channels: int, n_joints: int) -> None:
        self._n_channels = n_channels
        self._n_joints = n_joints
        self._hand: Packed = ()
        self._link: dict[str, Any] = {}
        self._hand_due = 0.0

    def unpack(self, raw: bytes) -> Iterator[Message]:
        """The messages in a record, of the process that started this one."""
        record = Record(*marshal.loads(raw))  # noqa: S302
        at_s = record.at_s
        if record.counts is not None and record.frame_index is not None:
            counts = np.frombuffer(record.counts, np.int32).reshape(-1, self._n_channels)
            yield Counts(at_s, np.frombuffer(record.frame_index, np.int64), counts)
        for decision in record.decisions or ():
            yield _decided(at_s, decision)
        for kind, name, speed, force, ttl_ms, reason in record.commands or ():
            yield Command(at_s, kind, name, speed, force, ttl_ms, printable(reason))
        yield from self._hand_report(record)
        if record.tick is not None:
            yield _ticked(at_s, record.tick)
        for when_s, level, text in record.events or ():
            yield Event(when_s, level, printable(text), {})
        if record.dropped is not None:
            yield dropped_event(at_s, "the control loop", record.dropped)

    def _hand_report(self, record: Record) -> Iterator[HandReport]:
        """Where something about it changed, and once a second."""
        if record.link is not None:
            self._link = dict(zip(LINK_FIGURES, record.link))
        if record.hand is None or (record.hand == self._hand and record.at_s < self._hand_due):
            return
        self._hand, self._hand_due = record.hand, record.at_s + HAND_S
        state, fault, why, attached, positions, temperatures_c = record.hand
        joints = range(self._n_joints)
        yield HandReport(
            record.at_s,
            HandState(state).name,
            Fault(fault).name,
            printable(why),
            attached,
            tuple(positions.get(joint) for joint in joints),
            tuple(temperatures_c.get(joint) for joint in joints),
            self._link,
        )


def dropped_event(at_s: float, who: str, dropped: dict[str, int]) -> Event:
    lost = ", ".join(f"{topic} {count}" for topic, count in dropped.items())
    return Event(at_s, "warning", f"not everything that {who} told could be kept: {lost}", dropped)


def printable(text: str) -> str:
    """In one line, whatever a driver or a device said."""
    plain = text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
    return plain if len(plain) <= MAX_TEXT else f"{plain[: MAX_TEXT - 3]}..."


def _ticked(at_s: float, packed: Packed) -> Tick:
    number, *durations, missed, age_s, source_lost, hand_lost, state, why, doubt, request = packed
    late, read, filtered, inferred, decided, sent, whole = (round(seconds * 1e6, 1) for seconds in durations)
    return Tick(
        number,
        at_s,
        *(late, read, filtered, inferred, decided, sent, whole),
        missed,
        None if source_lost else age_s,
        source_lost,
        hand_lost,
        state,
        printable(why),
        None if doubt is None else printable(doubt),
        request,
    )


def _decided(at_s: float, packed: Packed) -> Decided:
    time_s, frame, logits, scores, action, started, command, speed, force, reason, faults = packed
    return Decided(
        at_s,
        time_s,
        frame,
        _numbers(np.frombuffer(logits).tolist()),
        _numbers(np.frombuffer(scores).tolist()),
        action,
        started,
        command,
        speed,
        force,
        printable(reason),
        () if faults is None else tuple(faults),
    )


def _numbers(values: Iterable[float]) -> tuple[float | None, ...]:
    return tuple(value if math.isfinite(value) else None for value in values)
