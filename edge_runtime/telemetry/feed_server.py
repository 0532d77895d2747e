"""The feed's socket in the observer: everybody sees, anybody stops, one may arm.

Nothing waits: a monitor that does not read is dropped from, and told how much. The protocol is in `feed`.
"""

import contextlib
import os
import selectors
import socket
import stat
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

from neurograsp.edge_runtime.arming import SILENT_S
from neurograsp.edge_runtime.contract.errors import ConfigError, ProtocolError
from neurograsp.edge_runtime.telemetry.feed import (
    MAX_ASKED_BYTES,
    Answer,
    Ask,
    Frames,
    Question,
    frame,
    frame_of,
)
from neurograsp.edge_runtime.telemetry.messages import MAX_BYTES, Topic, to_bytes
from neurograsp.edge_runtime.telemetry.record import dropped_event

MAX_CLIENTS = 16
BUFFER_BYTES = 2**20
"""Of messages that one monitor has not read: seconds of an ordinary run. The session always fits."""

MOST_BYTES = 2 * MAX_BYTES
"""Beyond this, answers that it does not read among them, a monitor is let go."""

_READ = 4096
_READS = 2**18 // _READ
"""More than the kernel holds of what one monitor asked."""

HUNG = "this was asked while the run's observer hung; ask again"


class FeedServer:
    """Args:
    path: of the socket, which is made for this user alone. One that a killed run left is replaced.
    arms: monitors may arm the hand.
    armed_by: who may instead, for people; None: nobody.
    tell_control: takes "stop", "disarm", "arm" or "alive" to the control loop.
    clock: seconds, monotonic.

    Attributes:
        dropped: messages that monitors did not read in time, by topic, of all together.

    Raises:
        ConfigError: another run tells of itself there, something else is there, or it cannot be made.
    """

    def __init__(
        self,
        path: Path,
        arms: bool,
        armed_by: str | None,
        tell_control: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self._path = path
        self._arms = arms
        self._armed_by = armed_by
        self._tell_control = tell_control
        self._clock = clock
        self._session = b""
        self._clients: list[_Client] = []
        self._holder: _Client | None = None
        self._heard_at = 0.0
        self._served_at = clock()
        self._socket = _listening(path)
        self._inode = path.stat().st_ino
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)

    def fileno(self) -> int:
        """Readable when `serve` has something to do."""
        return self._selector.fileno()

    def begin(self, session: bytes) -> None:
        """The `Session`, for everybody who is there and who comes."""
        self._session = frame_of(Topic.SESSION, session)
        for client in self._clients:
            client.put(self._session)

    def publish(self, topic: Topic, at_s: float, raw: bytes) -> None:
        """A message to everybody."""
        if not self._clients:
            return
        framed = frame_of(topic, raw)
        for client in self._clients:
            if not client.offer(topic, framed, at_s):
                self.dropped[topic] += 1

    def serve(self) -> None:
        """All that a turn of the observer has to do: watch the lease, let in, listen, answer, send.

        The lease comes first: what its holder asked before an observer hung must not revive it.
        """
        begin = self._clock()
        self._watch_lease()
        for key, events in self._selector.select(0):
            if key.data is None:
                self._let_in()
            elif events & selectors.EVENT_READ:
                self._listen(key.data)
        for client in list(self._clients):
            try:
                client.flush()
            except OSError:
                self._gone(client)
            else:
                self._watch_for(client)
        self._served_at = begin

    def close(self, patience_s: float = 0.5) -> None:
        """Send what is left to who reads, and go."""
        end = self._clock() + patience_s
        while any(client.waiting for client in self._clients) and self._clock() < end:
            self.serve()
            time.sleep(0.005)
        for client in self._clients:
            client.socket.close()
        self._clients = []
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        self._socket.close()
        self._selector.close()

    def _let_in(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(MAX_CLIENTS):
                accepted, _ = self._socket.accept()
                if len(self._clients) >= MAX_CLIENTS:
                    accepted.close()
                    return
                accepted.setblocking(False)
                client = _Client(accepted)
                if self._session:
                    client.put(self._session)
                self._clients.append(client)
                self._selector.register(accepted, selectors.EVENT_READ, client)
                self._listen(client)

    def _watch_for(self, client: "_Client") -> None:
        """Wake up when it reads again, where something is waiting for it."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.waiting else 0)
        if events != client.events:
            client.events = events
            self._selector.modify(client.socket, events, client)

    def _listen(self, client: "_Client") -> None:
        """Hear what it asks; behind a hang all of it, since what is left would be taken for new."""
        try:
            for _ in range(_READS):
                data = client.socket.recv(_READ)
                late = self._clock() - self._served_at >= SILENT_S
                if not data:
                    raise ProtocolError("gone")
                for question in client.frames.push(data):
                    if not isinstance(question, Question):
                        raise ProtocolError("a monitor may only ask")
                    self._hear(client, question, late)
                if client.bytes_waiting > MOST_BYTES:
                    raise ProtocolError("asks and does not read")
                if not late:
                    return
            raise ProtocolError("asks without end")
        except BlockingIOError:
            return
        except (OSError, ProtocolError):
            self._gone(client)

    def _hear(self, client: "_Client", question: Question, late: bool) -> None:
        """Args:
        late: nobody knows when it was asked: it may stop, and not arm.
        """
        ask = Ask(question.ask)
        holds = client is self._holder
        if ask is Ask.ALIVE:
            if holds and not late:
                self._heard_at = self._clock()
                self._tell_control("alive")
            return
        why_not = self._why_not(client, ask) or (HUNG if late and ask in (Ask.ARM, Ask.LEASE) else "")
        client.put(frame(Answer(question.ask, not why_not, why_not)))
        if why_not:
            return
        if ask is Ask.LEASE:
            self._holder, self._heard_at = client, self._clock()
        elif ask is Ask.RETURN:
            if holds:
                self._end_lease()
        else:
            self._heard_at = self._clock() if holds and not late else self._heard_at
            self._tell_control(ask.value)

    def _why_not(self, client: "_Client", ask: Ask) -> str:
        if ask in (Ask.ARM, Ask.LEASE):
            if not self._arms:
                who = self._armed_by or "nobody"
                return f"this run is armed by {who}; --arm-by monitor lets a monitor"
            if self._holder not in (None, client):
                return "another monitor holds the arm switch"
            if ask is Ask.ARM and self._holder is None:
                return "this monitor does not hold the arm switch"
        return ""

    def _watch_lease(self) -> None:
        if self._holder is not None and self._clock() - self._heard_at >= SILENT_S:
            self._holder.put(frame(Answer("lease", False, f"silent for {SILENT_S:g} s: disarmed")))
            self._end_lease()

    def _end_lease(self) -> None:
        self._holder = None
        self._tell_control("disarm")

    def _gone(self, client: "_Client") -> None:
        if client not in self._clients:
            return
        self._clients.remove(client)
        self._selector.unregister(client.socket)
        client.socket.close()
        if client is self._holder:
            self._end_lease()


class _Client:
    """One monitor: what it has said in part, and what waits for it."""

    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        self.frames = Frames(MAX_ASKED_BYTES)
        self.events = selectors.EVENT_READ
        self.waiting: deque[bytes] = deque()
        self.bytes_waiting = 0
        self._sent = 0
        self._dropped: Counter[str] = Counter()
        self._behind = False

    def put(self, framed: bytes) -> None:
        """What must not be lost."""
        self.waiting.append(framed)
        self.bytes_waiting += len(framed)

    def offer(self, topic: Topic, framed: bytes, at_s: float) -> bool:
        """A message; False when this one reads too slowly for it."""
        if self.bytes_waiting + len(framed) > BUFFER_BYTES and self.waiting:
            self._dropped[topic] += 1
            self._behind = True
            return False
        if self._behind:
            self._behind = False
            self.put(
                frame_of(Topic.EVENT, to_bytes(dropped_event(at_s, "the observer", dict(self._dropped))))
            )
        self.put(framed)
        return True

    def flush(self) -> None:
        """Send what it takes. Raises OSError when it is gone."""
        while self.waiting:
            head = self.waiting[0]
            try:
                self._sent += self.socket.send(memoryview(head)[self._sent :])
            except BlockingIOError:
                return
            if self._sent < len(head):
                return
            self.bytes_waiting -= len(head)
            self._sent = 0
            self.waiting.popleft()


def _listening(path: Path) -> socket.socket:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_what_was_left(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        before = os.umask(0o177)
        try:
            listening.bind(os.fspath(path))
        finally:
            os.umask(before)
        listening.listen()
        listening.setblocking(False)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(f"--feed {path}: cannot be made ({why})") from error
    return listening


def _remove_what_was_left(path: Path) -> None:
    """A socket that nobody listens to."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise ConfigError(f"--feed {path}: is there and is no socket; name another one")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise ConfigError(f"--feed {path}: another run tells of itself there; name another one")
