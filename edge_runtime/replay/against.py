"""What another bundle would have asked of the hand in the same session."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from neurograsp.edge_runtime.contract.signal_spec import ActionSet, SignalSpec
from neurograsp.edge_runtime.movements import is_disarming
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.replay.replayer import Replayer
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.edge_runtime.sources.fit import fitting_columns
from neurograsp.edge_runtime.telemetry.messages import Command, Decided
from neurograsp.edge_runtime.telemetry.moments import OpenLog

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the hand is asked for from some time on.

    Attributes:
        label: the command; in brackets where it was withheld, STOP, or "-" for nothing.
        reason: of the decision, or of the stop.
    """

    label: str = NOTHING
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `begin_s` to `end_s` the two bundles asked for different things."""

    begin_s: float
    end_s: float
    before: Asked
    after: Asked


@dataclass
class Disagreement:
    """Attributes:
    ticks: that were replayed.
    seconds: of the session.
    agreed_s: of these, in which both asked for the same.
    stretches: in which they did not.
    starts_before, starts_after: movements that began, by command.
    stops_before, stops_after: how often each stopped the hand.
    missing: ticks that are not in the log.
    """

    ticks: int = 0
    seconds: float = 0.0
    agreed_s: float = 0.0
    stretches: list[Stretch] = field(default_factory=list)
    starts_before: dict[str, int] = field(default_factory=dict)
    starts_after: dict[str, int] = field(default_factory=dict)
    stops_before: int = 0
    stops_after: int = 0
    missing: int = 0


def columns_for(recorded: SignalSpec, wanted: SignalSpec, where: str) -> list[int] | None:
    """The recorded channels that another bundle takes, by name and in its order; None: all, as they are.

    Args:
        where: the log's file, for messages.

    Raises:
        ConfigError: a channel is missing, or the rate or the unit is another one.
    """
    block = Block.empty(len(recorded.channels))
    frames = DeltaFrames(
        block.counts, block.frame_index, recorded.rate_hz, recorded.channels, recorded.lsb_uv, where
    )
    columns = fitting_columns(frames, wanted)
    return None if columns == list(range(len(recorded.channels))) else columns


def replay_against(log: OpenLog, pipeline: Pipeline) -> Disagreement:
    """Replay a log through the pipeline of another bundle, or of the same one with other thresholds.

    The hand of the record stands for one that does what it is asked; what befell it by itself (it latched, or
    was lost) befalls it again.

    Raises:
        ConfigError: the signals are not compatible.
        RecordingError: the log is damaged.
    """
    columns = columns_for(log.signal, pipeline.signal, str(log.path))
    replayer = Replayer(log.session, pipeline, obedient=True, columns=columns)
    result = Disagreement()
    before, after = Asked(), Asked()
    since: float | None = None
    number, last_s = -1, 0.0
    for moment in log.moments():
        tick = moment.tick
        if tick is None:
            continue
        result.missing += tick.number - number - 1
        number = tick.number
        if since is None:
            result.agreed_s += moment.at_s - last_s
        made = replayer.step(moment, tick)
        result.ticks += 1
        result.seconds = last_s = moment.at_s
        new_before = _asked(before, moment.decisions, moment.commands, log.signal.actions)
        new_after = _asked(after, made.decisions, made.commands, pipeline.signal.actions)
        _count(result.starts_before, moment.decisions)
        _count(result.starts_after, made.decisions)
        result.stops_before += _stops(moment.commands)
        result.stops_after += _stops(made.commands)
        if (new_before.label, new_after.label) != (before.label, after.label):
            if since is not None:
                result.stretches.append(Stretch(since, moment.at_s, before, after))
            since = moment.at_s if new_before.label != new_after.label else None
        before, after = new_before, new_after
    if since is not None:
        result.stretches.append(Stretch(since, last_s, before, after))
    return result


def _asked(
    now: Asked, decisions: Sequence[Decided], commands: Sequence[Command], actions: ActionSet
) -> Asked:
    """What the hand is asked for after a tick. An action that is over without a command in its place, as
    where there is no rest and at a gap, is asked for no more."""
    for one in commands:
        reason = one.reason or next((each.reason for each in decisions if each.command == one.name), "")
        match one.kind:
            case "act" if one.name != now.label:
                now = Asked(one.name, reason)
            case "withheld" if f"({one.name})" != now.label:
                now = Asked(f"({one.name})", reason)
            case "stop":
                now = Asked(NOTHING if is_disarming(one) else "STOP", reason)
            case "arm":
                now = Asked("armed")
    if decisions and decisions[-1].action is None and decisions[-1].command is None:
        return Asked(NOTHING, decisions[-1].reason) if _is_action(now, actions) else now
    return now


def _is_action(now: Asked, actions: ActionSet) -> bool:
    rest = None if actions.rest_index is None else actions.commands[actions.rest_index]
    return now.label.strip("()") in set(actions.commands) - {rest}


def _stops(commands: Sequence[Command]) -> int:
    return sum(one.kind == "stop" and not is_disarming(one) for one in commands)


def _count(starts: dict[str, int], decisions: Sequence[Decided]) -> None:
    for one in decisions:
        if one.started and one.command is not None:
            starts[one.command] = starts.get(one.command, 0) + 1
