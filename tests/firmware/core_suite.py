"""The tests of the C core, run with a core that is built to count, or to find faults of memory."""

import os
import subprocess
import sys
from pathlib import Path

from core_bench import BENCH

from neurograsp.firmware_bridge.host_firmware import FIRMWARE

HERE = Path(__file__).parent
FILES = ("test_contract_core.py", "test_safety.py", "test_frames_c.py", "test_vectors_c.py")
TESTS = tuple(str(HERE / name) for name in FILES)


def build_core(folder: Path, *flags: str) -> Path:
    """The library that the tests load; objects lie beside it."""
    objects = []
    for source in [*BENCH, *sorted(FIRMWARE.glob("src/*.c"))]:
        objects.append(folder / f"{source.stem}.o")
        compile_one = ("cc", "-std=c99", "-g", "-fPIC", f"-I{FIRMWARE / 'src'}", *flags)
        subprocess.run([*compile_one, "-c", source, "-o", objects[-1]], check=True)
    library = folder / "core.so"
    subprocess.run(["cc", "-shared", *flags, *objects, "-o", library], check=True)
    return library


def run_tests(library: Path, **environment: str) -> str | None:
    """What pytest says last; None when a test fails, which is then printed in full."""
    # What a sanitizer says before it ends the process must not be in a file of pytest's.
    command = [sys.executable, "-m", "pytest", "--capture=no", *TESTS]
    environment = {**os.environ, "NEUROHAND_CORE": str(library), **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="\n")
        return None
    return done.stdout.strip().splitlines()[-1]
