"""How long a hand goes on after a fault: docs/faults.md.

    python benchmarks/firmware_faults.py [RIG ...] [--phases 20]

First `HandLink` against the firmware on the hand's own clock, each fault at as many phases of heartbeat and
servo frame; then host, cable and firmware as processes, in real time. Milliseconds from the fault: until
the last servo pulse that changed, and until the hand said that it does not move.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from neurograsp.edge_runtime.machine import describe_machine

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("tests", "tests/firmware"))

from fault_run import NewRig, measure
from link_faults import BOARD_FAULTS, FAULTS, TIME_WRAPS
from live_faults import LIVE_FAULTS, measure_live
from rigs import AVR_PORTS, CLOCKED, NAMES, maker

N_LIVE = 5
PROCESSES = "processes"
RIGS = (*NAMES, PROCESSES)


def table(name: str, new_rig: NewRig, phases: int) -> None:
    """Of one rig."""
    print(f"| fault ({name}, {phases} phases) | stood, median / worst | said so, worst | left in |")
    print("| --- | --- | --- | --- |")
    faults = {**FAULTS, **BOARD_FAULTS} if name in AVR_PORTS else dict(FAULTS)
    if name not in CLOCKED:
        faults = {what: fault for what, fault in faults.items() if fault is not TIME_WRAPS}
    for what, fault in faults.items():
        found = [measure(new_rig, fault, seed)[1] for seed in range(phases)]
        stood = [one.stood_ms for one in found]
        said = f"{max(one.safe_ms for one in found):.0f}" if fault.tells else "-"
        states = " or ".join(sorted({one.state.name for one in found}))
        print(f"| {what} | {median(stood):.0f} / {max(stood):.0f} | {said} | {states} |", flush=True)


def live_table() -> None:
    """Of processes."""
    print(f"| fault (processes, {N_LIVE} times) | stood, median / worst | left in |")
    print("| --- | --- | --- |")
    for what, fault in LIVE_FAULTS.items():
        found = []
        for _ in range(N_LIVE):
            with tempfile.TemporaryDirectory() as folder:
                found.append(measure_live(Path(folder), fault))
        stood = [one for one, _ in found]
        states = " or ".join(sorted({state.name for _, state in found}))
        print(f"| {what} | {median(stood):.0f} / {max(stood):.0f} | {states} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rigs", nargs="*", metavar="RIG", help=f"{', '.join(RIGS)}; all of them by default")
    parser.add_argument("--phases", type=int, default=20)
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.rigs) - set(RIGS)):
        parser.error(f"no rig {', '.join(unknown)}; there are {', '.join(RIGS)}")
    machine = describe_machine()
    print(f"{machine.model}, {machine.cpu}, {machine.cores} cores, {machine.kernel}")
    for name in arguments.rigs or RIGS:
        print()
        if name == PROCESSES:
            live_table()
            continue
        with tempfile.TemporaryDirectory() as folder:
            table(name, maker(name, Path(folder)), arguments.phases)


if __name__ == "__main__":
    main()
