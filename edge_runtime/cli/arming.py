"""What `--arm` and `--arm-by` name."""

import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.edge_runtime.arming import Arming


@contextmanager
def open_arming(text: str) -> Iterator["Arming"]:
    """A way to arm: `key`, `serial:PORT` or `gpio:CHIP:LINE`.

    Raises:
        UsageError: not of these forms.
        PortError: the switch cannot be read.
        MissingExtra: gpiod is not installed.
    """
    from neurograsp.edge_runtime.arming import ByKey, BySwitch
    from neurograsp.edge_runtime.contract.errors import UsageError

    kind, _, rest = text.partition(":")
    if kind == "key" and not rest:
        if sys.stdin is None:
            raise UsageError("--arm-by key: no keys can come: standard input is closed")
        with key_by_key(sys.stdin.fileno()):
            yield ByKey(sys.stdin.fileno())
    elif kind == "serial" and rest:
        with _serial_switch(rest) as closed:
            yield BySwitch(closed, rest)
    elif kind == "gpio" and rest.count(":") == 1 and rest.partition(":")[2].isdecimal():
        chip, _, line = rest.partition(":")
        with _gpio_switch(chip, int(line)) as closed:
            yield BySwitch(closed, f"line {line} of {chip}")
    else:
        raise UsageError(f"--arm-by {text}: expected key, serial:PORT or gpio:CHIP:LINE (gpio:gpiochip0:17)")


@contextmanager
def key_by_key(descriptor: int) -> Iterator[None]:
    """A terminal gives each key at once and unseen, as long as this lasts; a pipe does so anyway."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def _serial_switch(port: str) -> Iterator[Callable[[], bool]]:
    """Closed while CTS is asserted: a switch between RTS and CTS, so that a broken wire is an open switch."""
    import serial

    from neurograsp.edge_runtime.contract.errors import PortError

    try:
        opened = serial.Serial(port, exclusive=True)
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise PortError(
            f"--arm-by serial:{port}: cannot be opened ({why}); see `neurograsp ports`"
        ) from error
    with opened:
        try:
            _ = opened.cts
        except OSError as error:
            raise PortError(f"--arm-by serial:{port}: has no CTS line to read a switch from") from error
        yield lambda: bool(opened.cts)


@contextmanager
def _gpio_switch(chip: str, line: int) -> Iterator[Callable[[], bool]]:
    """Closed while the line is pulled to ground, so that a broken wire is an open switch."""
    from neurograsp.edge_runtime.contract.errors import MissingExtra, PortError

    try:
        import gpiod
        from gpiod.line import Bias, Value
    except ImportError as error:
        raise MissingExtra("gpiod", "gpio") from error
    path = chip if chip.startswith("/") else f"/dev/{chip}"
    settings = gpiod.LineSettings(bias=Bias.PULL_UP, active_low=True)
    try:
        request = gpiod.request_lines(path, consumer="neurograsp arming", config={line: settings})
    except (OSError, ValueError) as error:
        raise PortError(f"--arm-by gpio:{chip}:{line}: cannot be read ({error}); see `gpioinfo`") from error
    with request:
        yield lambda: bool(request.get_value(line) == Value.ACTIVE)
