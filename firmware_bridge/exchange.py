"""The conversation under `link.py`: sessions, sequence numbers, one request in flight, retries, figures."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from neurograsp.firmware_bridge.errors import LinkLost, ProtocolError, Refused
from neurograsp.firmware_bridge.frames import FRAME_MAX, FrameDecoder, encode_frame
from neurograsp.firmware_bridge.link_stats import LinkStats, RoundTripTimes, round_trips
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Answer,
    Caps,
    Event,
    HandStatus,
    MessageType,
    Nack,
    NackCode,
    Request,
    make_frame,
    parse,
)
from neurograsp.firmware_bridge.transports import BAUD, Transport

TRIES = 3
REPLY_S = 0.05 + 3 * FRAME_MAX * 10 / BAUD
"""Patience with one try: 50 ms, and the request, its answer and a STATE in between on the line."""
POLL_S = 0.0002

_REMEDY = {
    NackCode.VERSION: "flash the firmware that came with this version of neurograsp",
    NackCode.SEQUENCE: "connect again",
    NackCode.TYPE: "flash the firmware that came with this version of neurograsp",
    NackCode.LENGTH: "flash the firmware that came with this version of neurograsp",
    NackCode.VALUE: "stay within the hand's limits",
    NackCode.UNSUPPORTED: "use an action of this hand's profile",
    NackCode.NOT_ARMED: "arm first",
    NackCode.ARMED: "stop the hand first",
    NackCode.LATCHED: "look why it stopped, then connect and arm again",
    NackCode.ESTOP: "release the emergency stop",
    NackCode.BATTERY: "charge or replace the hand's battery",
    NackCode.STALLED: "free the joint that is blocked",
}


@dataclass(slots=True)
class _Flight:
    """The one request that waits for its answer."""

    kind: MessageType
    seq: int
    data: bytes
    first_s: float
    last_s: float
    tries: int = 1


class Exchange:
    """One session's frames over `transport`; see `HandLink` for the arguments.

    Attributes:
        heard_s: when the last valid frame of this session came.
        status: what the newest STATE, EVENT or ACK says, or None.
        answer: to the last request, or None.
        stop_acked: STOP was confirmed.
        events, refusals, last_refusal: see `HandLink`.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        session: int,
        first_seq: int,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._sleep = sleep
        self._session = session
        self._seq = (first_seq - 1) % 256
        self._decoder = FrameDecoder()
        self._flight: _Flight | None = None
        self._count: Counter[str] = Counter()
        self._rtt_ms = RoundTripTimes()
        self.heard_s = clock()
        self.status: HandStatus | None = None
        self.answer: Answer | None = None
        self.stop_acked = False
        self.events: deque[Event] = deque(maxlen=64)
        self.refusals: Counter[NackCode] = Counter()
        self.last_refusal: Nack | None = None

    @property
    def session(self) -> int:
        """Session id, 1 to 255."""
        return self._session

    @property
    def waiting(self) -> bool:
        """A request is in flight."""
        return self._flight is not None

    @property
    def overdue(self) -> bool:
        """A request is in flight, and its last try should have been answered by now."""
        return self._flight is not None and self._clock() - self._flight.last_s >= REPLY_S

    @property
    def stats(self) -> LinkStats:
        """The figures so far."""
        count = self._count
        return LinkStats(
            sent=count["sent"],
            acked=count["acked"],
            nacks=count["nacks"],
            retries=count["retries"],
            unanswered=count["unanswered"],
            beats=count["beat"],
            stops=count["stop"],
            states=count["states"],
            crc_errors=self._decoder.crc_errors,
            bad_frames=self._decoder.errors + count["strange"],
            **round_trips(self._rtt_ms),
        )

    def send_unanswered(self, message: Request, seq: int) -> None:
        """Send once, expect nothing."""
        self._transport.write(encode_frame(make_frame(message, self._session, seq)))
        self._count[message.type.name.lower()] += 1

    def next_seq(self) -> int:
        """The next request's sequence number."""
        self._seq = (self._seq + 1) % 256
        return self._seq

    def launch(self, message: Request) -> None:
        """Send a request that is to be answered; gives up the one in flight."""
        self.give_up()
        seq = self.next_seq()
        data = encode_frame(make_frame(message, self._session, seq))
        now = self._clock()
        self._flight = _Flight(message.type, seq, data, now, now)
        self.answer = None
        self._count["sent"] += 1
        self._transport.write(data)

    def repeat(self, tries: int = TRIES) -> None:
        """Send once more, byte for byte so that the hand knows it for a duplicate, or give up."""
        flight = self._flight
        if flight is None or flight.tries >= tries:
            self.give_up()
            return
        flight.tries += 1
        flight.last_s = self._clock()
        self._count["retries"] += 1
        self._transport.write(flight.data)

    def give_up(self) -> None:
        """Wait no longer for the request in flight, if there is one."""
        if self._flight is not None:
            self._count["unanswered"] += 1
            self._flight = None

    def ask(self, message: Request, tries: int = TRIES) -> Answer:
        """Send and wait for the answer, which may be a NACK.

        Raises:
            LinkLost: no answer.
        """
        self.launch(message)
        while True:
            self.receive()
            if self.answer is not None:
                return self.answer
            if self.overdue:
                self.repeat(tries)
            if not self.waiting:
                raise LinkLost(
                    f"{self._transport.url}: no answer to {message.type.name} in {tries} tries; "
                    "is this the hand's port, is it powered and flashed?"
                )
            self._sleep(POLL_S)

    def demand(self, message: Request) -> Answer:
        """As `ask`, but a NACK raises Refused."""
        answer = self.ask(message)
        if isinstance(answer, Nack):
            raise refused(self._transport.url, message.type.name, answer)
        return answer

    def receive(self) -> None:
        """Take in all that has arrived.

        Raises:
            LinkLost: the port died, or the hand no longer knows the session.
        """
        for frame in self._decoder.feed(self._transport.read()):
            try:
                message = parse(frame)
            except ProtocolError:
                self._count["strange"] += 1
                continue
            if frame.session != self._session or not isinstance(message, Answer):
                self._count["strange"] += 1
                continue
            self.heard_s = self._clock()
            self._take(message, frame.seq)

    def _take(self, message: Answer, seq: int) -> None:
        if isinstance(message, HandStatus):
            self._count["states"] += 1
            self.status = message
        elif isinstance(message, Event):
            self.events.append(message)
            if self.status is not None:
                self.status = replace(self.status, state=message.state, fault=message.fault)
        elif isinstance(message, Ack) and message.request is MessageType.STOP:
            self.stop_acked = True
            if self.status is not None:
                self.status = replace(self.status, state=message.state)
        elif self._flight is not None and seq == self._flight.seq and _fits(self._flight.kind, message):
            self._land(self._flight, message)

    def _land(self, flight: _Flight, answer: Answer) -> None:
        self._flight = None
        self.answer = answer
        if flight.tries == 1:
            self._rtt_ms.append((self._clock() - flight.first_s) * 1000)
        if not isinstance(answer, Nack):
            self._count["acked"] += 1
            if isinstance(answer, Ack) and self.status is not None:
                self.status = replace(self.status, state=answer.state)
            return
        self._count["nacks"] += 1
        self.refusals[answer.code] += 1
        self.last_refusal = answer
        if answer.code is NackCode.SESSION and flight.kind is not MessageType.HELLO:
            raise LinkLost(
                f"{self._transport.url}: the hand no longer knows this session (it restarted, or another "
                "host took over); connect again"
            )


def _fits(request: MessageType, answer: Answer) -> bool:
    """Whether `answer` is of the kind that answers `request`."""
    if isinstance(answer, Ack | Nack):
        return answer.request == request
    return request == MessageType.GET or (request == MessageType.HELLO and isinstance(answer, Caps))


def refused(url: str, what: str, nack: Nack) -> Refused:
    """The error that says what the hand at `url` refused, why, and what to do."""
    where = ""
    if nack.code is NackCode.VALUE:
        where = f" (payload byte {nack.detail[0]})"
    elif nack.code is NackCode.VERSION:
        where = f" (it speaks {nack.detail[0]} to {nack.detail[1]})"
    remedy = _REMEDY.get(nack.code, "connect again")
    return Refused(f"{url}: the hand refused {what}: {nack.code.name}{where}; {remedy}", nack.code)
