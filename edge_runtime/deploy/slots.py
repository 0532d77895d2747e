"""Which of two slots a board runs: a pure machine. `TRANSITIONS` is the whole table, drawn in docs/deploy.md.

One slot is good: what ran well last. The other one may be overwritten at any time, and is on trial from the
switch until somebody who watches the service confirms it. A trial without one who watches is over.
"""

import enum
from dataclasses import dataclass, replace
from typing import Literal

Slot = Literal["a", "b"]
SCHEMA: Literal["neurograsp.slots/1"] = "neurograsp.slots/1"
MAX_REASON = 400


class Phase(enum.Enum):
    EMPTY = "empty"
    FIRST_TRIAL = "first_trial"
    SETTLED = "settled"
    TRIAL = "trial"


class SlotEvent(enum.Enum):
    SWITCH = "switch"
    CONFIRM = "confirm"
    GIVE_UP = "give_up"


TRANSITIONS: dict[tuple[Phase, SlotEvent], Phase] = {
    (Phase.EMPTY, SlotEvent.SWITCH): Phase.FIRST_TRIAL,
    (Phase.FIRST_TRIAL, SlotEvent.CONFIRM): Phase.SETTLED,
    (Phase.FIRST_TRIAL, SlotEvent.GIVE_UP): Phase.EMPTY,
    (Phase.SETTLED, SlotEvent.SWITCH): Phase.TRIAL,
    (Phase.TRIAL, SlotEvent.CONFIRM): Phase.SETTLED,
    (Phase.TRIAL, SlotEvent.GIVE_UP): Phase.SETTLED,
}


@dataclass(frozen=True)
class Outcome:
    """How the last trial ended.

    Attributes:
        slot: that was on trial.
        outcome: what became of it.
        reason: why.
        at: UTC, ISO 8601, by the board's clock.
        ticket: of the deployment.
    """

    slot: Slot
    outcome: Literal["confirmed", "returned"]
    reason: str
    at: str
    ticket: str


@dataclass(frozen=True)
class Slots:
    """What the board remembers of its slots; all else it reads from the slots themselves.

    Attributes:
        good: the slot to return to; None before the first bundle was confirmed.
        trial: the slot that is to be confirmed; None: nothing is on trial.
        ticket: of the deployment that is on trial, chosen by whoever asked for it; empty without one.
        last: how the last trial ended.
        spare_was_good: what is in the spare slot was confirmed once, so that one may go back to it.
    """

    schema: Literal["neurograsp.slots/1"] = SCHEMA
    good: Slot | None = None
    trial: Slot | None = None
    ticket: str = ""
    last: Outcome | None = None
    spare_was_good: bool = False

    def __post_init__(self) -> None:
        if self.trial is not None and self.trial == self.good:
            raise ValueError(f"slot {self.trial} cannot be both good and on trial")

    @property
    def phase(self) -> Phase:
        if self.trial is None:
            return Phase.EMPTY if self.good is None else Phase.SETTLED
        return Phase.FIRST_TRIAL if self.good is None else Phase.TRIAL

    @property
    def current(self) -> Slot | None:
        """What `current` names once every step is done."""
        return self.trial or self.good

    @property
    def spare(self) -> Slot:
        """The slot that is not good."""
        return "b" if self.good == "a" else "a"

    def switch(self, ticket: str) -> "Slots":
        """The spare slot goes on trial. Raises ValueError where something is on trial already."""
        self._check(SlotEvent.SWITCH)
        return replace(self, trial=self.spare, ticket=ticket)

    def confirm(self, reason: str, at: str) -> "Slots":
        """What was on trial is good. Raises ValueError where nothing was."""
        self._check(SlotEvent.CONFIRM)
        return replace(
            self,
            good=self.trial,
            trial=None,
            ticket="",
            last=self._outcome("confirmed", reason, at),
            spare_was_good=self.good is not None,
        )

    def give_up(self, reason: str, at: str) -> "Slots":
        """Back to what was good. Raises ValueError where nothing is on trial."""
        self._check(SlotEvent.GIVE_UP)
        return replace(self, trial=None, ticket="", last=self._outcome("returned", reason, at))

    def _outcome(self, outcome: Literal["confirmed", "returned"], reason: str, at: str) -> Outcome:
        assert self.trial is not None
        printable = "".join(letter for letter in reason if letter.isprintable())
        return Outcome(self.trial, outcome, printable[:MAX_REASON], at, self.ticket)

    def _check(self, event: SlotEvent) -> None:
        if (self.phase, event) not in TRANSITIONS:
            raise ValueError(f"{event.value} is not possible while {self.phase.value}")
