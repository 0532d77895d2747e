"""Everything that the hand's firmware is checked with, two things at a time: `make check-firmware`.

    python tests/firmware/check.py [STEP ...]
    python tests/firmware/check.py --list

One line for each step; the whole output of one that failed. Exit code 1: a step failed. A step whose tools
are not installed is skipped; where CI=true it has failed, but for those that say why CI may lack theirs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import core_suite

HERE = Path(__file__).resolve().parent
AT_A_TIME = 2
MARKED = os.environ.get("FIRMWARE_TESTS", "")
"""Which tests, as pytest's -m. `slow`: neither those of `make test` nor the long ones."""

LIMIT_S = 1200


@dataclass(frozen=True)
class Step:
    """A program that prints its figures in its last line and exits with 0 when all is well.

    Attributes:
        checks: what, in a few words.
        needs: programs, or patterns of absolute paths, without which it cannot run.
        optional: why CI may lack them; empty: it may not.
        long: run only when it is named.
    """

    name: str
    checks: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    optional: str = ""
    long: bool = False


def script(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / name), *arguments)


def tests(*names: str, keep: str = "") -> tuple[str, ...]:
    """These tests; `keep` as pytest's -k."""
    return (
        sys.executable,
        "-m",
        "pytest",
        "-m",
        MARKED,
        "-k",
        keep,
        "-rs",
        *(str(HERE / name) for name in names),
    )


SIMAVR = ("make", "avr-gcc", "/usr/lib/avr/include/avr/io.h", "/usr/include/simavr/sim_avr.h")
CLANG_ARM = ("make", "clang", "ld.lld")
LIBFUZZER = ("clang", "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a")
RP2040JS = ("node", str(HERE / "rp2040" / "node_modules" / "rp2040js"))
AVR = ("test_avr_contract.py", "test_avr_pins.py", "test_own_profile_avr.py", "test_board_faults.py")
CORTEX = ("test_cortex_contract.py", "test_cortex_ports.py", "test_board_faults.py")

STEPS = (
    Step(
        "mutation",
        "every small change of the core fails a test",
        script("mutation/run.py", "--jobs", "1"),
        ("cc",),
    ),
    Step(
        "avr",
        "contract, pins, faults, hangs and resets of the AVR programs and the sketch, under simavr",
        tests(*AVR, keep="not test_a_cortex"),
        SIMAVR,
    ),
    Step(
        "mps2",
        "contract, faults, hangs and resets of the Cortex-M3 program, under QEMU",
        tests(*CORTEX, keep="mps2"),
        (*CLANG_ARM, "qemu-system-arm"),
    ),
    Step(
        "rp2040",
        "contract, pins, faults, hangs and resets of the RP2040 program, under rp2040js",
        tests(*CORTEX, keep="not mps2 and not test_an_avr and not TestOtherHands"),
        (*CLANG_ARM, *RP2040JS),
        optional="from npm: npm ci --prefix tests/firmware/rp2040",
    ),
    Step(
        "rp2040-hands",
        "contract of the RP2040 program for every other hand",
        tests("test_cortex_contract.py", keep="TestOtherHands"),
        (*CLANG_ARM, *RP2040JS),
        long=True,
    ),
    Step(
        "model",
        "the model's state space holds no way to break a promise",
        script("model.py"),
        ("spin", "gcc"),
    ),
    Step("fuzz", "no input breaks the frame parser or a session", script("fuzz.py"), LIBFUZZER),
    Step(
        "host",
        "contract and faults of the program on a pseudo-terminal, in real time",
        tests("test_contract_host.py", "test_live_faults.py"),
        ("cc",),
    ),
    Step(
        "faults",
        "lines and hosts that fail, and the host's driver",
        tests(
            "test_link_faults.py",
            "test_fault_storms.py",
            "test_spoilt_line.py",
            "test_faulty_line.py",
            "test_link.py",
        ),
        ("cc",),
    ),
    Step(
        "hands",
        "contract of each hand that ships; profiles and the C made from them",
        tests("test_shipped_profiles.py", "test_profile_c.py"),
        ("cc",),
    ),
    Step(
        "flash",
        "avrdude puts the firmware into boards by their boot loaders, an Uno's own among them",
        tests("test_hand_flash.py"),
        (*CLANG_ARM, *SIMAVR, "avrdude"),
        optional="from Debian: sudo apt install avrdude",
    ),
    Step(
        "firmata",
        "the driver of servos against StandardFirmata itself, under simavr",
        tests("test_standard_firmata.py"),
        SIMAVR,
        long=True,
    ),
    Step("sanitizers", "the core's tests with ASan and UBSan", script("core_sanitizers.py"), ("cc",)),
    Step("coverage", "every line and branch of the core is run", script("core_coverage.py"), ("cc", "gcov")),
    Step(
        "core",
        "core and headers: vectors, random sessions, two compilers without a warning",
        tests(
            *core_suite.FILES, "test_codes.py", "test_fuzz_c.py", "test_ports.py", "test_random_sessions.py"
        ),
        ("cc",),
    ),
    Step(
        "checks",
        "the checks themselves notice what they are for",
        tests("mutation", "test_check.py", "test_invariants.py", "test_model.py", "test_patience.py"),
        ("cc",),
    ),
    Step("sizes", "what the ports take", script("sizes.py"), (*CLANG_ARM, "avr-gcc")),
)
"""The longest first."""


class Status(Enum):
    """How a step ended."""

    OK = "ok"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """Attributes:
    figures: the last line of the output, or why there is none.
    """

    step: Step
    status: Status
    figures: str
    seconds: float = 0.0
    output: str = ""

    def __str__(self) -> str:
        step = self.step
        return f"{self.status.value:7} {self.seconds:4.0f} s  {step.name:12} {step.checks}: {self.figures}"


def _is_there(need: str) -> bool:
    if need.startswith("/"):
        return any(Path("/").glob(need[1:]))
    return shutil.which(need) is not None


def run(step: Step, in_ci: bool) -> Result:
    """Run one step to its end."""
    missing = [need for need in step.needs if not _is_there(need)]
    if missing:
        status = Status.FAILED if in_ci and not step.optional else Status.SKIPPED
        why = f" ({step.optional})" if step.optional else ""
        return Result(step, status, f"no {', no '.join(missing)}{why}")
    started = time.monotonic()
    try:
        done = subprocess.run(
            step.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        code, output = -1, f"{(error.output or b'').decode(errors='replace')}\nnot done after {LIMIT_S} s"
    lines = [line.strip("= ") for line in output.splitlines() if line.strip("= ")]
    figures = lines[-1].removeprefix(f"{step.name}: ") if lines else "no output"
    status = Status.OK if code == 0 else Status.FAILED
    return Result(step, status, figures, time.monotonic() - started, output)


def check(steps: Sequence[Step], in_ci: bool) -> list[Result]:
    """Run all of them, printing each when it is done."""
    results = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for done in as_completed([pool.submit(run, step, in_ci) for step in steps]):
            result = done.result()
            results.append(result)
            print(result, flush=True)
            if result.status is Status.FAILED and result.output:
                print(f"--- {result.step.name}\n{result.output.rstrip()}\n---", flush=True)
    return results


def main() -> int:
    """Run the steps that were named, or all; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    names = [step.name for step in STEPS]
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"some of: {', '.join(names)}")
    parser.add_argument("--list", action="store_true", help="what the steps are")
    options = parser.parse_args()
    unknown = set(options.steps) - set(names)
    if unknown:
        parser.error(f"no such step: {', '.join(sorted(unknown))}")
    if options.list:
        print("\n".join(f"{step.name:12} {step.checks}" for step in STEPS))
        return 0
    started = time.monotonic()
    chosen = [step for step in STEPS if step.name in options.steps or not (options.steps or step.long)]
    results = check(chosen, in_ci=os.environ.get("CI") == "true")
    counts = [f"{sum(each.status is status for each in results)} {status.value}" for status in Status]
    print(f"firmware: {', '.join(counts)}; {time.monotonic() - started:.0f} s")
    return 1 if any(each.status is Status.FAILED for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
