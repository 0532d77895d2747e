"""Does the same bundle decide and ask the same again? Compared as bytes, as they stand in a log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.replay.replayer import Made, Replayer
from neurograsp.edge_runtime.run_summary import RUN_ENDED
from neurograsp.edge_runtime.telemetry.messages import Command, Decided, Tick, to_bytes
from neurograsp.edge_runtime.telemetry.moments import Moment, OpenLog

KEPT = 1000
"""Differences that are kept; the others are counted."""

NUMBERS = {"logits", "probabilities"}
MISSING = "nothing"


@dataclass(frozen=True, slots=True)
class Difference:
    """Attributes:
    at_s: when.
    what: "scores" of a decision that is the same otherwise, "decision", "command", or "state" of the runtime.
    recorded, replayed: what differs of it, for people.
    """

    at_s: float
    what: Literal["scores", "decision", "command", "state"]
    recorded: str
    replayed: str


@dataclass
class Comparison:
    """Attributes:
    ticks, decisions, commands: that were replayed and compared.
    seconds: of the session.
    missing: ticks that are not in the log.
    whole_until_s: time of the first tick behind missing ones; None where none is missing.
    n_differences: before that.
    n_behind: behind it, where filter and thresholds had another past than in the run.
    differences: the first ones of all.
    broke_off: why the run broke off within its last tick, which is then left out; None where it did not.
    """

    ticks: int = 0
    decisions: int = 0
    commands: int = 0
    seconds: float = 0.0
    missing: int = 0
    whole_until_s: float | None = None
    n_differences: int = 0
    n_behind: int = 0
    differences: list[Difference] = field(default_factory=list)
    broke_off: str | None = None

    @property
    def same(self) -> bool:
        """All of the log was replayed, with the same bytes."""
        return self.ticks > 0 and not self.missing and not self.n_differences

    def add(self, differences: list[Difference]) -> None:
        """Of one tick."""
        if self.whole_until_s is None:
            self.n_differences += len(differences)
        else:
            self.n_behind += len(differences)
        self.differences += differences[: KEPT - len(self.differences)]


def replay_same(log: OpenLog, pipeline: Pipeline) -> Comparison:
    """Replay a log through the pipeline that made it.

    Args:
        pipeline: of the session's bundle, with the thresholds that were in force.

    Raises:
        RecordingError: the log is damaged.
    """
    result, replayer = Comparison(), Replayer(log.session, pipeline)
    number, waiting = -1, list[Difference]()
    for moment in log.moments():
        tick = moment.tick
        if tick is None:
            waiting = _end(result, waiting, moment, replayer)
            continue
        result.add(waiting)
        if tick.number != number + 1:
            result.missing += tick.number - number - 1
            result.whole_until_s = moment.at_s if result.whole_until_s is None else result.whole_until_s
        number = tick.number
        made = replayer.step(moment, tick)
        result.ticks += 1
        result.seconds = moment.at_s
        result.decisions += len(moment.decisions)
        result.commands += len(moment.commands)
        waiting = _compare(moment, tick, made)
    result.add(waiting)
    return result


def _end(result: Comparison, last: list[Difference], moment: Moment, replayer: Replayer) -> list[Difference]:
    """What was asked of the hand while the run ended, by the reason that is recorded.

    Args:
        last: differences in the last tick. When the run did not simply end, that tick may not have been done
            to its end.
    """
    stops = [one for one in moment.commands if one.kind == "stop"]
    if last and stops and stops[-1].reason != RUN_ENDED:
        result.broke_off = stops[-1].reason
        return []
    if stops:
        result.commands += len(moment.commands)
        made = replayer.end(stops[-1].at_s, stops[-1].reason)
        last = last + _compare_messages(moment.at_s, moment.commands, made)
    return last


def _compare(moment: Moment, tick: Tick, made: Made) -> list[Difference]:
    found = _compare_messages(moment.at_s, moment.decisions, made.decisions)
    found += _compare_messages(moment.at_s, moment.commands, made.commands)
    recorded = {"state": tick.state, "stopped by": tick.stopped_by, "doubt": tick.doubt}
    replayed = {"state": made.state, "stopped by": made.stopped_by, "doubt": made.doubt}
    if recorded != replayed:
        found.append(Difference(moment.at_s, "state", *_unlike(recorded, replayed)))
    return found


def _compare_messages(
    at_s: float, recorded: Sequence[Decided | Command], made: Sequence[Decided | Command]
) -> list[Difference]:
    """One by one, as bytes."""
    found = []
    for one, other in zip_longest(recorded, made):
        raw = [None if message is None else to_bytes(message) for message in (one, other)]
        if raw[0] != raw[1]:
            trees = [None if each is None else json.loads(each) for each in raw]
            found.append(_difference(at_s, isinstance(one or other, Command), *trees))
    return found


def _difference(
    at_s: float, is_command: bool, recorded: dict[str, Any] | None, made: dict[str, Any] | None
) -> Difference:
    if recorded is None or made is None:
        texts = [MISSING if tree is None else _short(tree) for tree in (recorded, made)]
        return Difference(at_s, "command" if is_command else "decision", *texts)
    unlike = {key for key in recorded if recorded[key] != made[key]}
    what: Any = "command" if is_command else "scores" if unlike <= NUMBERS else "decision"
    if what == "decision":
        unlike -= NUMBERS
    return Difference(at_s, what, *_unlike(recorded, made, unlike))


def _unlike(recorded: dict[str, Any], made: dict[str, Any], keys: set[str] | None = None) -> tuple[str, str]:
    """What differs, in the words of a log."""
    keys = {key for key in recorded if recorded[key] != made[key]} if keys is None else keys
    texts = [
        ", ".join(f"{key} {_value(tree[key])}" for key in recorded if key in keys)
        for tree in (recorded, made)
    ]
    return texts[0], texts[1]


def _short(tree: dict[str, Any]) -> str:
    """A command or a decision of which there is no other one."""
    shown = {"kind", "name", "action", "command", "reason"}
    return ", ".join(f"{key} {_value(value)}" for key, value in tree.items() if key in shown and value)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " ".join("-" if one is None else f"{one:.6g}" for one in value)
    return str(value)
