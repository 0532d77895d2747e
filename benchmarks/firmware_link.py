"""How fast the link to a hand is, and what it costs the host: docs/timing.md.

    python benchmarks/firmware_link.py [--seconds 30]

In real time, with the firmware as a process on a pseudo-terminal. The boards have firmware_avr.py and
firmware_arm.py.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from neurograsp.edge_runtime.machine import describe_machine
from neurograsp.firmware_bridge.host_firmware import SimulatedHand
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import HandAction
from neurograsp.firmware_bridge.transports import open_transport

sys.path.append(str(Path(__file__).parents[1] / "tests" / "firmware"))

from host_rig import HostRig
from link_figures import load, round_trips_ms, to_pulse_ms
from rig import Rig

TICK_S = 0.02
RATES_PER_S = (200, 400, 800)
N_ROUND_TRIPS, N_PULSES = 1000, 200


def spread(values: list[float]) -> str:
    """Median, 99th percentile and maximum of sorted values."""
    return " / ".join(
        f"{value:.2f}" for value in (values[len(values) // 2], values[len(values) * 99 // 100], values[-1])
    )


def print_figures(rig: Rig, seconds: float) -> None:
    """Of the line and the firmware behind it."""
    print(f"| round trip | {spread(round_trips_ms(rig, N_ROUND_TRIPS))} ms |", flush=True)
    rig.power_on()
    print(f"| command to the first pulse it changed | {spread(to_pulse_ms(rig, N_PULSES))} ms |", flush=True)
    for rate in RATES_PER_S:
        rig.power_on()
        found = load(rig, rate, seconds)
        lost = f"{found.lost_to_hand} to the hand, {found.lost_to_host} from it"
        print(f"| lost of {found.requests} requests, {rate} a second | {lost} |", flush=True)


def busy_percent(work: Callable[[], object], seconds: float) -> float:
    """Of one core, of a loop that does this every tick."""
    begin = due = time.monotonic()
    spent = time.process_time()
    while due < begin + seconds:
        work()
        due += TICK_S
        time.sleep(max(0.0, due - time.monotonic()))
    return (time.process_time() - spent) / (time.monotonic() - begin) * 100


def print_cost(seconds: float) -> None:
    """Of the link to the host, with a command every tick and without."""
    with SimulatedHand() as hand, HandLink(open_transport(hand.url)) as link:
        link.connect()
        link.arm()
        ticks = 0

        def command() -> None:
            nonlocal ticks
            ticks += 1
            link.act(HandAction.OPEN if ticks // 50 % 2 else HandAction.FIST, speed=50)
            link.service(True)

        commands = busy_percent(command, seconds)
        beats = busy_percent(lambda: link.service(True), seconds)
        idle = busy_percent(lambda: None, seconds)
    print(f"| the link's share of a core, a command a tick | {commands - idle:.2f} % |")
    print(f"| heartbeats alone | {beats - idle:.2f} % |")
    print(f"| a loop that does nothing, not counted above | {idle:.2f} % |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="for each figure")
    seconds = parser.parse_args().seconds
    machine = describe_machine()
    print(f"{machine.model}, {machine.cpu}, {machine.cores} cores, {machine.kernel}\n")
    print("| figure | p50 / p99 / max |")
    print("| --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        rig = HostRig(Path(folder) / "trace.csv")
        try:
            print_figures(rig, seconds)
        finally:
            rig.close()
    print_cost(seconds)


if __name__ == "__main__":
    main()
