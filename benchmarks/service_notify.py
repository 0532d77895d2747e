"""What it costs the control loop to tell systemd of a tick: docs/service.md.

    python benchmarks/service_notify.py [--ticks 20000] [--paced 500]

A process of its own listens on a socket, as systemd does. Without pauses, and after 20 ms asleep as in the
loop. Microseconds.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from neurograsp.edge_runtime.histogram import Histogram
from neurograsp.edge_runtime.run_summary import RuntimeState
from neurograsp.edge_runtime.service.notify import FEEDS, Supervision, supervised

LISTENER = "import socket, sys\ns = socket.socket(fileno=int(sys.argv[1]))\nwhile s.recv(4096):\n    pass"
WATCHDOG_S = 10.0
TICK_S = 0.02


def measure(supervision: Supervision, ticks: int, step_s: float, pause_s: float) -> Histogram:
    """Ticks whose own clock goes on by `step_s`."""
    histogram = Histogram()
    for number in range(ticks):
        time.sleep(pause_s)
        begin = time.perf_counter()
        supervision.tick(1000 + number * step_s, True, RuntimeState.ARMED, "")
        histogram.add(time.perf_counter() - begin)
    return histogram


def row(what: str, fill: Callable[[], Histogram]) -> None:
    found = fill().summary()
    print(f"{what:<34}{found['p50_us']:>8.1f}{found['p99_us']:>8.1f}{found['max_us']:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ticks", type=int, default=20_000)
    parser.add_argument("--paced", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        path = str(Path(folder) / "notify")
        end.bind(path)
        command = [sys.executable, "-c", LISTENER, str(end.fileno())]
        listener = subprocess.Popen(command, pass_fds=[end.fileno()])
        usec = str(round(WATCHDOG_S * 1e6))
        try:
            with supervised({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": usec}) as supervision:
                assert supervision is not None
                print(f"{os.uname().machine}, microseconds{'':<13}{'p50':>8}{'p99':>8}{'max':>8}")
                for pause, n in ((0.0, arguments.ticks), (TICK_S, arguments.paced)):
                    how = "after 20 ms asleep" if pause else "without pauses"
                    # Of `FEEDS` ticks in a watchdog's time each one feeds it.
                    for what, step_s in (("nothing to say", 0.0), ("WATCHDOG=1", WATCHDOG_S / FEEDS)):
                        row(f"{what}, {how}", lambda n=n, s=step_s, p=pause: measure(supervision, n, s, p))
        finally:
            listener.kill()
            listener.wait()


if __name__ == "__main__":
    main()
