"""What is known of a run: messages in, what a screen needs out, in bounded memory. Pure."""

import itertools
import math
from collections import deque
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import ConfigError, ProtocolError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.histogram import Histogram
from neurograsp.edge_runtime.monitor.scalp import places
from neurograsp.edge_runtime.monitor.traces import FILTERED_STEPS, Traces
from neurograsp.edge_runtime.quality import Fault
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
from neurograsp.firmware_bridge.strict import decode

MOST_SHOWN = 64
"""Electrodes with a trace of their own; of 1024 a screen can show no more."""

KEPT_LINES = 200
BUCKETS_US = tuple(round(50 * 2 ** (step / 2)) for step in range(26))
"""Upper edges of the latency's histogram: 50 us to 290 ms, two a doubling; above that is one more."""


class View:
    """Of one run, from its `Session` on; another run wants another view.

    Args:
        session: which run it is.

    Raises:
        ProtocolError: its signal or its decisions are none.
    """

    def __init__(self, session: Session) -> None:
        try:
            self.signal = decode(SignalSpec, session.signal, "signal")
            self.decision = decode(DecisionSpec, session.decision, "decision")
        except ConfigError as error:
            raise ProtocolError(f"a session that cannot be read ({error!s:.200})") from error
        self.session = session
        self.traces = Traces(self.signal)
        self.places = places(self.signal.channels)
        self.tick: Tick | None = None
        self.decided: Decided | None = None
        self.faults: tuple[int, ...] | None = None
        """Of each electrode; None while nobody has looked at them."""
        self.hand: HandReport | None = None
        self.durations = Histogram()
        self.lines: deque[tuple[int, float, str, str]] = deque(maxlen=KEPT_LINES)
        """What happened, the newest last: number from 0, seconds, level, text."""
        self.n_lost = 0
        """Ticks that did not get here, or not yet."""
        self.n_missed = 0
        self._latencies = [0] * (len(BUCKETS_US) + 1)
        self._numbers = itertools.count()
        self._commanded = ""

    def take(self, message: Message) -> None:
        """Take one message.

        Raises:
            ProtocolError: it does not fit the session.
        """
        if isinstance(message, Counts):
            self._count(message)
        elif isinstance(message, Tick):
            self._time(message)
        elif isinstance(message, Decided):
            self._decide(message)
        elif isinstance(message, Command):
            self._command(message)
        elif isinstance(message, HandReport):
            self.hand = message
        elif isinstance(message, Event):
            self._note(message.at_s, message.level, message.text)

    def _count(self, message: Counts) -> None:
        n_channels = message.counts.shape[1]
        if n_channels != len(self.signal.channels):
            raise ProtocolError(f"counts of {n_channels} channels, the run has {len(self.signal.channels)}")
        if len(message.counts):
            self.traces.take(message.frame_index, message.counts)

    def _time(self, tick: Tick) -> None:
        if self.tick is not None:
            self.n_lost += max(0, tick.number - self.tick.number - 1)
            if tick.state != self.tick.state:
                why = f": {tick.stopped_by}" if tick.state == "stopped" and tick.stopped_by else ""
                self._note(tick.at_s, "state", f"{tick.state}{why}")
        self.tick = tick
        self.n_missed += tick.missed
        self.durations.add(tick.tick_us / 1e6)
        step = math.ceil(2 * math.log2(max(tick.tick_us, BUCKETS_US[0]) / BUCKETS_US[0]))
        self._latencies[min(step, len(BUCKETS_US))] += 1

    def _decide(self, decided: Decided) -> None:
        n_actions = len(self.signal.actions.names)
        if len(decided.probabilities) != n_actions:
            raise ProtocolError(f"{len(decided.probabilities)} probabilities for {n_actions} actions")
        if len(decided.channel_faults) == len(self.signal.channels):
            self.faults = decided.channel_faults
        if decided.started:
            self._note(decided.at_s, "decision", decided.reason)
        self.decided = decided

    def _command(self, command: Command) -> None:
        what = f"{command.kind} {command.name}".strip()
        if command.reason:
            what += f": {command.reason}"
        if what != self._commanded:  # an action that lasts is sent again and again
            self._note(command.at_s, "command", what)
        self._commanded = what

    def _note(self, at_s: float, level: str, text: str) -> None:
        self.lines.append((next(self._numbers), at_s, level, text[:300]))

    def opening(self) -> dict[str, Any]:
        """What does not change while the run lasts."""
        session, signal = self.session, self.signal
        shown = min(len(signal.channels), MOST_SHOWN)
        lsb = signal.lsb_uv
        return {
            "bundle": PurePath(session.bundle).name,
            "sha256": session.bundle_sha256[:12],
            "neurograsp": session.neurograsp,
            "started_at": session.started_at,
            "source": session.source,
            "hand": session.hand,
            "on_link_loss": session.on_link_loss,
            "joints": [asdict(joint) for joint in session.joints],
            "arming": session.arming,
            "tick_ms": session.tick_ms,
            "channels": signal.channels[:shown],
            "n_channels": len(signal.channels),
            "rate_hz": signal.rate_hz,
            "unit": "counts" if lsb is None else "µV",
            "modes": {
                "raw": {
                    "column_s": self.traces.raw.frames / signal.rate_hz,
                    "scale": 1.0 if lsb is None else lsb,
                },
                "filtered": {
                    "column_s": self.traces.filtered.frames / signal.rate_hz,
                    "scale": (1.0 if lsb is None else lsb) / FILTERED_STEPS,
                },
            },
            "places": [[column, round(x, 3), round(y, 3)] for column, (x, y) in self.places.items()],
            "actions": signal.actions.names,
            "commands": signal.actions.commands,
            "rest": signal.actions.rest,
            "on": self.decision.on,
            "off": self.decision.off,
            "faults": [fault.name.lower() for fault in Fault],
            "buckets_us": BUCKETS_US,
        }

    def now(self) -> dict[str, Any]:
        """What changes, but for traces and lines."""
        tick, decided, hand = self.tick, self.decided, self.hand
        amplitude = self.traces.amplitude() if self.places else None
        lsb = self.signal.lsb_uv or 1.0
        return {
            "tick": None if tick is None else _tick(tick),
            "lost": self.n_lost,
            "decided": None if decided is None else _decided(decided),
            "faults": self.faults,
            "hand": None if hand is None else asdict(hand),
            "timing": {
                "ticks": self.durations.count,
                "missed": self.n_missed,
                "p50_us": self.durations.percentile(50),
                "p99_us": self.durations.percentile(99),
                "max_us": self.durations.max_us,
                "counts": self._latencies,
            },
            "scalp": None
            if amplitude is None
            else [_short(float(amplitude[column]) * lsb) for column in self.places],
        }

    def columns(self, filtered: bool, since: int) -> dict[str, Any]:
        """Traces from a column on: its number, and of each column the least and the most of each channel."""
        kind = self.traces.filtered if filtered else self.traces.raw
        first, found = kind.since(since)
        cut = [None if one is None else [one[0][:MOST_SHOWN], one[1][:MOST_SHOWN]] for one in found]
        return {"mode": "filtered" if filtered else "raw", "first": first, "columns": cut}

    def lines_since(self, number: int) -> list[tuple[int, float, str, str]]:
        return [line for line in self.lines if line[0] >= number]


def _tick(tick: Tick) -> dict[str, Any]:
    kept = ("number", "at_s", "age_s", "source_lost", "hand_lost", "state", "stopped_by", "doubt")
    return {name: getattr(tick, name) for name in kept}


def _decided(decided: Decided) -> dict[str, Any]:
    kept = ("at_s", "action", "started", "command", "speed", "force", "reason")
    shown = {name: getattr(decided, name) for name in kept}
    return shown | {"probabilities": [None if p is None else round(p, 3) for p in decided.probabilities]}


def _short(value: float) -> float:
    return float(f"{value:.3g}")
