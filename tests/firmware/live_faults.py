"""What can go wrong between processes: `link_faults.py` has the rest, exact to the millisecond."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from live import Live

from neurograsp.firmware_bridge.errors import LinkError
from neurograsp.firmware_bridge.protocol import HandState

AFTER_S = 2.6


@dataclass(frozen=True)
class LiveFault:
    """Attributes:
    strike: makes it happen.
    prepare: called before; what it returns is given to `strike`.
    ends_in: states in which the hand may be left.
    """

    strike: Callable[[Live, Callable[[], None]], object]
    prepare: Callable[[Live], Callable[[], None]] = lambda live: lambda: None
    ends_in: tuple[HandState, ...] = (HandState.FAILSAFE,)


def measure_live(folder: Path, fault: LiveFault) -> tuple[float, HandState]:
    """Milliseconds until the hand stood, and its state in the end. AssertionError where a pulse was wrong."""
    with Live(folder) as live:
        go = fault.prepare(live)
        struck_ms = time.monotonic() * 1000
        fault.strike(live, go)
        time.sleep(AFTER_S)
        assert live.host.poll() in (None, -signal.SIGKILL, LinkError.exit_code), "a host of our own crashed"
        return live.stood_ms(struck_ms), live.rows()[-1].state


def kill(live: Live) -> None:
    live.host.kill()
    live.host.wait()


def freeze(live: Live) -> None:
    live.host.send_signal(signal.SIGSTOP)
    threading.Timer(1.0, live.host.send_signal, [signal.SIGCONT]).start()


def shout(live: Live) -> None:
    kill(live)
    live.start(["dd", "if=/dev/urandom", f"of={live.cable.port}", "bs=4k", "status=none"])


def restart(live: Live, go: Callable[[], None]) -> None:
    kill(live)
    go()


def hang(live: Live) -> None:
    live.signal_hand(signal.SIGSTOP)
    threading.Timer(1.0, live.signal_hand, [signal.SIGCONT]).start()


LIVE_FAULTS: dict[str, LiveFault] = {
    "host killed (SIGKILL)": LiveFault(lambda live, _: kill(live)),
    "host frozen for 1 s (SIGSTOP)": LiveFault(lambda live, _: freeze(live)),
    "cable pulled": LiveFault(lambda live, _: live.cable.cut()),
    "garbage, as fast as the line takes it": LiveFault(lambda live, _: shout(live)),
    "host restarted": LiveFault(restart, lambda live: live.start_idle_host(), (HandState.IDLE,)),
    "a second host on the line": LiveFault(
        lambda live, go: go(), lambda live: live.start_idle_host(live.hand.url), (HandState.IDLE,)
    ),
    "hand frozen for 1 s (SIGSTOP)": LiveFault(lambda live, _: hang(live)),
}
