"""Ctrl-C and what else ends a program: as a question, or all of it as one exception."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C, SIGTERM or SIGHUP came: asked between two ticks, so that none is cut in two."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda *_: came.append(1)) for number in numbers]
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)


def stop_on_signals() -> None:
    """As with Ctrl-C the hand is stopped before the program ends, whoever wants it to end."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
