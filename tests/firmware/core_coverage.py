"""Line and branch coverage of the hand's C core by the tests that run it in process.

    python tests/firmware/core_coverage.py

Exit code 1: a test fails, or a line or a branch is not reached; code that cannot be has no place there.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from core_suite import build_core, run_tests

from neurograsp.firmware_bridge.host_firmware import FIRMWARE

FILES = ("hand_frames.c", "hand_motion.c", "hand_protocol.c", "hand_safety.c")


@dataclass(frozen=True)
class Line:
    """A line with code, and how often each way out of it was taken; without a branch, how often it ran."""

    file: str
    number: int
    counts: tuple[int, ...]


def measured(folder: Path) -> list[Line]:
    """The lines of the core and its headers; those of a header once for each file that includes it."""
    lines = []
    for name in FILES:
        command = ["gcov", "--json-format", "--branch-probabilities", "--stdout", f"{Path(name).stem}.gcda"]
        report = json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
        for file in report["files"]:
            for line in file["lines"]:
                branches = tuple(int(branch["count"]) for branch in line["branches"])
                counts = branches or (int(line["count"]),)
                lines.append(Line(Path(file["file"]).name, int(line["line_number"]), counts))
    return lines


def main() -> int:
    """Print what is missing, then one line; the exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if run_tests(build_core(folder, "-O0", "--coverage")) is None:
            print("coverage: the tests fail")
            return 1
        lines = measured(folder)
    assert {line.file for line in lines} >= set(FILES)
    missing = [line for line in lines if 0 in line.counts]
    for line in missing:
        text = (FIRMWARE / "src" / line.file).read_text().splitlines()[line.number - 1].strip()
        ways = f"{line.counts.count(0)} of {len(line.counts)} ways"
        print(f"{line.file}:{line.number}: {ways} not taken: {text}")
    branches = sum(len(line.counts) for line in lines if len(line.counts) > 1)
    print(f"coverage: {len(lines)} lines, {branches} branches; {len(missing)} lines not reached in every way")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
