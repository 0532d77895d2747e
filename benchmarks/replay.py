"""How fast a session is replayed, explained and exported, against real time: docs/logs.md.

    python benchmarks/replay.py [--bundle BUNDLE] [--recording FILE] [--seconds 60]

Records so long with `neurograsp run --log`, in real time, then runs each command on the log, in a process of
its own, three times; the fastest counts, with what it takes to start.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.edge_runtime.machine import describe_machine

CLI = (sys.executable, "-m", "neurograsp.edge_runtime.cli")
TRIES = 3


def run(*command: object) -> tuple[float, str]:
    """Seconds, and what was printed."""
    began = time.perf_counter()
    done = subprocess.run([*CLI, *map(str, command)], check=True, capture_output=True, text=True)
    return time.perf_counter() - began, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=PRETRAINED)
    parser.add_argument("--recording", type=Path, default=PRETRAINED_RECORDING)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    machine = describe_machine()
    print(f"{machine.model}, {machine.cpu}, {machine.cores} cores, {machine.kernel}\n")
    with tempfile.TemporaryDirectory() as folder:
        log, new = Path(folder) / "session.mcap", Path(folder) / "session.bdf"
        source = ("--source", f"playback:{arguments.recording}", "--seconds", arguments.seconds)
        run("run", "--bundle", arguments.bundle, *source, "--log", log)
        megabytes = log.stat().st_size / 1e6
        print(f"{arguments.seconds:g} s of {arguments.bundle.name}: {megabytes:.2f} MB\n")
        print("| command | whole command, s | times real time |")
        print("| --- | --- | --- |")
        for title, *command in (
            ("replay", "replay", log),
            ("replay --against", "replay", log, "--against", arguments.bundle),
            ("why", "why", log),
            ("export", "export", log, "--out", new),
        ):
            fastest = min(_once(command, new) for _ in range(TRIES))
            print(f"| {title} | {fastest:.1f} | {arguments.seconds / fastest:.0f} |")
        report = json.loads(run("replay", log, "--json")[1])
        print(f"\nreplay without its start: {report['times_real_time']:.0f} times real time")


def _once(command: list[object], new: Path) -> float:
    new.unlink(missing_ok=True)
    return run(*command)[0]


if __name__ == "__main__":
    main()
