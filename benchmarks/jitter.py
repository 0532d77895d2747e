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


def measure(bundle: Path, seconds: float, realtime: bool) -> str:
    """Cells of one row: "late" and "tick", or why the run ended."""
    command = [sys.executable, "-m", "neurograsp.edge_runtime.cli", "bench", str(bundle), "--json"]
    options = ["--seconds", f"{seconds:g}", *([] if realtime else ["--no-realtime"])]
    done = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        return f"ended: {done.stderr.splitlines()[-1]} | "
    loop = json.loads(done.stdout)["loop"]
    refused = [grant["detail"] for grant in loop["realtime"].values() if not grant["granted"]]
    print(*refused, sep="\n", end="", file=sys.stderr)
    return " | ".join(
        " / ".join(f"{loop['sections'][name][column]:.0f}" for column in COLUMNS) for name in ("late", "tick")
    )


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
                cells = measure(arguments.bundle, arguments.seconds, realtime)
            print(f"| {n_hogs} | {'yes' if realtime else 'no'} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
