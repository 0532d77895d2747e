"""What happened in a run, in order: movements, armings, stops and what was logged; from its messages."""

import math
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from neurograsp.edge_runtime.actuation import ASKED_TO_DISARM, STALE_S
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.decide import DecisionMachine
from neurograsp.edge_runtime.pipeline import STOP
from neurograsp.edge_runtime.telemetry.messages import Command, Decided, Tick
from neurograsp.edge_runtime.telemetry.moments import Moment


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """One decision, and what it went by.

    Attributes:
        decided: as recorded.
        tick: in which it was made; None where that is missing.
        doubted: the signal was not believed, and nothing was compared with thresholds.
        smoothed: (n_actions,) probabilities that were compared with the thresholds; None where none were.
        candidate: the action that was highest above its `on`, None where none was.
        streak: for how many decisions it was, this one included.
        previous: the action that started before this decision; "" where none had.
        since_s: stream time since that start; None without one.
        hop: frames from one decision to the next, where none is missing.
        armed: the hand was armed when the decision was obeyed, whatever the tick did to it afterwards.
    """

    decided: Decided
    tick: Tick | None
    doubted: bool
    smoothed: tuple[float, ...] | None
    candidate: str | None
    streak: int
    previous: str
    since_s: float | None
    hop: int
    armed: bool = False


class Onlooker:
    """Goes through recorded decisions with a decision machine of its own, to know what each one went by.

    Behind decisions that are not in the log its state may be another one; what it smooths is the same again
    as soon as there are as many scores.

    Args:
        signal, decision: of the session.
    """

    def __init__(self, signal: SignalSpec, decision: DecisionSpec) -> None:
        self._machine = DecisionMachine(decision, signal.actions)
        self._names = signal.actions.names
        self._hop = signal.hop * signal.decimation
        self._frame: int | None = None
        self._previous = ""
        self._started_s = -math.inf

    def take(self, decided: Decided, tick: Tick | None) -> Look:
        """Decisions in the order in which they were made."""
        machine = self._machine
        if self._frame is None or decided.frame - self._frame != self._hop:
            machine.reset()
        self._frame = decided.frame
        doubted = is_doubted(decided)
        scores = [value for value in decided.probabilities if value is not None]
        if doubted or len(scores) != len(self._names):
            machine.reset()
        else:
            machine.step(decided.time_s, np.array(scores))
        candidate, streak = machine.streak
        look = Look(
            decided=decided,
            tick=tick,
            doubted=doubted,
            smoothed=None if machine.smoothed is None else tuple(machine.smoothed),
            candidate=None if candidate is None else self._names[candidate],
            streak=streak,
            previous=self._previous,
            since_s=decided.time_s - self._started_s if self._previous else None,
            hop=self._hop,
        )
        if decided.started:
            self._previous, self._started_s = decided.action or "", decided.time_s
        return look


def is_doubted(decided: Decided) -> bool:
    """Whether the decision was none, because too many channels were bad (`SignalQuality.describe`)."""
    n_bad = sum(fault != 0 for fault in decided.channel_faults)
    return n_bad > 0 and decided.reason.startswith(f"{n_bad} of {len(decided.channel_faults)} electrodes bad")


def armed_in(moment: Moment) -> bool:
    """Whether the hand was armed in this tick: a hand that is asked to may refuse, or be lost over it."""
    tick = moment.tick
    if tick is not None and tick.hand_lost:
        return False
    return stopped_after_arming(moment) or (
        tick is not None and tick.state == "armed" and any(one.kind == "arm" for one in moment.commands)
    )


def stopped_after_arming(moment: Moment) -> bool:
    kinds = [command.kind for command in moment.commands]
    return "arm" in kinds and "stop" in kinds[kinds.index("arm") :]


def is_disarming(command: Command) -> bool:
    """Whether a stop is one that somebody asked for without calling it so."""
    return command.kind == "stop" and command.reason == ASKED_TO_DISARM


@dataclass(eq=False, slots=True)
class Movement:
    """An action from its start to its end.

    Attributes:
        start: the decision that started it.
        last: the last decision in which it was under way.
        end: the first one in which it was over; None where the log ends before.
        sent, withheld: commands to the hand while it lasted, and those that were kept back because nobody
            had armed it.
    """

    start: Look
    last: Look
    end: Look | None = None
    sent: int = 0
    withheld: int = 0

    @property
    def ended(self) -> str | None:
        """Why it ended; None where it had not when the log did."""
        if self.end is None:
            return None
        scored = None not in self.end.decided.probabilities  # a decision about a gap tells of it
        if scored and self.end.decided.frame > self.last.decided.frame + self.last.hop:
            return "frames are missing"
        return self.end.decided.reason

    @property
    def start_s(self) -> float:
        return self.start.decided.at_s

    @property
    def end_s(self) -> float:
        """Of the log, where it had not ended by then."""
        return (self.end or self.last).decided.at_s


@dataclass(frozen=True, slots=True)
class Happening:
    """Attributes:
    at_s: when.
    kind: of thing; "lost" are ticks that are not in the log, "log" is what was logged as a warning or worse.
    text: for people.
    """

    at_s: float
    kind: Literal["armed", "disarmed", "stopped", "lost", "log"]
    text: str


@dataclass(eq=False)
class Story:
    """Attributes:
    movements, happenings: in the order of their beginnings.
    missing: ticks that are not in the log.
    last_s: time of the last message.
    """

    movements: list[Movement] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    missing: int = 0
    last_s: float = 0.0


class Teller:
    """Moments in, the story out.

    Args:
        signal, decision: of the session.

    Attributes:
        story: so far.
    """

    def __init__(self, signal: SignalSpec, decision: DecisionSpec) -> None:
        self.story = Story()
        self._onlooker = Onlooker(signal, decision)
        self._open: Movement | None = None
        self._number = -1
        self._armed = False

    def take(self, moment: Moment) -> list[Look]:
        """The decisions of the moment, each with what it went by."""
        story = self.story
        story.last_s = max(story.last_s, moment.at_s)
        for event in moment.events:
            if event.level not in ("debug", "info"):
                story.happenings.append(Happening(event.at_s, "log", event.text))
        armed = self._armed_before(moment)
        if moment.tick is not None:
            self._count(moment.tick)
        looks: list[Look] = []
        commands = deque(one for one in moment.commands if one.kind in ("act", "withheld"))
        for decided in moment.decisions:
            # A decision asks for one thing at most, and that in the order in which they were made.
            own = commands.popleft() if commands and commands[0].name == decided.command else None
            # It is withheld from an armed hand too, where it was under way when that was armed.
            armed |= own is not None and own.kind == "act"
            look = replace(self._onlooker.take(decided, moment.tick), armed=armed)
            looks.append(look)
            self._follow(look)
            if own is not None:
                self._credit(own)
            armed &= decided.command != STOP
        if armed_in(moment):
            story.happenings.append(Happening(moment.at_s, "armed", "armed"))
        for command in moment.commands:
            if command.kind == "stop":
                kind: Literal["disarmed", "stopped"] = "disarmed" if is_disarming(command) else "stopped"
                story.happenings.append(Happening(moment.at_s, kind, command.reason))
        return looks

    def _armed_before(self, moment: Moment) -> bool:
        """Whether the hand was armed when the first decision of a tick was obeyed. Before that it is stopped
        by who asks for it and by frames that are too old; it is armed after the last."""
        tick = moment.tick
        if tick is None:
            return False
        known = tick.number == self._number + 1
        was = self._armed if known else tick.state == "armed" and not armed_in(moment)
        self._armed = tick.state == "armed"
        stale = tick.age_s is None or tick.age_s > STALE_S
        return was and tick.request not in ("stop", "disarm") and not stale

    def _credit(self, command: Command) -> None:
        if self._open is not None:
            self._open.sent += command.kind == "act"
            self._open.withheld += command.kind == "withheld"

    def _count(self, tick: Tick) -> None:
        missing = tick.number - self._number - 1
        if missing > 0:
            self.story.missing += missing
            text = f"{missing} ticks before this are not in the log"
            self.story.happenings.append(Happening(tick.at_s, "lost", text))
        self._number = tick.number

    def _follow(self, look: Look) -> None:
        decided = look.decided
        if self._open is not None:
            if decided.started or decided.action != self._open.start.decided.action:
                self._open.end, self._open = look, None
            else:
                self._open.last = look
        if decided.started:
            self._open = Movement(look, look)
            self.story.movements.append(self._open)
