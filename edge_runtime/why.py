"""Why the hand moved, or did not, at one time of a log: everything that had a say, put together."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from neurograsp.edge_runtime.actuation import BEAT_FRESH_S
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.movements import Happening, Look, Movement, Story, Teller
from neurograsp.edge_runtime.quality import Fault
from neurograsp.edge_runtime.telemetry.messages import Command, HandReport, Session, Tick
from neurograsp.edge_runtime.telemetry.moments import OpenLog

ROUNDED_S = 0.006
"""Times are listed to the hundredth of a second: a movement may have begun so much later."""

AHEAD_S = 0.1
"""Where nothing was under way, a movement that starts so shortly after the time asked for is meant."""

FIRST_YEAR, LAST_YEAR = 1970, 9000
"""In which a session may begin. The longest one ends before Python's calendar does."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One of the conditions of a movement.

    Attributes:
        name: of the condition.
        passed: None where it was not looked at.
        text: what it went by.
    """

    name: str
    passed: bool | None
    text: str


@dataclass(frozen=True, eq=False)
class Scene:
    """What a log holds around one time.

    Attributes:
        session, signal, decision: see `OpenLog`.
        at_s: the time asked for.
        begin_s, end_s: of what is shown.
        focus: the decision that is explained: the start of the movement that was under way, else the newest
            before the time.
        movement: the one that `focus` started; None where nothing was under way.
        looks, ticks, commands: of the span.
        hand: reports of the span, after the newest before it.
        movements, happenings: of which some part lies in the span.
    """

    session: Session
    signal: SignalSpec
    decision: DecisionSpec
    at_s: float
    begin_s: float
    end_s: float
    focus: Look | None
    movement: Movement | None
    looks: tuple[Look, ...]
    ticks: tuple[Tick, ...]
    commands: tuple[Command, ...]
    hand: tuple[HandReport, ...]
    movements: tuple[Movement, ...]
    happenings: tuple[Happening, ...]

    def gates(self) -> list[Gate]:
        """Of `focus`, in the order in which the runtime goes through them; none without one."""
        return [] if self.focus is None else gates(self.focus, self.signal, self.decision)

    def bad_channels(self) -> dict[str, Counter[str]]:
        """Name of a channel that was bad in the span to its faults, each with the decisions that saw it."""
        found: dict[str, Counter[str]] = {}
        for look in self.looks:
            for name, fault in zip(self.signal.channels, look.decided.channel_faults):
                if fault:
                    found.setdefault(name, Counter())[fault_name(fault)] += 1
        return dict(sorted(found.items(), key=lambda item: -item[1].total()))


def fault_name(fault: int) -> str:
    """Of a log, which may hold any number."""
    return Fault(fault).name.lower() if 0 <= fault < len(Fault) else f"fault {fault}"


def story_of(log: OpenLog) -> Story:
    """All that happened in a log. Raises RecordingError when it is damaged."""
    teller = Teller(log.signal, log.decision)
    for moment in log.moments():
        teller.take(moment)
    return teller.story


def scene_at(log: OpenLog, at_s: float, span_s: float) -> Scene:
    """What lies within `span_s` before and after `at_s`; what went before is gone through too.

    Raises:
        RecordingError: `at_s` is not within the log.
    """
    begin_s, end_s = at_s - span_s, at_s + span_s
    teller = Teller(log.signal, log.decision)
    looks: list[Look] = []
    ticks: list[Tick] = []
    commands: list[Command] = []
    reports: list[HandReport] = []
    newest: Look | None = None
    for moment in log.moments():
        seen = teller.take(moment)
        newest = next((look for look in reversed(seen) if look.decided.at_s <= at_s), newest)
        if moment.hand is not None and moment.at_s <= end_s:
            reports = [*(reports if moment.at_s > begin_s else ()), moment.hand]
        if begin_s <= moment.at_s <= end_s:
            looks += seen
            ticks += [moment.tick] if moment.tick is not None else []
            commands += moment.commands
    story = teller.story
    if not 0 <= at_s <= story.last_s:
        raise RecordingError(f"{log.path}: holds 0 to {story.last_s:.2f} s, and not {at_s:.2f} s")
    movement = meant(story.movements, at_s)
    return Scene(
        session=log.session,
        signal=log.signal,
        decision=log.decision,
        at_s=at_s,
        begin_s=max(0.0, begin_s),
        end_s=min(story.last_s, end_s),
        focus=newest if movement is None else movement.start,
        movement=movement,
        looks=tuple(looks),
        ticks=tuple(ticks),
        commands=tuple(commands),
        hand=tuple(reports),
        movements=tuple(one for one in story.movements if one.start_s <= end_s and one.end_s >= begin_s),
        happenings=tuple(one for one in story.happenings if begin_s <= one.at_s <= end_s),
    )


def meant(movements: Iterable[Movement], at_s: float) -> Movement | None:
    """The movement that was under way at a time, or began right after it."""
    rounded_s = at_s + ROUNDED_S
    meant: Movement | None = None
    for one in movements:
        if one.start_s <= rounded_s and (one.end is None or at_s < one.end_s):
            meant = one
        elif meant is None and rounded_s < one.start_s <= at_s + AHEAD_S:
            return one
    return meant


def gates(look: Look, signal: SignalSpec, spec: DecisionSpec) -> list[Gate]:
    """The conditions of one decision, in the order in which the runtime goes through them."""
    decided, tick = look.decided, look.tick
    found = [_signal_gate(look, signal)]
    smoothed = look.smoothed
    if smoothed is None:
        found.append(Gate("threshold", None, f"not compared: {decided.reason}"))
    else:
        found += _threshold_gates(look, smoothed, signal, spec)
    if tick is not None:
        if tick.age_s is not None:
            found.append(Gate("newest frame", tick.age_s <= BEAT_FRESH_S, f"{tick.age_s * 1000:.0f} ms old"))
        else:
            text = "the amplifier is lost" if tick.source_lost else "none yet"
            found.append(Gate("newest frame", False, text))
        found.append(Gate("hand", look.armed, _hand_text(look.armed, tick)))
    return found


def _hand_text(armed: bool, tick: Tick) -> str:
    """A hand is armed at the end of a tick, and may be stopped at its end too."""
    stopped = f": {tick.stopped_by}" if tick.state == "stopped" and tick.stopped_by else ""
    if armed == (tick.state == "armed"):
        return f"{tick.state}{stopped}"
    return f"armed; {tick.state} later in this tick{stopped}" if armed else "armed in this tick, after it"


def _signal_gate(look: Look, signal: SignalSpec) -> Gate:
    faults = look.decided.channel_faults
    if look.doubted:
        return Gate("signal", False, look.decided.reason)
    if not faults:
        return Gate("signal", None, "no electrode was looked at")
    bad = [f"{name} {fault_name(fault)}" for name, fault in zip(signal.channels, faults) if fault]
    text = f"{len(bad)} of {len(faults)} electrodes bad" + (f" ({', '.join(bad)})" if bad else "")
    return Gate("signal", True, text)


def _threshold_gates(
    look: Look, smoothed: tuple[float, ...], signal: SignalSpec, spec: DecisionSpec
) -> list[Gate]:
    names, rest = signal.actions.names, signal.actions.rest_index
    moving = [index for index in range(len(names)) if index != rest]
    mean = "" if spec.smooth == 1 else f", mean of {spec.smooth}"
    if look.candidate is None:
        best = max(moving, key=lambda index: smoothed[index] - spec.on[index])
        text = f"nearest {names[best]}: p {smoothed[best]:.2f} < {spec.on[best]:.2f}{mean}"
        return [Gate("threshold", False, text)]
    index = names.index(look.candidate)
    found = [
        Gate("threshold", True, f"{look.candidate}: p {smoothed[index]:.2f} >= {spec.on[index]:.2f}{mean}"),
        Gate("dwell", look.streak >= spec.dwell, f"{look.streak} in a row, {spec.dwell} needed"),
    ]
    if look.since_s is None:
        found.append(Gate("refractory", True, "nothing had started before"))
    else:
        text = f"{look.since_s:.2f} s after {look.previous}, {spec.refractory_s:g} s needed"
        found.append(Gate("refractory", look.since_s >= spec.refractory_s, text))
    before = (spec.after or {}).get(look.candidate)
    if before is None:
        found.append(Gate("order", True, "may follow anything"))
    else:
        may = ", ".join(one or "the beginning" for one in before) or "nothing"
        text = f"may follow {may}; it was {look.previous or 'the beginning'}"
        found.append(Gate("order", look.previous in before, text))
    return found


def began_at(session: Session) -> datetime:
    """UTC. Raises RecordingError when the session's time is none, or one with which nobody can reckon."""
    try:
        began = datetime.fromisoformat(session.started_at)
        began = (began if began.tzinfo else began.replace(tzinfo=UTC)).astimezone(UTC)
        if not FIRST_YEAR <= began.year <= LAST_YEAR:
            raise ValueError(began.year)
    except (ValueError, OverflowError) as error:
        raise RecordingError(
            f"started_at {session.started_at!r:.60} is no time; the log is damaged"
        ) from error
    return began


def clock(session: Session, at_s: float) -> str:
    """Time of day, UTC, to the hundredth of a second."""
    return (began_at(session) + timedelta(seconds=at_s)).strftime("%H:%M:%S.%f")[:-4]


def seconds_of(text: str, session: Session) -> float:
    """`--at`: seconds since the run began, or a time of day in UTC, taken as the first one after that.

    Raises:
        ValueError: neither.
    """
    try:
        at_s = float(text)
    except ValueError:
        began = began_at(session)
        then = datetime.combine(began.date(), datetime.strptime(text, _form(text)).time(), UTC)
        if then < began - timedelta(seconds=1):
            then += timedelta(days=1)
        at_s = max(0.0, (then - began).total_seconds())
    if not abs(at_s) < 1e9:
        raise ValueError(f"{text} is no time of a log")
    return at_s


def _form(text: str) -> str:
    if text.count(":") == 1:
        return "%H:%M"
    return "%H:%M:%S.%f" if "." in text else "%H:%M:%S"
