"""The host's side of a rig: session and sequence numbers, and what the hand was heard to say.

What is known of the hand comes from ACK, STATE and EVENT, never from asking: GET would feed the watchdog.
"""

from dataclasses import dataclass

from invariants import Monitor
from rig import BYTE_US, FRAME_MS, Pulse, Rig

from neurograsp.firmware_bridge.frames import Frame, FrameDecoder, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Answer,
    Arm,
    Beat,
    Event,
    EventKind,
    Fault,
    HandState,
    HandStatus,
    Hello,
    Message,
    MessageType,
    make_frame,
    parse,
)

SESSION = 42
BEAT_MS = 50
PATIENCE_MS = 61
"""For an answer: what a host waits before it tries again."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame of the hand, and when it was complete."""

    at_ms: float
    session: int
    seq: int
    message: Answer


class Client:
    """Every byte and every pulse from here on goes through here, and so past the monitor.

    Args:
        rig: a hand that was just powered on.

    Attributes:
        state, fault, attached: last heard; as after power-up until then.
        heard: everything, in order. Tests may clear it.
        widths: of the last pulse of each joint.
        session, seq: of the last request.
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.monitor = Monitor(rig.profile, rig.tolerance_us, rig.slack_ms, rig.frame_slack_ms)
        self.session = SESSION
        self.seq = 0
        self._beat_seq = 0
        self._on_line = 0
        self.heard: list[Heard] = []
        self.pulses: list[Pulse] = []
        self._forget()
        rig.pulses()  # of before

    def _forget(self) -> None:
        self.state = HandState.BOOT
        self.fault = Fault.NONE
        self.attached = False
        self._decoder = FrameDecoder()
        self._sent = FrameDecoder()
        self._last_ack: tuple[int, int] | None = None
        self.widths: list[float | None] = [None] * len(self.rig.profile.joints)

    def power_on(self) -> None:
        """From cold; the session and sequence numbers go on."""
        self._collect(b"")
        self.rig.power_on()
        self.rig.pulses()
        self.monitor.restarted()
        self._forget()
        self.heard.clear()

    # --- time

    @property
    def now_ms(self) -> float:
        return self.rig.now_ms

    def run(self, ms: float) -> None:
        """Let time pass, in steps as fine as the rig's times."""
        end_ms = self.rig.now_ms + ms
        step_ms = min(5.0, max(1.0, self.rig.slack_ms))
        while (left_ms := end_ms - self.rig.now_ms) > 0:
            self._collect(self.rig.run(min(step_ms, left_ms)))

    def keep_alive(self, ms: float) -> None:
        """Let time pass with a BEAT every 50 ms."""
        end_ms = self.rig.now_ms + ms
        while (left_ms := end_ms - self.rig.now_ms) > 0:
            self.tell(Beat())
            self.run(min(BEAT_MS, left_ms))

    def wait_for(self, state: HandState, ms: float) -> None:
        """Let time pass until `state` is heard, at most `ms`."""
        end_ms = self.rig.now_ms + ms
        self._collect(self.rig.run(0))
        while self.state is not state:
            assert self.rig.now_ms < end_ms, f"still {self.state!r}, not {state!r}, after {ms} ms"
            self.run(1)

    def drain(self) -> None:
        """Let the time pass that all bytes need, perhaps, that were sent since the last answer."""
        size, self._on_line = self._on_line, 0
        self.run(size * BYTE_US / 1000)

    def finish(self) -> None:
        """Wait for the pulses under way; raise AssertionError unless every one so far was as it must be."""
        self.run(2 * FRAME_MS)
        self.monitor.check()

    # --- out

    def send(self, data: bytes) -> None:
        """Bytes of any kind."""
        for frame in self._sent.feed(data):
            if frame.type == MessageType.ARM:
                self.monitor.may_pulse()
            elif frame.type in (MessageType.ACTION, MessageType.JOINTS):
                self.monitor.may_move()
        self._on_line += len(data)
        self.rig.send(data)

    def tell(self, message: Message, session: int | None = None, seq: int | None = None) -> None:
        """Send a message and wait for no answer. BEATs have their own numbers."""
        session = self.session if session is None else session
        if seq is None and isinstance(message, Beat):
            seq = self._beat_seq = (self._beat_seq + 1) % 256
        self.send(encode_frame(make_frame(message, session, self._next() if seq is None else seq)))

    def ask(self, message: Message, session: int | None = None, seq: int | None = None) -> Answer:
        """The answer to a request, with the next sequence number unless told."""
        session = self.session if session is None else session
        return self.answer(make_frame(message, session, self._next() if seq is None else seq))

    def ask_raw(self, kind: int, payload: bytes = b"", version: int = 1) -> Answer:
        """The answer to a request that need not be valid."""
        return self.answer(Frame(kind, self.session, self._next(), payload, version))

    def answer(self, frame: Frame) -> Answer:
        """Send it; what is answered to it."""
        data = encode_frame(frame)
        start = len(self.heard)
        self.send(data)
        end_ms = self.rig.now_ms + PATIENCE_MS + 10 * self.rig.slack_ms + len(data) * BYTE_US / 1000
        self._collect(self.rig.run(0))
        while True:
            for heard in self.heard[start:]:
                unasked = isinstance(heard.message, HandStatus | Event)
                if not unasked and (heard.session, heard.seq) == (frame.session, frame.seq):
                    self._on_line = 0
                    return heard.message
            assert self.rig.now_ms < end_ms, f"no answer to {frame}"
            self.run(1)

    def _next(self) -> int:
        self.seq = (self.seq + 1) % 256
        return self.seq

    # --- in

    def _collect(self, data: bytes) -> None:
        for frame in self._decoder.feed(data):
            message = parse(frame)
            assert isinstance(message, Answer)
            self.heard.append(Heard(self.rig.now_ms, frame.session, frame.seq, message))
            self._learn(self.heard[-1])
        pulses = self.rig.pulses()
        self.pulses += pulses
        for pulse in pulses:
            self.widths[pulse.joint] = pulse.width_us
        self.monitor.judge(pulses)

    def _learn(self, heard: Heard) -> None:
        message = heard.message
        if isinstance(message, Ack):
            asked = (heard.session, heard.seq)
            if message.request != MessageType.STOP and asked == self._last_ack:
                return  # kept from then, for a duplicate
            self._last_ack = asked
            self.state = message.state
        elif isinstance(message, HandStatus):
            self.state, self.fault, self.attached = message.state, message.fault, message.attached
        elif isinstance(message, Event):
            self.state, self.fault = message.state, message.fault
            if message.kind is EventKind.OUTPUTS:
                self.attached = message.detail == 1
        else:
            return
        if self.state is HandState.MOVING:
            self.monitor.may_move()
        else:
            self.monitor.stopped(heard.at_ms)
        if self.attached:
            self.monitor.may_pulse()
        elif not isinstance(message, Ack):
            self.monitor.let_go(heard.at_ms)

    # --- what hosts do

    def connect(self, session: int | None = None) -> Answer:
        """A session; CAPS."""
        self.session = self.session if session is None else session
        return self.ask(Hello())

    def arm(self) -> "Client":
        """A hand in a session, armed."""
        if self.state is HandState.BOOT:
            self.connect()
        self.ask(Arm())
        assert self.state is HandState.ARMED
        return self

    def status(self) -> HandStatus:
        """The next STATE that comes by itself."""
        self._collect(self.rig.run(0))
        start = len(self.heard)
        for _ in range(round(BEAT_MS + self.rig.slack_ms + 10)):
            self.run(1)
            for heard in self.heard[start:]:
                if isinstance(heard.message, HandStatus):
                    return heard.message
        raise AssertionError("no STATE frame")
