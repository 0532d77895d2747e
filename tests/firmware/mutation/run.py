"""Change the hand's C in every small way there is, and fail when the tests do not notice.

    python tests/firmware/mutation/run.py [--files hand_safety.c ...] [--show]

Exit code 1: a mutant survived that mutants_accepted.toml gives no reason for, or a reason there is stale.
2: no such file.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from mutation.accepted import BadReasons, Key, entries, read_reasons, split  # noqa: E402
from mutation.equivalence import Equivalence  # noqa: E402
from mutation.killing import BaselineFailed, MutantKiller, Outcome  # noqa: E402
from mutation.operators import Mutant, find_mutants  # noqa: E402
from mutation.schemata import HEADER_NAME, write_mutants  # noqa: E402
from mutation.syntax import SyntaxProblem, macros_of  # noqa: E402
from neurograsp.firmware_bridge import host_firmware  # noqa: E402

FILES = ("hand_safety.c", "hand_protocol.c", "hand_motion.c", "hand_frames.c", "hand_profile.h")
TESTS = tuple(
    str(HERE.parent / name)
    for name in (
        "test_contract_core.py",
        "test_frames_c.py",
        "test_model.py::test_the_table_is_that_of_the_core",
        "test_safety.py",
        "test_vectors_c.py",
    )
)
ACCEPTED = HERE.parent / "mutants_accepted.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print what survived and one line of figures; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--firmware", type=Path, default=host_firmware.FIRMWARE, help="folder with src/")
    parser.add_argument("--files", nargs="+", default=FILES, help="which of src/ to change")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="what has to notice, as for pytest")
    parser.add_argument("--accepted", type=Path, default=ACCEPTED, help="the written reasons")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at a time")
    parser.add_argument("--show", action="store_true", help="what became of every mutant")
    options = parser.parse_args(arguments)
    there = sorted(path.name for path in options.firmware.glob("src/*.[ch]"))
    if absent := [name for name in options.files if name not in there]:
        print(
            f"mutation: no {', '.join(absent)} in {options.firmware / 'src'}: {', '.join(there)}",
            file=sys.stderr,
        )
        return 2
    started = time.monotonic()
    try:
        reasons = [key for key in read_reasons(options.accepted) if key.file in options.files]
        mutants, outcomes = _kill(options, set(reasons))
    except (BadReasons, BaselineFailed, SyntaxProblem) as error:
        print(f"mutation: {error}", file=sys.stderr)
        return 1
    survivors = [
        mutant for mutant, outcome in zip(mutants, outcomes, strict=True) if outcome is Outcome.SURVIVED
    ]
    unexplained, stale = split(survivors, reasons)
    if unexplained:
        print(f"# Survived: write tests that fail, or in {options.accepted.name} why none can.\n")
        print(entries(unexplained))
    for reason in stale:
        print(f"stale reason, there is no such survivor: {reason}")
    counts = Counter(outcomes)
    print(
        f"mutation: {len(mutants)} mutants of {len(options.files)} files; "
        f"killed {counts[Outcome.KILLED]}, crashed {counts[Outcome.CRASHED]}, "
        f"timed out {counts[Outcome.TIMED_OUT]}, equivalent by compiler {counts[Outcome.EQUIVALENT]}, "
        f"survived with a reason {len(survivors) - len(unexplained)}, without {len(unexplained)}; "
        f"stale reasons {len(stale)}; {time.monotonic() - started:.0f} s, {_cpu_s():.0f} s of CPU"
    )
    return 1 if unexplained or stale else 0


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _print(mutant: Mutant, outcome: Outcome) -> None:
    print(f"{outcome.name:10} {mutant}", flush=True)


def _ignore(mutant: Mutant, outcome: Outcome) -> None:
    pass


def _kill(options: argparse.Namespace, known: set[Key]) -> tuple[list[Mutant], list[Outcome]]:
    """All mutants of the files, and what the tests did to each."""
    firmware: Path = options.firmware
    macros = macros_of(sorted(firmware.glob("src/*.[ch]")))
    sources = {name: (firmware / "src" / name).read_bytes() for name in options.files}
    mutants = [each for name, source in sources.items() for each in find_mutants(source, name, macros)]
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / firmware.name
        shutil.copytree(firmware, changed)
        write_mutants(changed / "src", mutants, macros)
        switch = Path(folder) / "switch.so"
        header = changed / "src" / HEADER_NAME
        subprocess.run(["cc", "-shared", "-fPIC", "-xc", header, "-o", switch], check=True, timeout=60)
        killer = MutantKiller(
            switch,
            mutants,
            Equivalence(firmware / "src"),
            lambda mutant: Key.of(mutant) in known,
            _print if options.show else _ignore,
            options.jobs,
        )
        host_firmware.FIRMWARE = changed
        return mutants, killer.run(options.tests)


if __name__ == "__main__":
    sys.exit(main())
