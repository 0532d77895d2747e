"""Writes the session log from a thread of the observer, so that a slow disk delays nobody.

What is waiting to be written is bounded; what comes beyond that is dropped and counted. A chunk is finished
and on the disk twice a second, so that a kill or a power cut costs less than a second.
"""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from neurograsp.edge_runtime.telemetry.log_writer import LogWriter
from neurograsp.edge_runtime.telemetry.messages import Topic

log = logging.getLogger(__name__)

FLUSH_S = 0.4
"""To the next chunk. Half a second, less the time of a write."""

WAITING_BYTES = 2**25
"""At most, of messages that a slow disk has not taken: five minutes of 32 channels at 500 frames a second."""

Entry = tuple[Topic, float, bytes]


class LogThread:
    """Args:
    writer: of the file; closed at the end.
    failed: hears once, from the thread, why the recording stopped.
    clock: seconds, monotonic.

    Attributes:
        stopped: why the recording stopped before the end; None while it goes on.
    """

    def __init__(
        self, writer: LogWriter, failed: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stopped: str | None = None
        self._refused: Counter[str] = Counter()  # by the caller
        self._lost: Counter[str] = Counter()  # by the thread
        self._writer = writer
        self._failed = failed
        self._clock = clock
        self._entries: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._unflushed: Counter[str] = Counter()
        self._waiting = 0
        self._taken = 0
        self._thread = threading.Thread(target=self._run, name="log")
        self._thread.start()

    @property
    def dropped(self) -> Counter[str]:
        """Messages that were not written, by topic."""
        return self._refused + self._lost

    @property
    def bytes_written(self) -> int:
        """Of the file."""
        return self._writer.bytes_written

    def put(self, topic: Topic, at_s: float, raw: bytes) -> None:
        """Have a message written; never waits."""
        if self.stopped is not None or self._waiting - self._taken > WAITING_BYTES:
            self._refused[topic.value] += 1
            return
        self._waiting += len(raw)
        self._entries.put((topic, at_s, raw))

    def close(self) -> None:
        """Write what is waiting, finish the file."""
        self._entries.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._write()
            self._writer.close()
        except Exception as error:
            if not isinstance(error, OSError):
                log.exception("the session log cannot be written")
            self.stopped = getattr(error, "strerror", None) or str(error) or type(error).__name__
            with suppress(OSError):
                self._writer.close(finish=False)
            while (entry := self._entries_left()) is not None:
                self._unflushed[entry[0].value] += 1
            self._lost = self._unflushed
            self._failed(self.stopped)

    def _entries_left(self) -> Entry | None:
        try:
            return self._entries.get_nowait()
        except queue.Empty:
            return None

    def _write(self) -> None:
        due = self._clock() + FLUSH_S
        while True:
            if self._clock() >= due:
                if self._unflushed:
                    self._writer.flush()
                self._unflushed.clear()
                due = self._clock() + FLUSH_S
            try:
                entry = self._entries.get(timeout=max(0.0, due - self._clock()))
            except queue.Empty:
                continue
            if entry is None:
                return
            self._unflushed[entry[0].value] += 1
            self._writer.add(*entry)
            self._taken += len(entry[2])
