"""A log that was cut off, as a whole one: the same messages, and the end that viewers look things up in."""

import os
from pathlib import Path

from neurograsp.edge_runtime.telemetry.log_writer import LogWriter
from neurograsp.edge_runtime.telemetry.messages import to_bytes, topic_of
from neurograsp.edge_runtime.telemetry.moments import OpenLog

FLUSH_EVERY = 2**14
"""Messages; what is not flushed is in memory."""


def write_whole_log(log: OpenLog, out: Path) -> tuple[int, float]:
    """Every message as it stands in the log, with its time and number.

    Args:
        log: whole or cut; `log.cut` says afterwards where it ended.
        out: new, for this user alone.

    Returns:
        Messages, and the time of the last one.

    Raises:
        RecordingError: the log is damaged before its end.
        OSError: it cannot be written.
    """
    file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    writer = LogWriter(file, log.session)
    number, at_s = 1, 0.0
    try:
        for message in log.messages():
            at_s = message.at_s
            writer.add(topic_of(message), at_s, to_bytes(message))
            number += 1
            if number % FLUSH_EVERY == 0:
                writer.flush()
    except BaseException:
        writer.close(finish=False)
        raise
    writer.close()
    return number, at_s
