"""A session's frames once more through pipeline and actuation, without a clock, a source or a hand.

Everything from outside is taken as it was recorded: frames, the times of ticks, the age of the newest frame,
who asked to arm, what the hand said of itself. What is decided and what is asked of the hand is made anew.
"""

import marshal
import math
from contextlib import suppress
from dataclasses import dataclass

from neurograsp.edge_runtime.actuation import Actuation
from neurograsp.edge_runtime.arming import Request
from neurograsp.edge_runtime.contract.errors import LinkError
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.replay.recorded_hand import RecordedArming, RecordedHand
from neurograsp.edge_runtime.run_summary import RunSummary
from neurograsp.edge_runtime.telemetry.messages import Command, Decided, Session, Tick
from neurograsp.edge_runtime.telemetry.moments import Moment, block_of
from neurograsp.edge_runtime.telemetry.record import Packed, Record, Unpacker, pack_decision, printable


@dataclass(frozen=True, slots=True)
class Made:
    """What one tick gave this time.

    Attributes:
        decisions, commands: as a run would tell of them.
        state, stopped_by, doubt: see `Tick`.
    """

    decisions: list[Decided]
    commands: list[Command]
    state: str
    stopped_by: str
    doubt: str | None


class Replayer:
    """Args:
    session: of the log.
    pipeline: counts to decisions.
    obedient: see `RecordedHand`.
    columns: of the recorded channels, where the pipeline takes others than all.
    """

    def __init__(
        self, session: Session, pipeline: Pipeline, obedient: bool = False, columns: list[int] | None = None
    ) -> None:
        self._pipeline = pipeline
        self._columns = columns
        self._n_channels = len(session.signal["channels"])
        self._told: list[Packed] = []
        self._unpacker = Unpacker(self._n_channels, len(session.joints))
        self._failed = False
        self._summary = RunSummary()
        self._hand = None if session.hand is None else RecordedHand(session, obedient)
        self._arming = None if session.arming is None else RecordedArming(session)
        self._actuation = Actuation(
            self._hand,
            self._arming,
            self._summary,
            None if self._hand is None or session.patience_s == 0 else self._hand.reopen,
            session.patience_s,
            tell=self._tell,
        )
        self._actuation.start(0.0)

    def step(self, moment: Moment, tick: Tick) -> Made:
        """One tick. Raises RecordingError when the hand was in a state that there is not."""
        block = block_of(moment, self._n_channels)
        counts = block.counts if self._columns is None else block.counts[:, self._columns]
        decisions = self._pipeline.push(counts, block.frame_index)
        if self._hand is not None:
            self._hand.at(moment)
        if self._arming is not None:
            self._arming.request = None if tick.request is None else Request(tick.request)
        age_s = math.inf if tick.source_lost else tick.age_s
        if not self._failed:
            try:
                self._actuation.tick(moment.at_s, decisions, age_s, self._pipeline.doubt)
            except LinkError as error:
                self._failed = True
                self._stop(moment.at_s, str(error))
        summary, doubt = self._summary, self._pipeline.doubt
        made, commands = self._messages(moment.at_s, decisions)
        return Made(
            decisions=made,
            commands=commands,
            state=summary.state.value,
            stopped_by=printable(summary.stopped_by),
            doubt=None if doubt is None else printable(doubt),
        )

    def end(self, at_s: float, reason: str) -> list[Command]:
        """The run ends, and stops the hand for that reason; what that asks of it."""
        self._stop(at_s, reason)
        return self._messages(at_s, [])[1]

    def _stop(self, at_s: float, reason: str) -> None:
        with suppress(LinkError):
            self._actuation.stop(at_s, reason)

    def _tell(
        self, kind: str, name: str = "", speed: int = 0, force: int = 0, ttl_ms: int = 0, reason: str = ""
    ) -> None:
        self._told.append((kind, name, speed, force, ttl_ms, reason))

    def _messages(self, at_s: float, decisions: list[Decision]) -> tuple[list[Decided], list[Command]]:
        """What a run would have told, on the way on which it tells."""
        told, self._told = self._told, []
        record: Packed = Record(at_s, decisions=[pack_decision(one) for one in decisions], commands=told)
        messages = list(self._unpacker.unpack(marshal.dumps(tuple(record))))
        made = [one for one in messages if isinstance(one, Decided)]
        return made, [one for one in messages if isinstance(one, Command)]
