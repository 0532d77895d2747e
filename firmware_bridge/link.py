"""One host, one hand: session, heartbeat, requests with retry, and the figures of the link.

No thread: the control loop calls `service` every tick, and only a healthy tick lets anything out that
keeps the hand going. Silence is the safe default, because the hand stops by itself.
"""

import contextlib
import random
import string
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from neurograsp.firmware_bridge.errors import LinkLost, ProtocolError
from neurograsp.firmware_bridge.exchange import POLL_S, REPLY_S, TRIES, Exchange, refused
from neurograsp.firmware_bridge.frames import encode_frame
from neurograsp.firmware_bridge.hands.hand import JointRange
from neurograsp.firmware_bridge.link_stats import LinkStats
from neurograsp.firmware_bridge.protocol import (
    Action,
    Answer,
    Arm,
    Beat,
    Caps,
    Clear,
    Config,
    Event,
    Get,
    HandAction,
    HandStatus,
    Hello,
    Joints,
    Limits,
    Nack,
    NackCode,
    Request,
    Stop,
    Topic,
    make_frame,
)
from neurograsp.firmware_bridge.transports import Transport

__all__ = ["HandLink", "LinkStats"]

BEAT_S = 0.05
STOP_REPEATS = 3
_CLOSE_S = 0.1
_SESSION_TRIES = 5
_NOT_TO_STRANGERS = frozenset(range(0x80, 0x100)) | frozenset(
    f"\r\n#?{string.digits}{string.ascii_uppercase}".encode()
)
"""Firmata's commands and the headers of most servos begin there; ends of lines and commands of a Brunel."""


def may_open(session: int, seq: int) -> bool:
    """Whether a HELLO of these numbers tells a device of another kind nothing (some do of 87 sessions)."""
    return _NOT_TO_STRANGERS.isdisjoint(encode_frame(make_frame(Hello(), session, seq)))


class HandLink:
    """Speaks wire version 1 over `transport`.

    Args:
        transport: an open transport; `close` closes it.
        clock: seconds, monotonic.
        rng: chooses session id and first sequence numbers.
        sleep: used while a call waits (`connect`, `arm`, `narrow`, `clear`, `limits`, `ping`, `close`).
        silence_s: `service` raises LinkLost when the hand has said nothing valid for this long.
        boot_s: the port's opening may have reset the board: when it does not answer at once, nothing is said
            for so long, since boot loaders that hear something stay.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
        sleep: Callable[[float], None] = time.sleep,
        silence_s: float = 0.5,
        boot_s: float = 0.0,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._sleep = sleep
        self._silence_s = silence_s
        self._boot_s = boot_s
        self._caps: Caps | None = None
        self._queued: Request | None = None
        self._beat_seq = 0
        self._beat_due = 0.0
        self._exchange = self._new_exchange(0)

    def _new_exchange(self, previous: int) -> Exchange:
        while True:
            session, seq = self._rng.randrange(1, 256), self._rng.randrange(256)
            if session != previous and may_open(session, seq):
                return Exchange(self._transport, self._clock, self._sleep, session, seq)

    @property
    def caps(self) -> Caps:
        """What the hand is. Raises LinkLost before `connect`."""
        if self._caps is None:
            raise self._not_connected()
        return self._caps

    @property
    def state(self) -> HandStatus:
        """The newest known status of the hand. Raises LinkLost before `connect`."""
        if self._exchange.status is None:
            raise self._not_connected()
        return self._exchange.status

    @property
    def stats(self) -> LinkStats:
        """The figures of this session."""
        return self._exchange.stats

    @property
    def events(self) -> deque[Event]:
        """The newest 64 events of the hand, oldest first."""
        return self._exchange.events

    @property
    def refusals(self) -> Counter[NackCode]:
        """How often each NACK code came."""
        return self._exchange.refusals

    @property
    def last_refusal(self) -> Nack | None:
        """The newest NACK."""
        return self._exchange.last_refusal

    def connect(self, timeout: float = 3.0) -> Caps:
        """Begin a new session; the hand disarms if it was armed.

        Raises:
            LinkLost: no answer within `timeout` seconds, or that and `boot_s` of a board that boots first.
            Refused: the hand speaks another version of the protocol.
        """
        if self._caps is not None:
            self.stop()
        self._caps = None
        self._queued = None
        self._transport.read()  # what is left of an older session
        tries = max(1, round(timeout / REPLY_S))
        for _ in range(_SESSION_TRIES):
            self._exchange = self._new_exchange(self._exchange.session)
            answer = self._exchange.ask(Hello(), tries) if not self._boot_s else self._hello_to_a_board(tries)
            if isinstance(answer, Caps):
                self._first_status()
                self._caps = answer
                self._beat_seq = self._rng.randrange(256)
                self._beat_due = self._clock()
                return answer
            if isinstance(answer, Nack) and answer.code is not NackCode.SESSION:
                raise refused(self._transport.url, "HELLO", answer)
        raise LinkLost(f"{self._transport.url}: the hand takes no session; reset it and connect again")

    def _hello_to_a_board(self, tries: int) -> Answer:
        """The first one comes while the board is still reset, or to one that was not."""
        boot_s, self._boot_s = self._boot_s, 0.0
        try:
            return self._exchange.ask(Hello(), 1)
        except LinkLost:
            self._sleep(boot_s)
        self._transport.read()
        self._exchange = self._new_exchange(self._exchange.session)
        return self._exchange.ask(Hello(), tries)

    def _first_status(self) -> None:
        for _ in range(TRIES):
            self._exchange.demand(Get(Topic.STATE))
            if self._exchange.status is not None:
                return
        raise LinkLost(
            f"{self._transport.url}: the hand answers but sends no STATE; reset it and connect again"
        )

    def arm(self) -> None:
        """Attach the outputs. Start calling `service(True)` at once, the hand's watchdog runs from here.

        Raises:
            Refused: the emergency stop is pressed, or the hand latched in this session.
        """
        try:
            self._demand(Arm())
        except LinkLost:
            with contextlib.suppress(LinkLost):
                if self._caps is not None:
                    self.stop()  # an ARM still on its way must not be the last word
            raise

    def narrow(self, *limits: Limits) -> None:
        """Narrow up to four joints' limits for this session, before arming.

        Raises:
            Refused: one of them is wider than what is in force; then none has changed.
        """
        self._demand(Config(limits))

    def clear(self) -> None:
        """Zero the hand's counters."""
        self._demand(Clear())

    def limits(self, joint: int) -> Limits:
        """One joint's limits in force."""
        answer = self._demand(Get(Topic.LIMITS, joint))
        if not isinstance(answer, Limits):
            raise ProtocolError(f"{self._transport.url}: GET LIMITS answered with {answer.type.name}")
        return answer

    def ranges(self) -> tuple[JointRange, ...]:
        """Every joint's limits in force."""
        frames_s = 1000 / self.caps.frame_ms
        return tuple(
            JointRange(str(joint), limits.min_us, limits.max_us, limits.rate_us * frames_s, "us")
            for joint, limits in ((joint, self.limits(joint)) for joint in range(self.caps.joints))
        )

    def ping(self) -> float:
        """Round trip of one request, milliseconds."""
        start = self._clock()
        self._demand(Get(Topic.STATE))
        return (self._clock() - start) * 1000

    def act(self, action: HandAction, speed: int = 100, force: int = 100, ttl_ms: int = 500) -> None:
        """Ask for a pose at the next `service(True)`; replaces a request that has not gone out yet.

        Raises:
            ProtocolError: speed, force or time to live out of range.
        """
        self._queued = Action(action, speed, force, ttl_ms)

    def move(self, targets: Mapping[int, int], speed: int = 100, ttl_ms: int = 500) -> None:
        """Ask for joint positions in microseconds, in the same way as `act`."""
        self._queued = Joints(dict(targets), speed, ttl_ms)

    def stop(self) -> None:
        """Stop the hand now: three STOP frames, and no request is sent until a new one is made.

        Raises:
            LinkLost: none of the three went out.
        """
        self._queued = None
        self._exchange.give_up()
        self._exchange.stop_acked = False
        seq = self._exchange.next_seq()
        lost: list[LinkLost] = []
        for _ in range(STOP_REPEATS):
            try:
                self._exchange.send_unanswered(Stop(), seq)
            except LinkLost as error:
                lost.append(error)
        if len(lost) == STOP_REPEATS:
            raise lost[0]

    def service(self, healthy: bool) -> None:
        """Everything that a tick has to do: read, parse, repeat, send, and beat.

        Args:
            healthy: this tick's decoding was sound. Otherwise nothing is sent, requests that wait or
                are not answered yet are dropped, and the hand stops by itself if that goes on.

        Raises:
            LinkLost: the port died, the hand has been silent for `silence_s`, or it no longer knows the
                session (it restarted, or another host took over).
        """
        if self._caps is None:
            raise self._not_connected()
        exchange = self._exchange
        exchange.receive()
        now = self._clock()
        silent_s = now - exchange.heard_s
        if silent_s >= self._silence_s:
            raise LinkLost(
                f"{self._transport.url}: the hand has been silent for {silent_s:.1f} s; "
                "check cable and power, then connect again"
            )
        if not healthy:
            self._queued = None
            exchange.give_up()
            return
        if now >= self._beat_due:
            self._beat_seq = (self._beat_seq + 1) % 256
            exchange.send_unanswered(Beat(), self._beat_seq)
            self._beat_due = max(self._beat_due + BEAT_S, now)
        if self._queued is not None and (exchange.overdue or not exchange.waiting):
            queued, self._queued = self._queued, None
            exchange.launch(queued)
        elif exchange.overdue:
            exchange.repeat()

    def close(self) -> None:
        """Stop the hand, then close the transport."""
        try:
            if self._caps is not None:
                self._stop_and_wait()
        finally:
            self._caps = None
            self._transport.close()

    def _stop_and_wait(self) -> None:
        with contextlib.suppress(LinkLost):  # a hand that cannot be told stops by its watchdog
            self.stop()
            deadline = self._clock() + _CLOSE_S
            while not self._exchange.stop_acked and self._clock() < deadline:
                self._sleep(POLL_S)
                self._exchange.receive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _demand(self, message: Request) -> Answer:
        if self._caps is None:
            raise self._not_connected()
        return self._exchange.demand(message)

    def _not_connected(self) -> LinkLost:
        return LinkLost(f"{self._transport.url}: no session; call connect() first")
