"""A bus of servos that answer one at a time: who is asked when, and the figures of the line.

Writes are not answered. A tick takes in what has arrived and asks the next servo, round and round, so that no
tick waits; only `ask` does. A servo that does not answer is asked again before it is the next one's turn.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from neurograsp.firmware_bridge.codes import NackCode
from neurograsp.firmware_bridge.errors import LinkLost, Refused
from neurograsp.firmware_bridge.link_stats import LinkStats, RoundTripTimes, device_stats
from neurograsp.firmware_bridge.transports import Transport

REPLY_S = 0.02
"""Patience with one answer: 1 ms on the line, and what a USB adapter keeps it for (FTDI: 16 ms)."""
TRIES = 3
ASK_TRIES = 6
"""Of what may wait: a computer that is busy elsewhere is late with reading."""
POLL_S = 0.0005
NEAR = 512
"""A goal within a turn's counts over this of where a servo stands is no jump; without torque some follow."""
NO_TORQUE = "has its motor off"


@dataclass(frozen=True, slots=True)
class ServoAnswer:
    """One servo's answer.

    Attributes:
        id: of the servo.
        error: as the protocol has it.
        parameters: what was asked for.
    """

    id: int
    error: int
    parameters: bytes


class AnswerParser(Protocol):
    """Bytes to answers; memory is bounded.

    Attributes:
        broken: what was no answer.
    """

    broken: int

    def feed(self, data: bytes) -> Iterator[ServoAnswer]:
        """The answers that `data` completes."""

    def forget(self) -> None:
        """Drop half an answer that will never be completed."""


@dataclass(frozen=True, slots=True)
class Question:
    """Attributes:
    data: to the servo.
    size: of the parameters of its answer.
    begins: what they begin with, where the protocol repeats the question there.
    """

    data: bytes
    size: int
    begins: bytes = b""

    def fits(self, parameters: bytes) -> bool:
        """Whether these can be its answer's."""
        return len(parameters) == self.size and parameters.startswith(self.begins)


def goal_hindrance(goal: int, kept: int, counts: int) -> str:
    """What a servo of so many counts has not done that was told `goal`, and says that it has `kept`."""
    return "" if abs(goal - kept) <= counts // NEAR else f"keeps the goal {kept}, told {goal}, and would jump"


class ServoBus:
    """The servos on one line.

    Args:
        transport: an open one.
        parser: of their answers.
        ids: of the servos, in the order of the joints.
        clock: seconds, monotonic.
        sleep: used by `ask`.
    """

    def __init__(
        self,
        transport: Transport,
        parser: AnswerParser,
        ids: Sequence[int],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._parser = parser
        self.ids = tuple(ids)
        self._clock = clock
        self._sleep = sleep
        self._turn = 0
        self._asked_s: float | None = None
        self._heard_s: dict[int, float] = {}
        self._missed: Counter[int] = Counter()
        self._count: Counter[str] = Counter()
        self._rtt_ms = RoundTripTimes()

    @property
    def url(self) -> str:
        """Of the line."""
        return self._transport.url

    @property
    def heard_s(self) -> float | None:
        """When the newest answer came; of servos that leave `TRIES` questions unanswered their oldest.

        None before each was heard. A round of many servos takes long, so that time alone tells nothing.
        """
        if len(self._heard_s) < len(self.ids):
            return None
        silent = [self._heard_s[place] for place, missed in self._missed.items() if missed >= TRIES]
        return min(silent) if silent else max(self._heard_s.values())

    @property
    def stats(self) -> LinkStats:
        """Writes count as sent alone."""
        return device_stats(self._count, self._parser.broken, self._rtt_ms)

    def check_start(self, goals: Sequence[int], ranges: Sequence[tuple[int, int]]) -> None:
        """Goals where the servos stand can be sent as they are.

        Raises:
            Refused: one stands outside of its range, and would jump to the nearest goal that there is.
        """
        for servo, goal, (low, high) in zip(self.ids, goals, ranges, strict=True):
            if not low <= goal <= high:
                raise Refused(
                    f"{self.url}: servo {servo} stands at {goal}, outside of {low} to {high}, and would "
                    "jump; turn it back by hand",
                    NackCode.VALUE,
                )

    def insist(self, tell: Callable[[], object], hindrance: Callable[[int], str]) -> None:
        """Tell all servos what none of them answers, and ask each whether it does; `TRIES` times at most.

        Args:
            tell: says it.
            hindrance: asks the servo at a place; what it has not done, for people, empty where it has.

        Raises:
            LinkLost: a servo does not answer.
            Refused: one does not do it.
        """
        for _ in range(TRIES):
            tell()
            found = [hindrance(place) for place in range(len(self.ids))]
            if not any(found):
                return
        servo, what = next((servo, what) for servo, what in zip(self.ids, found, strict=True) if what)
        raise Refused(f"{self.url}: servo {servo} {what}; look at its line and its power", NackCode.VALUE)

    def say(self, data: bytes) -> None:
        """Send what nobody answers."""
        self._transport.write(data)
        self._count["sent"] += 1

    def ask(self, place: int, question: Question, tries: int = ASK_TRIES) -> ServoAnswer:
        """Ask the servo at `place` and wait: at most `tries` times `REPLY_S`.

        Raises:
            LinkLost: it does not answer, or what comes is no answer of its.
        """
        servo = self.ids[place]
        something = False
        self._transport.read()
        self._asked_s = None
        for attempt in range(tries):
            self._parser.forget()
            self._count["retries"] += attempt > 0
            self.say(question.data)
            asked_s = self._clock()
            late = False
            while not late:
                late = self._clock() - asked_s >= REPLY_S  # before the last look, not after it
                data = self._transport.read()
                something = something or bool(data)
                for answer in self._parser.feed(data):
                    if answer.id == servo and question.fits(answer.parameters):
                        self._landed(place, asked_s)
                        return answer
                    self._count["strange"] += 1
                self._sleep(POLL_S)
        said = "answers with another id or protocol" if something else "does not answer"
        raise LinkLost(
            f"{self.url}: servo {servo} {said} ({tries} tries); check its id, the baud rate and the power of "
            "the servos"
        )

    def round(self, question: Callable[[int], Question], asking: bool) -> Iterator[tuple[int, ServoAnswer]]:
        """A tick: places and answers that have arrived; then, when `asking`, the next question."""
        for answer in self._parser.feed(self._transport.read()):
            expected = self._asked_s is not None and answer.id == self.ids[self._turn]
            if not expected or not question(answer.id).fits(answer.parameters):
                self._count["strange"] += 1
                continue
            place, asked_s = self._turn, self._asked_s
            assert asked_s is not None
            self._next()
            self._landed(place, asked_s)
            yield place, answer
        now = self._clock()
        if self._asked_s is not None and now - self._asked_s >= REPLY_S:
            self._count["unanswered"] += 1
            self._parser.forget()
            self._asked_s = None
            self._missed[self._turn] += 1
            if self._missed[self._turn] % TRIES == 0:
                self._next()
        if self._asked_s is None and asking:
            self.say(question(self.ids[self._turn]).data)
            self._asked_s = now

    def close(self) -> None:
        """Give the port back."""
        self._transport.close()

    def _landed(self, place: int, asked_s: float) -> None:
        now = self._clock()
        self._count["answered"] += 1
        self._rtt_ms.append((now - asked_s) * 1000)
        self._heard_s[place] = now
        self._missed[place] = 0

    def _next(self) -> None:
        self._turn = (self._turn + 1) % len(self.ids)
        self._asked_s = None
