"""A Raspberry Pi's user space on this machine: Debian's arm64 Python and PyPI's arm64 wheels under qemu-user.

    python tests/aarch64/board.py .aarch64

fetches and unpacks what is not there or too old, and builds this checkout's wheels. What is installed on this
machine stays as it is. Kernel, hardware and timing are not those of a board.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements/board.lock"
PINS = REPOSITORY / "requirements/workstation.lock"
QEMU = "qemu-aarch64-static"
CROSS_COMPILER = "aarch64-linux-gnu-gcc"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "http://deb.debian.org/debian"

SUITES = {"3.11": "bookworm", "3.13": "trixie"}
"""Debian 12 and 13 by their Python; Raspberry Pi OS of the same numbers has the same."""

PLATFORM = "aarch64-manylinux_2_36"
"""Wheels for the older one's C library."""

CPU = "cortex-a72"
"""Of a Raspberry Pi 4. With qemu's default, which has SVE, LiteRT computes wrong results."""

CORE = """processor\t: {}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
"""In /proc/cpuinfo of a Raspberry Pi 4. With this machine's own, LiteRT crashes or goes without XNNPACK."""

PACKAGES = "qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross debian-archive-keyring"
TEST_TOOLS = ("pytest", "pytest-timeout", "hypothesis")


@dataclass(frozen=True)
class Board:
    """Attributes:
    python: version, a key of SUITES.
    root: Debian's files are below `prefix`; the other folders hold packages.
    """

    python: str
    root: Path

    @property
    def base(self) -> Path:
        """What requirements/board.lock installs, and neurograsp without the C kernel."""
        return self.root / "base"

    @property
    def kernel(self) -> Path:
        """neurograsp with the C kernel, see `has_kernel`."""
        return self.root / "kernel"

    @property
    def has_kernel(self) -> bool:
        """Whether the kernel could be cross-compiled, which wants a compiler and this Python's headers."""
        return any(self.kernel.glob("neurograsp/edge_runtime/dsp/_kernel*.so"))

    @property
    def brainflow(self) -> Path:
        """BrainFlow's wheel, as `pip install brainflow` takes it on a board."""
        return self.root / "brainflow"

    @property
    def tools(self) -> Path:
        """For tests."""
        return self.root / "tools"

    def run(
        self, packages: Sequence[Path], *arguments: str | Path, programs: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the board's Python, with these folders of packages and nothing of this machine.

        Args:
            packages: folders to import from.
            arguments: of `python`.
            programs: PATH; by default no program is found, and so no compiler.
            environment: more variables.
        """
        prefix = self.root / "prefix"
        program = prefix / "usr/bin" / f"python{self.python}"
        return subprocess.run(
            [shutil.which(QEMU) or QEMU, "-L", prefix, program, "-S", *arguments],
            cwd=REPOSITORY,
            env={
                "QEMU_CPU": CPU,
                "PATH": programs or str(self.root / "no-programs"),
                "PYTHONPATH": os.pathsep.join(map(str, packages)),
                "PYTHONPYCACHEPREFIX": str(self.root / "bytecode"),
                "HOME": str(self.root / "home"),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )


def prepare(cache: Path, python: str) -> Board:
    """Fetch and unpack a board; what is there stays, unless its lock file is newer.

    Raises:
        CalledProcessError: a package cannot be fetched, or is not the one that Debian or a lock file names.
    """
    board = Board(python, cache / python)
    _once(board.root / "prefix", lambda folder: _unpack_debian(folder, python))
    _once(board.base, lambda folder: _install(folder, python, "--require-hashes", "-r", LOCK), LOCK)
    pins = ("--constraints", PINS)
    _once(board.tools, lambda folder: _install(folder, python, *pins, *TEST_TOOLS), PINS)
    _once(board.brainflow, lambda folder: _install(folder, python, *pins, "--no-deps", "brainflow"), PINS)
    return board


def install_neurograsp(boards: Sequence[Board], cache: Path) -> None:
    """Build this checkout's wheel without the C kernel, and with it where it can be cross-compiled."""
    plain = _build_wheel(cache / "wheel", CC="false")
    for board in boards:
        _install(board.base, board.python, "--no-deps", "--reinstall", plain)
        shutil.rmtree(board.kernel, ignore_errors=True)
    if shutil.which(CROSS_COMPILER) is None:
        return
    shared = f"{CROSS_COMPILER} -shared"
    compiled = _build_wheel(cache / "wheel-kernel", CC=CROSS_COMPILER, LDSHARED=shared)
    for board in boards:
        _install(board.kernel, board.python, "--no-deps", compiled)


def _once(folder: Path, make: Callable[[Path], None], *sources: Path) -> None:
    if folder.exists() and all(one.stat().st_mtime < folder.stat().st_mtime for one in sources):
        return
    making = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    make(making)
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)


def _unpack_debian(prefix: Path, python: str) -> None:
    """Python with what it depends on; apt checks Debian's signature and every hash."""
    apt = prefix / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    source = f"deb [arch=arm64 signed-by={KEYRING}] {MIRROR} {SUITES[python]} main\n"
    (apt / "sources.list").write_text(source)
    options = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "1",
        "Dir::State": apt,
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt,
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferencesparts": "-",
    }
    apt_get = ["apt-get", "--quiet=2", *(f"--option={key}={value}" for key, value in options.items())]
    packages = (f"python{python}", "libstdc++6")
    _do(*apt_get, "update")
    _do(*apt_get, "install", "--download-only", "--yes", "--no-install-recommends", *packages)
    for package in sorted(apt.glob("archives/*.deb")):
        _do("dpkg-deb", "--extract", package, prefix)
    shutil.rmtree(apt)
    # With Debian's empty folders there, qemu would not look into this machine's.
    for name in ("dev", "proc", "sys"):
        shutil.rmtree(prefix / name, ignore_errors=True)
    if not (prefix / "lib").exists():
        (prefix / "lib").symlink_to("usr/lib")
    (prefix / "proc").mkdir()
    (prefix / "proc/cpuinfo").write_text("".join(CORE.format(number) for number in range(4)))


def _install(folder: Path, python: str, *what: str | Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    _do(
        *(uv, "pip", "install", "--quiet", "--system-certs", "--only-binary=:all:"),
        *("--python-platform", PLATFORM, "--python-version", python, "--target", folder, *what),
    )


def _build_wheel(out: Path, **environment: str) -> Path:
    shutil.rmtree(out, ignore_errors=True)
    _do(
        *(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, REPOSITORY),
        _PYTHON_HOST_PLATFORM="linux-aarch64",
        **environment,
    )
    # Python would find it as another installation when it is started there.
    shutil.rmtree(REPOSITORY / "neurograsp.egg-info", ignore_errors=True)
    (wheel,) = out.glob("*.whl")
    return wheel


def _do(*command: str | Path, **environment: str) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()


def main() -> None:
    missing = [name for name in ("apt-get", "dpkg-deb", QEMU) if shutil.which(name) is None]
    missing += [] if KEYRING.exists() else [str(KEYRING)]
    if missing:
        sys.exit(f"{', '.join(missing)}: not there; on Debian: sudo apt install {PACKAGES}")
    cache = Path(sys.argv[1]).resolve()
    with ThreadPoolExecutor() as pool:
        boards = list(pool.map(lambda python: prepare(cache, python), SUITES))
    install_neurograsp(boards, cache)


if __name__ == "__main__":
    main()
