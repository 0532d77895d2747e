"""What one run of the control loop did."""

import enum
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.histogram import Histogram
from neurograsp.edge_runtime.realtime import Grant

KEPT_DECISIONS = 100_000
KEPT_STOPS = 1000

RUN_ENDED = "the run ended"
"""Reason of the last stop, where nothing else ended the run."""


class RuntimeState(enum.Enum):
    STARTING = "starting"
    DISARMED = "disarmed"
    ARMED = "armed"
    STOPPED = "stopped"


@dataclass
class RunSummary:
    """Attributes:
    state: at the end.
    stopped_by: why the loop or the hand was stopped, in words.
    tick_ms: time from one tick to the next.
    ticks, deadline_misses: of the loop; a miss is a tick whose work outlasted its deadline.
    sections: durations of the parts of a tick; "late" is how late ticks began.
    n_decisions: of the whole run.
    decisions: the newest ones, oldest first, each with the seconds since the start of the run.
    activations: decisions that started an action.
    commands: sent to the hand, by name.
    withheld: commands that were decided while the hand was not armed, by name.
    armings: how often the hand was armed.
    stops: the newest times at which the hand was stopped, in seconds since the start, each with its reason.
    source_losses, hand_losses: how often each was lost and looked for again.
    realtime: what was asked of the operating system, and what became of it.
    """

    state: RuntimeState = RuntimeState.STARTING
    stopped_by: str = ""
    tick_ms: float = 0.0
    ticks: int = 0
    deadline_misses: int = 0
    sections: dict[str, Histogram] = field(default_factory=dict)
    n_decisions: int = 0
    decisions: deque[tuple[float, Decision]] = field(default_factory=lambda: deque(maxlen=KEPT_DECISIONS))
    activations: int = 0
    commands: dict[str, int] = field(default_factory=dict)
    withheld: dict[str, int] = field(default_factory=dict)
    armings: int = 0
    stops: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=KEPT_STOPS))
    source_losses: int = 0
    hand_losses: int = 0
    realtime: dict[str, Grant] = field(default_factory=dict)

    def timing(self) -> dict[str, Any]:
        """Ticks, misses and the durations of the sections, as plain values."""
        return {
            "tick_ms": self.tick_ms,
            "ticks": self.ticks,
            "deadline_misses": self.deadline_misses,
            "sections": {name: histogram.summary() for name, histogram in self.sections.items()},
        }
