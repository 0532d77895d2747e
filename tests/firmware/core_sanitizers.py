"""The tests of the C core with AddressSanitizer and UndefinedBehaviorSanitizer in it.

    python tests/firmware/core_sanitizers.py

Exit code 1: a test fails, or a sanitizer has found something.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from core_suite import build_core, run_tests

FLAGS = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def runtime() -> str:
    """The library that has to be in the process before Python's own memory is."""
    done = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> int:
    """Run, and print one line; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        said = run_tests(
            build_core(Path(folder), *FLAGS),
            LD_PRELOAD=runtime(),
            ASAN_OPTIONS="detect_leaks=0",  # Python keeps much to its end
            PYTHONMALLOC="malloc",  # every buffer has its own bounds
        )
    print(f"sanitizers: address, undefined: {said or 'failed'}")
    return 1 if said is None else 0


if __name__ == "__main__":
    sys.exit(main())
