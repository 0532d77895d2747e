"""A line with one device on it, which answers what it is told: bytes out, answers in, figures."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.link_stats import LinkStats, RoundTripTimes, device_stats
from neurograsp.firmware_bridge.transports import Transport

REPLY_S = 0.03
"""Patience with one answer: a few ms on the line, and what a USB adapter keeps it for (FTDI: 16 ms)."""
TRIES = 3
POLL_S = 0.0005

Answer = TypeVar("Answer")
Heard = TypeVar("Heard", covariant=True)


class Parser(Protocol[Heard]):
    """Bytes to answers; memory is bounded.

    Attributes:
        broken: what was no answer.
    """

    broken: int

    @property
    def begun(self) -> bool:
        """Part of an answer has come, and not all of it."""

    def feed(self, data: bytes) -> Iterator[Heard]:
        """The answers that `data` completes."""

    def forget(self) -> None:
        """Drop half an answer that will never be completed."""


class AskedLine(Generic[Answer]):
    """One device. Nothing waits but `ask`.

    Args:
        transport: an open one; `close` closes it.
        parser: of its answers.
        name: of the device, for messages.
        advice: what to look at when it does not answer.
        unasked: takes what comes while `ask` waits for something else; None: it is dropped, where a device
            says nothing by itself.
        clock: seconds, monotonic.
        sleep: used by `ask`.

    Attributes:
        heard_s: when the newest answer came; None before the first.
        said_s: when something was said last that is answered; None before.
    """

    def __init__(
        self,
        transport: Transport,
        parser: Parser[Answer],
        name: str,
        advice: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        unasked: Callable[[Answer], None] | None = None,
    ) -> None:
        self._transport = transport
        self._unasked = unasked
        self._parser = parser
        self._name = name
        self._advice = advice
        self._clock = clock
        self._sleep = sleep
        self.heard_s: float | None = None
        self.said_s: float | None = None
        self._outstanding = 0
        self._count: Counter[str] = Counter()
        self._rtt_ms = RoundTripTimes()

    @property
    def url(self) -> str:
        """Where it leads, for messages."""
        return self._transport.url

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return device_stats(self._count, self._parser.broken, self._rtt_ms)

    @property
    def outstanding(self) -> int:
        """Answers that are awaited."""
        return self._outstanding

    @property
    def free(self) -> bool:
        """No answer is awaited, or one that did not come in time."""
        return not self._outstanding or self.since_said >= REPLY_S

    @property
    def since_said(self) -> float:
        """Seconds since something was said that is answered."""
        return float("inf") if self.said_s is None else self._clock() - self.said_s

    def say(self, data: bytes, answers: int = 1) -> None:
        """Send it and expect so many answers, without waiting."""
        if self._outstanding and self.free:
            self._give_up()
        if answers:
            self.said_s = self._clock()
        self._transport.write(data)
        self._count["sent"] += 1
        self._outstanding += answers

    def arrived(self) -> Iterator[Answer]:
        """Answers that have come, asked for or not; the caller tells `strange` ones."""
        for answer in self._parser.feed(self._transport.read()):
            self._land()
            yield answer

    def ask(
        self,
        data: bytes,
        wanted: Callable[[Answer], bool],
        tries: int = TRIES,
        reply_s: float = REPLY_S,
    ) -> Answer:
        """Ask and wait, once the line is free: at most `tries` times `reply_s`.

        An answer that may take longer than `REPLY_S` says nothing of the line's round trip.

        Raises:
            LinkLost: it does not answer, or what comes is no answer that was wanted.
        """
        anything = False
        while not self.free:
            self._sleep(POLL_S)
            for answer in self.arrived():
                self._pass_on(answer)
        data_in = self._transport.read()
        if self._unasked is not None:
            for answer in self._parser.feed(data_in):
                self._unasked(answer)
        for attempt in range(tries):
            self._give_up()
            self._count["retries"] += attempt > 0
            self.say(data)
            asked_s = self._clock()
            while self._clock() - asked_s < reply_s:
                data_in = self._transport.read()
                anything = anything or bool(data_in)
                for answer in self._parser.feed(data_in):
                    self._land(timed=reply_s <= REPLY_S)
                    if wanted(answer):
                        return answer
                    self._pass_on(answer)
                self._sleep(POLL_S)
        said = "does not answer"
        if anything:
            said = "answers in part" if self._parser.begun else "answers with another id or protocol"
        raise LinkLost(f"{self._transport.url}: {self._name} {said} ({tries} tries); {self._advice}")

    def strange(self) -> None:
        """Count an answer that nobody asked for."""
        self._count["strange"] += 1

    def refused(self) -> None:
        """Count what the device would not do."""
        self._count["refused"] += 1

    def close(self) -> None:
        """Give the port back."""
        self._transport.close()

    def _pass_on(self, answer: Answer) -> None:
        if self._unasked is None:
            self.strange()
        else:
            self._unasked(answer)

    def _land(self, timed: bool = True) -> None:
        now = self._clock()
        self.heard_s = now
        self._count["answered"] += 1
        if timed and self._outstanding == 1 and self.said_s is not None:
            self._rtt_ms.append((now - self.said_s) * 1000)
        self._outstanding = max(0, self._outstanding - 1)

    def _give_up(self) -> None:
        self._count["unanswered"] += self._outstanding
        self._outstanding = 0
        self._parser.forget()
