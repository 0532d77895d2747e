"""What is plugged in: serial ports, the amplifier, the hand."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurograsp.edge_runtime.cli.doctor.row import Row

if TYPE_CHECKING:
    from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
    from neurograsp.edge_runtime.sources.base import Source

FIRST_FRAME_S = 5.0
WATCH_S = 2.0
POLL_S = 0.02
HIGH_OHM = 50_000.0
"""Wet electrodes are commonly kept under 5 to 20 kOhm; dry and active ones work with more."""

RATE_TOLERANCE = 0.05


def ports(names: Sequence[str] | None = None) -> Row:
    """Whether this user may open the serial ports that there are."""
    if names is None:
        from serial.tools.list_ports import comports

        names = [port.device for port in comports()]
    if not names:
        return Row("ok", "no serial port")
    closed = [name for name in names if not os.access(name, os.R_OK | os.W_OK)]
    if closed:
        fix = "sudo usermod -aG dialout $USER, log in again"
        return Row("warn", f"no permission for {', '.join(closed)}", fix)
    return Row("ok", f"serial ports: {', '.join(map(_with_latency, names))}")


def _with_latency(name: str) -> str:
    from neurograsp.firmware_bridge.adapters import SLOW_MS, latency_ms

    late = latency_ms(name)
    return name if late is None or late <= SLOW_MS else f"{name} (keeps bytes for {late} ms until opened)"


@dataclass(frozen=True)
class Stream:
    """What came from a source in a while.

    Attributes:
        frames: after the first ones.
        seconds: in which they came.
        gaps, missing: jumps of the frame counter, and the frames that it left out.
    """

    frames: int
    seconds: float
    gaps: int
    missing: int

    @property
    def rate_hz(self) -> float:
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def watch(
    source: "Source",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Stream:
    """Start a source, wait for its first frame, count for a while, and stop it.

    Raises:
        SourceError: it cannot be opened or is lost. Without any frame nothing is raised.
    """
    frames = gaps = missing = 0
    last: int | None = None
    try:
        source.start()
        begin = newest = clock()
        while clock() - begin < (FIRST_FRAME_S if last is None else WATCH_S):
            sleep(POLL_S)
            index = source.read().frame_index
            if not len(index):
                continue
            newest = clock()
            if last is None:
                begin = newest
            else:
                frames += len(index)
            for number in index.tolist():
                if last is not None and number > last + 1:
                    gaps += 1
                    missing += number - last - 1
                last = number if last is None else max(last, number)
    finally:
        source.stop()
    return Stream(frames, newest - begin, gaps, missing)


def check_source(text: str, signal: "SignalSpec | None") -> Row:
    """Whether frames come, for two seconds: as a bundle's signal wants them, otherwise as the board names."""
    from neurograsp.edge_runtime.cli.sources import open_source, open_whole
    from neurograsp.edge_runtime.contract.errors import NeurograspError, UsageError

    try:
        if signal is None:
            layout, source = open_whole(text)
            rate_hz = layout.rate_hz
        else:
            source, rate_hz = open_source(text, signal), signal.rate_hz
        return describe(source.description, watch(source), rate_hz)
    except UsageError:
        raise
    except NeurograspError as error:
        return Row("fail", f"source: {error}")


def describe(name: str, stream: Stream, rate_hz: float) -> Row:
    if not stream.frames:
        return Row("fail", f"{name}: no frames come", "switch it on, and name its port")
    what = f"{name}: {stream.rate_hz:.0f} frames a second"
    if stream.gaps:
        fix = "another cable or port, a shorter distance, fewer other programs"
        return Row("warn", f"{what}, {stream.gaps} gaps, {stream.missing} frames missing", fix)
    if abs(stream.rate_hz - rate_hz) > RATE_TOLERANCE * rate_hz:
        return Row("warn", f"{what}, not {rate_hz:g}", "set the amplifier to the rate of the bundle")
    return Row("ok", f"{what}, no gaps")


def check_impedance(text: str) -> Row:
    """Of a board's electrodes, where it measures them."""
    from neurograsp.edge_runtime.contract.errors import NeurograspError
    from neurograsp.edge_runtime.sources.impedance import measure

    _, name, *port = text.split(":", 2)
    try:
        ohms = measure(name, "".join(port))
    except NeurograspError as error:
        return Row("fail", f"impedance: {error}")
    if not ohms:
        return Row("fail", "impedance: the board sends no values", "put the electrodes on, and try again")
    said = ", ".join(f"{label} {value / 1000:.1f}" for label, value in ohms.items())
    if max(ohms.values()) > HIGH_OHM:
        return Row("warn", f"impedance in kOhm: {said}", "more gel or water, hair aside, a clean electrode")
    return Row("ok", f"impedance in kOhm: {said}")


def check_hand(url: str) -> Row:
    """Says hello to a hand without arming it."""
    from neurograsp.edge_runtime.cli.hands import device_of, open_hand
    from neurograsp.edge_runtime.contract.errors import NeurograspError, UsageError
    from neurograsp.firmware_bridge.adapters import SLOW_MS, latency_ms

    try:
        with open_hand(url) as opened:
            assert opened.link is not None
            said = f"hand {opened.name}: answers, {opened.link.state.state.name}"
            _, port = device_of(url) or ("", url)
            late = latency_ms(port)
            if late is None or late <= SLOW_MS:
                return Row("ok", said)
            what = f"{said}; its USB adapter keeps bytes for {late} ms, and low latency could not be set"
            return Row("warn", what, f"sudo setserial {port} low_latency")
    except UsageError:
        raise
    except NeurograspError as error:
        return Row("fail", f"hand: {error}")
