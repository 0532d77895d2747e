"""What telling costs the control loop, its observer and the disk: docs/telemetry.md.

    python benchmarks/telemetry.py [--bundle BUNDLE] [--seconds 20]

Recorded frames in real time, the simulated hand armed, with log and feed and one monitor that reads. Cold:
the loop sleeps between ticks, as it does; warm: it spins. Run it on a quiet machine.
"""

import argparse
import contextlib
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from neurograsp.edge_runtime.arming import AtOnce
from neurograsp.edge_runtime.bench import golden_frames
from neurograsp.edge_runtime.bundle import Bundle, open_bundle
from neurograsp.edge_runtime.cli.demo import PRETRAINED
from neurograsp.edge_runtime.cli.hands import open_hand
from neurograsp.edge_runtime.contract.errors import FeedError
from neurograsp.edge_runtime.loop import ControlLoop, tick_s
from neurograsp.edge_runtime.realtime import Realtime
from neurograsp.edge_runtime.run_summary import RunSummary
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.telemetry.feed import FeedClient
from neurograsp.edge_runtime.telemetry.messages import VERSION, Joint, Session, to_bytes, topic_of
from neurograsp.edge_runtime.telemetry.observer import Setup
from neurograsp.edge_runtime.telemetry.outlet import Outlet
from neurograsp.edge_runtime.telemetry.reader import SessionLog
from neurograsp.edge_runtime.telemetry.start import observer_started
from neurograsp.firmware_bridge.strict import encode


class Recorded:
    """The bundle's recorded frames over and over, as the clock says."""

    description = "recorded frames"

    def __init__(self, bundle: Bundle) -> None:
        self._frames = golden_frames(bundle, 10.0).counts
        self._rate_hz = bundle.manifest.signal.rate_hz
        self._begin_s = 0.0
        self._sent = 0

    def start(self) -> None:
        self._begin_s = time.monotonic()

    def read(self) -> Block:
        import numpy as np

        due = int((time.monotonic() - self._begin_s) * self._rate_hz)
        index = np.arange(self._sent, due, dtype=np.int64)
        self._sent = due
        return Block(self._frames[index % len(self._frames)], index)

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        pass


def spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@contextlib.contextmanager
def observed(
    bundle: Bundle, log: Path, joints: tuple[Joint, ...], figures: dict[str, float]
) -> Iterator[Outlet]:
    """An observer, and a monitor that reads; what it took is in `figures` at the end."""
    session = Session(
        version=VERSION,
        neurograsp=version("neurograsp"),
        started_at="",
        bundle=str(bundle.path),
        bundle_sha256=bundle.sha256,
        signal=encode(bundle.manifest.signal),
        decision=encode(bundle.manifest.decision),
        calibration_sha256=None,
        source="recorded frames",
        hand="sim",
        hand_actions=(),
        hand_max_ttl_ms=None,
        on_link_loss=None,
        joints=joints,
        arming="at once",
        arms_again=False,
        patience_s=0.0,
        tick_ms=tick_s(bundle.manifest.signal) * 1000,
    )
    feed = log.with_suffix(".sock")
    with observer_started(Setup(str(log), str(feed), False, None, session)) as found:
        client = FeedClient(feed)
        reading = threading.Event()

        def read() -> None:
            with contextlib.suppress(FeedError):
                while not reading.wait(0.05):
                    client.read()

        monitor = threading.Thread(target=read)
        monitor.start()
        begin_s, begin_cpu_s = time.monotonic(), _cpu_s(found.pid)
        yield found.outlet
        figures["cpu"] = (_cpu_s(found.pid) - begin_cpu_s) / (time.monotonic() - begin_s)
        status = Path(f"/proc/{found.pid}/status").read_text()
        figures["rss_mb"] = int(status.split("VmRSS:")[1].split()[0]) / 1024
        figures["dropped"] = found.outlet.dropped.total()
        reading.set()
        monitor.join()
        client.close()


def joints_of_the_hand() -> tuple[Joint, ...]:
    with open_hand("sim") as hand:
        assert hand.link is not None
        return tuple(Joint(one.name, one.low, one.high, one.unit) for one in hand.link.ranges())


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(bundle: Bundle, seconds: float, sleep: Callable[[float], None], outlet: Outlet | None) -> RunSummary:
    with open_hand("sim") as hand:
        loop = ControlLoop(
            Recorded(bundle),
            bundle.pipeline(),
            hand.link,
            arming=AtOnce(),
            realtime=Realtime(priority=True),
            sleep=sleep,
            outlet=outlet,
        )
        return loop.run(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=PRETRAINED)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    bundle, joints = open_bundle(arguments.bundle), joints_of_the_hand()
    print(f"{'':<16}{'telling p50':>12}{'p99':>8}{'tick p50':>10}{'p99':>8}   microseconds")
    with tempfile.TemporaryDirectory() as folder:
        for name, sleep in (("warm", spin), ("cold", time.sleep)):
            _print(f"{name}, untold", run(bundle, arguments.seconds, sleep, None))
            figures: dict[str, float] = {}
            log = Path(folder) / f"{name}.mcap"
            with observed(bundle, log, joints, figures) as outlet:
                summary = run(bundle, arguments.seconds, sleep, outlet)
            _print(f"{name}, told", summary)
        print(
            f"\nobserver: {100 * figures['cpu']:.1f} % of a processor, {figures['rss_mb']:.0f} MB, "
            f"{figures['dropped']:.0f} messages dropped on the way to it"
        )
        _print_sizes(log, arguments.seconds)


def _print(name: str, summary: RunSummary) -> None:
    cells = ""
    for section in ("tell", "tick"):
        found = summary.sections[section].summary() if section in summary.sections else {}
        for percentile in ("p50_us", "p99_us"):
            value = found.get(percentile)
            cells += f"{'-' if value is None else f'{value:.0f}':>{10 if percentile == 'p50_us' else 8}}"
    print(f"{name:<18}{cells}")


def _print_sizes(log: Path, seconds: float) -> None:
    sizes: Counter[str] = Counter()
    for message in SessionLog(log):
        sizes[topic_of(message)] += len(to_bytes(message))
    hourly = 3600 / seconds / 1e6
    del sizes["session"]
    print(f"\nlog: {log.stat().st_size * hourly:.0f} MB an hour, of {sizes.total() * hourly:.0f} MB:")
    for topic, size in sizes.most_common():
        print(f"  {topic:<10}{size * hourly:>6.0f} MB")


if __name__ == "__main__":
    main()
