"""The observer: a process of its own that writes the session log and serves the feed.

    python -m neurograsp.edge_runtime.telemetry.observer DESCRIPTOR      with a `Setup` as JSON on stdin

`run` starts it with one end of a socket pair. It has no real-time priority and takes what signals say to the
group for the control process's business: it ends when the socket pair does, and writes the log to its end,
however the control process ended. Only kill -9 ends it sooner, and costs the log its last second.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
from collections import Counter, deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.contract.errors import NeurograspError
from neurograsp.edge_runtime.telemetry.feed_server import FeedServer
from neurograsp.edge_runtime.telemetry.messages import Event, Message, Session, Topic, to_bytes, topic_of
from neurograsp.edge_runtime.telemetry.outlet import END
from neurograsp.edge_runtime.telemetry.record import Unpacker, dropped_event
from neurograsp.firmware_bridge.strict import decode

if TYPE_CHECKING:
    from neurograsp.edge_runtime.telemetry.log_thread import LogThread

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY = b"ready"
NICE = 10
TURN_S = 0.01
"""Records are looked for so often: a send that wakes somebody up costs the control loop more."""

RECORDS_A_TURN = 500
_RECORD_BYTES = 2**20


@dataclass(frozen=True)
class Setup:
    """Attributes:
    log: file to write; None: no log.
    feed: socket to make; None: no feed.
    arms: monitors may arm the hand.
    spared_cpu: the processor that the control loop has for itself.
    session: `started_at` comes when the run begins.
    """

    log: str | None
    feed: str | None
    arms: bool
    spared_cpu: int | None
    session: Session


class Observer:
    """Args:
    setup: what to do.
    control: the socket of the control loop.

    Raises:
        ConfigError: the log or the feed cannot be made.
    """

    def __init__(self, setup: Setup, control: socket.socket) -> None:
        self._session = setup.session
        channels = setup.session.signal["channels"]
        self._unpacker = Unpacker(len(channels), len(setup.session.joints))
        self._control = control
        self._to_control: dict[str, None] = {}  # in order; each word once
        self._failures: deque[str] = deque()
        self._stopped: str | None = None
        self._told: dict[str, int] = {}
        self._told_at_s = 0.0
        self._at_s = 0.0
        self._begun = self._ended = False
        self._log: LogThread | None = None
        self._feed: FeedServer | None = None
        self._dropped: Counter[str] = Counter()
        self._path = None if setup.log is None else Path(setup.log)
        with contextlib.ExitStack() as undo:
            if setup.feed is not None:
                self._feed = FeedServer(Path(setup.feed), setup.arms, setup.session.arming, self._pass_on)
                undo.callback(self._feed.close)
            if self._path is not None:
                from neurograsp.edge_runtime.telemetry.log_writer import create

                self._file = create(self._path)
            undo.pop_all()

    def run(self) -> dict[str, Any]:
        """Until the control process has ended; what became of the log, which is finished whatever happens."""
        try:
            self._observe()
        finally:
            result = self._finish()
        return result

    def _observe(self) -> None:
        selector = selectors.DefaultSelector()
        if self._feed is not None:
            selector.register(self._feed, selectors.EVENT_READ)
        while self._listen():
            if self._feed is not None:
                self._feed.serve()
            self._talk()
            selector.select(TURN_S)
        if self._begun and not self._ended:
            gone = "the control process is gone without a word: killed, or crashed"
            self._tell(Event(self._at_s, "critical", gone, {}))

    def _listen(self) -> bool:
        """Take in what the control loop told; False at the end of it."""
        for _ in range(RECORDS_A_TURN):
            try:
                data, _, flags, _ = self._control.recvmsg(_RECORD_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if flags & socket.MSG_TRUNC:
                self._dropped[Topic.TICK.value] += 1
                text = f"a tick's record of more than {_RECORD_BYTES} bytes is not kept"
                self._tell(Event(self._at_s, "warning", text, dict(self._dropped)))
            elif not data:
                return False
            elif data == END:
                self._ended = True
            elif not self._begun:
                self._begin(data.decode())
            else:
                for message in self._unpacker.unpack(data):
                    self._tell(message)
        return True

    def _begin(self, started_at: str) -> None:
        self._begun = True
        session = replace(self._session, started_at=started_at)
        if self._path is not None:
            from neurograsp.edge_runtime.telemetry.log_thread import LogThread
            from neurograsp.edge_runtime.telemetry.log_writer import LogWriter

            try:
                self._log = LogThread(LogWriter(self._file, session), self._failures.append)
            except OSError as error:
                with contextlib.suppress(OSError):
                    self._path.unlink()
                self._stopped = error.strerror or str(error)
                self._failures.append(self._stopped)
        if self._feed is not None:
            self._feed.begin(to_bytes(session))

    def _tell(self, message: Message) -> None:
        topic, raw = topic_of(message), to_bytes(message)
        self._at_s = getattr(message, "at_s", self._at_s)
        if self._log is not None:
            self._log.put(topic, self._at_s, raw)
        elif self._stopped is not None:
            self._dropped[topic.value] += 1
        if self._feed is not None:
            self._feed.publish(topic, self._at_s, raw)

    def _talk(self) -> None:
        """What the observer itself has to tell, and what is to go to the control loop."""
        while self._failures:
            self._say_that_it_stopped(self._failures.popleft())
        if self._log is not None and self._log.stopped is None and self._at_s - self._told_at_s >= 1:
            self._told_at_s, before, self._told = self._at_s, self._told, dict(self._log.dropped)
            if self._told != before:
                self._tell(dropped_event(self._at_s, "the log", self._told))
        with contextlib.suppress(OSError):
            try:
                while self._to_control:
                    word = next(iter(self._to_control))
                    self._control.send(word.encode())
                    del self._to_control[word]
            except BlockingIOError:
                # The control loop has hung for long: once it listens again, these are not of now.
                for word in ("arm", "alive"):
                    self._to_control.pop(word, None)

    def _say_that_it_stopped(self, why: str) -> None:
        kept = "nothing was recorded" if self._log is None else "what was recorded can be read"
        text = f"recording stopped ({why}); the run goes on without, {kept}"
        self._tell(Event(self._at_s, "error", text, {}))
        with contextlib.suppress(OSError):
            print(f"neurograsp run: {self._path}: {text}", file=sys.stderr, flush=True)

    def _pass_on(self, word: str) -> None:
        if word in ("stop", "disarm"):
            self._to_control.pop("arm", None)
        self._to_control.pop(word, None)
        self._to_control[word] = None

    def _finish(self) -> dict[str, Any]:
        if self._log is not None:
            self._log.close()
        elif self._path is not None and not self._begun:
            self._path.unlink(missing_ok=True)  # nothing was ever told
        while self._failures:
            self._say_that_it_stopped(self._failures.popleft())
        if self._feed is not None:
            self._feed.close()
        return {
            "stopped": self._stopped if self._log is None else self._log.stopped,
            "bytes": None if self._log is None else self._log.bytes_written,
            "log_dropped": dict(self._dropped if self._log is None else self._dropped + self._log.dropped),
            "feed_dropped": {} if self._feed is None else dict(self._feed.dropped),
        }


def be_ordinary(spared_cpu: int | None) -> None:
    """Give back what a control process may have and its observer must not: priority and one processor."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(NICE)
    with contextlib.suppress(OSError):
        everywhere = set(range(os.cpu_count() or 1))
        os.sched_setaffinity(0, everywhere)
        others = os.sched_getaffinity(0) - {spared_cpu}
        if others:
            os.sched_setaffinity(0, others)


def main() -> int:
    """Start up, say so or why not, observe, say what became of it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    control = socket.socket(fileno=int(sys.argv[1]))
    control.setblocking(False)
    try:
        setup = decode(Setup, json.load(sys.stdin), "setup")
        be_ordinary(setup.spared_cpu)
        observer = Observer(setup, control)
    except NeurograspError as error:
        control.send(str(error).encode())
        return error.exit_code
    with contextlib.suppress(OSError):  # the run may have ended meanwhile
        control.send(READY)
    result = observer.run()
    with contextlib.suppress(OSError):
        control.send(json.dumps(result).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
