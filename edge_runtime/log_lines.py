"""What is logged, as lines: for people or as JSON, and of what comes again and again only so much."""

import json
import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

AT_ONCE, A_SECOND = 20.0, 5.0
KEPT_KINDS = 256


class JsonLines(logging.Formatter):
    """One object a line: `time` (UTC), `level`, `logger`, `message`; `left_out` and `traceback` where there
    is something to say."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        left_out = getattr(record, "left_out", 0)
        if left_out:
            line["left_out"] = left_out
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextLines(logging.Formatter):
    """The lines of `layout`, and how many like one were left out before it."""

    def format(self, record: logging.LogRecord) -> str:
        left_out = getattr(record, "left_out", 0)
        more = f" ({left_out} like it were left out before)" if left_out else ""
        return super().format(record) + more


class AtMost(logging.Filter):
    """Lets through `AT_ONCE` lines of a kind, and `A_SECOND` in the long run; the next says how many it kept.

    Lines are of one kind when one place logs them, whatever their figures.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: OrderedDict[tuple[str, int, str], tuple[float, float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = (record.name, record.lineno, str(record.msg)), self._clock()
        allowance, at, left_out = self._kinds.pop(kind, (AT_ONCE, now, 0))
        allowance = min(AT_ONCE, allowance + (now - at) * A_SECOND)
        passes = allowance >= 1
        self._kinds[kind] = (allowance - 1, now, 0) if passes else (allowance, now, left_out + 1)
        if len(self._kinds) > KEPT_KINDS:
            self._kinds.popitem(last=False)
        if passes:
            record.left_out = left_out
        return passes


def handler(as_json: bool, layout: str) -> logging.Handler:
    """For stderr. Args: layout: of a line for people."""
    made = logging.StreamHandler(sys.stderr)
    made.setFormatter(JsonLines() if as_json else TextLines(layout))
    made.addFilter(AtMost())
    return made
