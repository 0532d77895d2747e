"""Where the control loop tells what it does: one packed record and one send a tick, never waited for.

The other end is the observer, a process of its own (`observer`). Between them is the kernel's buffer of a
socket pair, about two seconds of an ordinary run. When it is full, or nobody reads any more, what was to be
told is dropped and counted, and the loop goes on.
"""

import json
import logging
import marshal
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from neurograsp.edge_runtime.contract.errors import LinkError
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.telemetry.record import Packed, Record, pack_decision, pack_hand, pack_link
from neurograsp.firmware_bridge.hands.hand import Hand, Status

log = logging.getLogger(__name__)

END = b"end"
"""The last that is told; without it the control process was killed."""

BUFFER_BYTES = 2**21
"""Asked for; the kernel gives at most `net.core.wmem_max`, 208 KiB as it comes."""

BLOCK_BYTES = 2**16
"""Of counts in one record: what is more goes in several."""

HAND_S, LINK_S = 0.1, 1.0
"""From one look at the hand's joints, and at the figures of its link, to the next."""

EVENTS_KEPT = 200
EVENTS_A_SECOND = 20.0
EVENTS_AT_ONCE = 50

ASKED_AT_ONCE = 4096
"""More than the kernel's buffer holds."""

_ASKED_BYTES = 64


class Outlet:
    """The control loop's end. Nothing here raises or waits but `close`.

    Args:
        end: of a pair of sequenced-packet sockets; taken over.
        clock: the loop's, in seconds; wall-clock time is asked once.

    Attributes:
        dropped: messages that could not be sent, by topic.
        lost: the observer is gone.
    """

    def __init__(self, end: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped: Counter[str] = Counter()
        self.lost = False
        self._end = end
        self._clock = clock
        self._begin: float | None = None
        self._commands: list[Packed] = []
        self._events: deque[tuple[float, str, str]] = deque(maxlen=EVENTS_KEPT)
        self._n_dropped = self._told_dropped = 0
        self._status: Status | None = None
        self._state_and_fault: tuple[int, int] | None = None
        self._hand_due = self._link_due = 0.0
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)

    def begin(self, now: float) -> None:
        """The run begins at `now`: second 0 of everything that is told."""
        self._begin = now
        started_at = datetime.now(UTC) - timedelta(seconds=self._clock() - now)
        self._send_raw(started_at.isoformat().encode())

    def command(
        self, kind: str, name: str = "", speed: int = 0, force: int = 0, ttl_ms: int = 0, reason: str = ""
    ) -> None:
        """Something is asked of the hand; told with the tick."""
        self._commands.append((kind, name, speed, force, ttl_ms, reason))

    def event(self, level: str, text: str) -> None:
        """From any thread; told with the next tick."""
        self._events.append((self._clock(), level, text))

    def tick(
        self, now: float, block: Block, decisions: list[Decision], hand: Hand | None, tick: Packed
    ) -> None:
        """Tell of a tick.

        Args:
            now: when it began, by the loop's clock.
            block: what was read.
            decisions: of it.
            hand: None without one, and while it is lost.
            tick: the rest, see `Record`.
        """
        if self.lost:
            self._commands.clear()
            return
        at_s = self._since(now)
        frame_index: Any = None
        counts: Any = None
        if len(block.counts):
            if block.counts.nbytes > BLOCK_BYTES:
                block = self._tell_parts(at_s, block)
            frame_index, counts = block.frame_index, block.counts
            if not counts.flags.c_contiguous:
                counts = counts.tobytes()
        packed, link = (None, None) if hand is None else self._look_at(hand, now)
        commands, events = self._commands, None
        if commands:
            self._commands = []
        if self._events:
            events = self._due_events()
        decided = [pack_decision(decision) for decision in decisions] if decisions else None
        dropped = self._due_dropped()
        self._send((at_s, frame_index, counts, decided, commands, packed, link, tick, events, dropped))

    def rest(self, now: float) -> None:
        """Tell what was asked of the hand, and what happened, outside of a tick."""
        if self._begin is None:
            return
        commands, self._commands = self._commands, []
        events, dropped = self._due_events(), self._due_dropped()
        if commands or events or dropped:
            self._send(Record(self._since(now), commands=commands, events=events, dropped=dropped))

    def asked(self) -> list[str]:
        """All that monitors asked since the last call: "stop", "disarm", "arm", "alive".

        A "stop" that is left for the next call would let a hand be armed that was stopped afterwards. Where
        more comes than can be, it is one.
        """
        requests: list[str] = []
        while not self.lost:
            if len(requests) == ASKED_AT_ONCE:
                requests.append("stop")
                break
            try:
                said = self._end.recv(_ASKED_BYTES)
            except BlockingIOError:
                break
            except OSError:
                said = b""
            if not said:
                self._lose()
            else:
                requests.append(said.decode(errors="replace"))
        return requests

    def close(self, timeout_s: float = 10.0) -> dict[str, Any] | None:
        """The run is over: send what is left, wait until the observer has written it.

        Args:
            timeout_s: for all of this together.

        Returns:
            what the observer says of the log; None when it is gone, or does not come to an end.
        """
        until = time.monotonic() + timeout_s

        def wait_no_longer() -> None:
            self._end.settimeout(max(0.0, until - time.monotonic()))

        try:
            wait_no_longer()
            self.rest(self._clock())
            wait_no_longer()
            self._end.send(END)
            self._end.shutdown(socket.SHUT_WR)
            while True:
                wait_no_longer()
                said = self._end.recv(2**16)
                if not said:
                    return None
                if said.startswith(b"{"):
                    result: dict[str, Any] = json.loads(said)
                    return result
        except (OSError, ValueError):
            return None
        finally:
            self._end.close()

    def _since(self, now: float) -> float:
        return 0.0 if self._begin is None else max(0.0, now - self._begin)

    def _tell_parts(self, at_s: float, block: Block) -> Block:
        """All of a large block but its last part, which is returned."""
        step = max(1, BLOCK_BYTES // block.counts[:1].nbytes)
        begins = range(0, len(block.counts), step)
        for begin in begins[:-1]:
            part = slice(begin, begin + step)
            self._send(Record(at_s, block.frame_index[part], block.counts[part].tobytes()))
        return Block(block.counts[begins[-1] :], block.frame_index[begins[-1] :])

    def _look_at(self, hand: Hand, now: float) -> tuple[Packed | None, Packed | None]:
        """The hand and its link: at once where its state changed, else ten times and once a second."""
        try:
            status = hand.state
        except LinkError:  # it has none while a session begins
            return None, None
        if status is self._status and now < self._hand_due:
            return None, None
        state_and_fault = status.state, status.fault
        if state_and_fault == self._state_and_fault and now < self._hand_due:
            return None, None
        self._status, self._state_and_fault, self._hand_due = status, state_and_fault, now + HAND_S
        if now < self._link_due:
            return pack_hand(status), None
        self._link_due = now + LINK_S
        return pack_hand(status), pack_link(hand.stats)

    def _due_events(self) -> list[Packed]:
        events: list[Packed] = []
        while self._events:
            when, level, text = self._events.popleft()
            events.append((self._since(when), level, text))
        return events

    def _due_dropped(self) -> dict[str, int] | None:
        return None if self._n_dropped == self._told_dropped else dict(self.dropped)

    def _send(self, record: Packed) -> None:
        """A `Record`, or the tuple that it is."""
        try:
            sent = self._send_raw(marshal.dumps(tuple(record)))
        except ValueError:  # something in it is no plain number, text or array
            sent = False
        if sent and self._told_dropped == self._n_dropped:
            return
        told = Record(*record)
        if sent:
            self._told_dropped = sum((told.dropped or {}).values())
        else:
            self.dropped.update(topic.value for topic in told.topics())
            self._n_dropped = self.dropped.total()

    def _send_raw(self, data: bytes) -> bool:
        if self.lost:
            return False
        try:
            self._end.send(data)
        except OSError as error:
            if isinstance(error, ConnectionError):
                self._lose()
            return False
        return True

    def _lose(self) -> None:
        self.lost = True
        log.error("the observer is gone: no log and no monitor from here on")


class ToOutlet(logging.Handler):
    """What this package logs, as events; at most so many a second.

    Args:
        outlet: of the run.
        clock: seconds, monotonic.
    """

    def __init__(self, outlet: Outlet, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.INFO)
        self._outlet = outlet
        self._clock = clock
        self._tokens = float(EVENTS_AT_ONCE)
        self._at = clock()
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        self._tokens = min(EVENTS_AT_ONCE, self._tokens + (now - self._at) * EVENTS_A_SECOND)
        self._at = now
        if self._tokens < 1:
            self._left_out += 1
            return
        self._tokens -= 1
        if self._left_out:
            self._outlet.event("warning", f"{self._left_out} lines were logged too fast to be told")
            self._left_out = 0
        try:
            self._outlet.event(record.levelname.lower(), record.getMessage())
        except (TypeError, ValueError):
            self.handleError(record)
