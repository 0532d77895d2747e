"""libFuzzer on the frame parser and on whole sessions, side by side.

    python tests/firmware/fuzz.py [--seconds 60] [--only frames|sessions] [--corpus FOLDER]

Prints one line and exits with 0, or with 1 when something was found: what it was and the input that shows it
are then named. Without clang and its libFuzzer (Debian: clang libclang-rt-14-dev) it exits with 2. What is
learnt stays in the corpus folder for the next run.
"""

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import fuzz_seeds
from core_bench import C_TEST, STRICT

from neurograsp.firmware_bridge.frames import Frame, encode_frame
from neurograsp.firmware_bridge.host_firmware import FIRMWARE

HARNESSES = {
    "frames": ("fuzz_frames.c",),
    "sessions": ("fuzz_sessions.c", "judge.c", "test_profiles.c"),
}
MAX_INPUT = 600
SANITIZERS = "-fsanitize=fuzzer,address,undefined"


class NoFuzzer(Exception):
    """clang, or its libFuzzer, is not installed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one harness has done.

    Attributes:
        runs: inputs tried.
        rate: of these a second.
        edges: of the control flow that were reached, harness and sanitizers' checks included.
        found: the first line of what is wrong; empty for nothing.
        crash: the input that shows it.
    """

    runs: int
    rate: int
    edges: int
    found: str = ""
    crash: Path | None = None


def build(harness: str, folder: Path, sources: Path = FIRMWARE / "src") -> Path:
    """Compile `harness` with the core in `sources`.

    Raises:
        NoFuzzer: there is nothing to compile it with.
    """
    program = folder / f"fuzz_{harness}"
    files = [*(C_TEST / name for name in HARNESSES[harness]), *sorted(sources.glob("*.c"))]
    command = ["clang", *STRICT, "-O2", SANITIZERS, "-fno-sanitize-recover=undefined", f"-I{sources}"]
    try:
        done = subprocess.run(
            [*command, *map(str, files), "-o", str(program)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise NoFuzzer("no clang") from None
    if "libclang_rt.fuzzer" in done.stderr:
        raise NoFuzzer("no libFuzzer")
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return program


def write_seeds(harness: str, folder: Path) -> None:
    """What a fuzzer of `harness` begins with."""
    if harness == "sessions":
        fuzz_seeds.write(folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    for size in (0, 1, 5, 32):
        frames = [encode_frame(Frame(5, 1, number, bytes([number] * size))) for number in range(3)]
        (folder / f"payload_{size}").write_bytes(b"".join(frames))


class Fuzzing:
    """One harness at work, in a process of its own."""

    def __init__(self, program: Path, corpus: Path, seconds: int) -> None:
        self._log = corpus.parent / f"{program.name}.log"
        command = [
            program,
            corpus,
            f"-max_total_time={seconds}",
            f"-max_len={MAX_INPUT}",
            f"-artifact_prefix={corpus.parent}/",
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait(self) -> Outcome:
        """The end of it."""
        failed = self._process.wait() != 0
        log = self._log.read_text(errors="replace")
        runs = last_number(log, r"number_of_executed_units: (\d+)")
        rate = last_number(log, r"average_exec_per_sec: +(\d+)")
        edges = last_number(log, r"cov: (\d+)")
        if not failed:
            return Outcome(runs, rate, edges)
        said = re.search(r"^(fuzz_\w+: .*|.*ERROR: \w+Sanitizer: .*|.*runtime error: .*)$", log, re.MULTILINE)
        crash = re.search(r"Test unit written to (\S+)", log)
        return Outcome(runs, rate, edges, said[1] if said else log[-300:], Path(crash[1]) if crash else None)


def last_number(text: str, pattern: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def fuzz(harnesses: list[str], folder: Path, seconds: int) -> dict[str, Outcome]:
    """Run them at the same time."""
    at_work = {}
    for harness in harnesses:
        write_seeds(harness, folder / harness)
        at_work[harness] = Fuzzing(build(harness, folder), folder / harness, seconds)
    return {harness: fuzzing.wait() for harness, fuzzing in at_work.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", choices=HARNESSES)
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz-firmware"))
    options = parser.parse_args()
    options.corpus.mkdir(parents=True, exist_ok=True)
    try:
        outcomes = fuzz([options.only] if options.only else list(HARNESSES), options.corpus, options.seconds)
    except NoFuzzer as failure:
        print(f"fuzz: not run, {failure}: sudo apt install clang libclang-rt-14-dev")
        return 2
    print(
        f"fuzz: {options.seconds} s, "
        + "; ".join(
            f"{harness} {one.runs} runs, {one.rate}/s, {one.edges} edges, "
            + (f"FOUND {one.found} ({one.crash})" if one.found else "clean")
            for harness, one in outcomes.items()
        )
    )
    return 1 if any(one.found for one in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
