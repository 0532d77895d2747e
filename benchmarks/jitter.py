"""How late ticks of the control loop begin, alone and beside two programs that never wait: docs/timing.md.

    python benchmarks/jitter.py [--bundle BUNDLE] [--seconds 20]

Each row is `neurograsp bench` in a process of its own, with and without what `edge_runtime/realtime.py` asks
the operating system for. In microseconds.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurograsp.edge_runtime.cli.demo import PRETRAINED
from neurograsp.edge_runtime.machine import describe_machine

N_HOGS = 2
COLUMNS = ("p50_us", "p99_us", "p999_us", "max_us")


@contextmanager
def hogs(n: int) -> Iterator[None]:
    """Programs that compute and never wait."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def measure(bundle: Path, seconds: float, realtime: bool) -> dict[str, dict[str, float]]:
    """Sections of `neurograsp bench`, "late" and "tick" among them."""
    command = [sys.executable, "-m", "neurograsp.edge_runtime.cli", "bench", str(bundle), "--json"]
    options = ["--seconds", f"{seconds:g}", *([] if realtime else ["--no-realtime"])]
    done = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    report = json.loads(done.stdout)
    for name, grant in report["loop"]["realtime"].items():
        if not grant["granted"]:
            print(f"{name}: {grant['detail']}", file=sys.stderr)
    sections: dict[str, dict[str, float]] = report["loop"]["sections"]
    return sections


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=PRETRAINED)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    machine = describe_machine()
    print(f"{machine.model}, {machine.cpu}, {machine.cores} cores, {machine.kernel}\n")
    print("| hogs | real time | tick late p50 / p99 / p99.9 / max | tick p50 / p99 / p99.9 / max |")
    print("| --- | --- | --- | --- |")
    for n_hogs in (0, N_HOGS):
        for realtime in (False, True):
            with hogs(n_hogs):
                sections = measure(arguments.bundle, arguments.seconds, realtime)
            cells = " | ".join(
                " / ".join(f"{sections[name][column]:.0f}" for column in COLUMNS) for name in ("late", "tick")
            )
            print(f"| {n_hogs} | {'yes' if realtime else 'no'} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
