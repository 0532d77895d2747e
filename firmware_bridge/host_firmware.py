"""The hand's own firmware as a process on this machine: compiled once, driven over a pseudo-terminal."""

import contextlib
import hashlib
import os
import platform
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from neurograsp.firmware_bridge.answers import JOINT_TARGETS
from neurograsp.firmware_bridge.codes import HandAction, HandInput, HandState
from neurograsp.firmware_bridge.errors import LinkLost, NeurograspError
from neurograsp.firmware_bridge.profile_c import profile_c, symbol
from neurograsp.firmware_bridge.profiles import Profile, load_profile, shipped_profiles

FIRMWARE = Path(__file__).resolve().parent / "firmware" / "NeuroHand"
_FLAGS = ("-std=c99", "-O2")
_START_S = 5.0
_STOP_S = 2.0


class CompilerError(NeurograspError):
    """Firmware cannot be built, or put into a board, with what this machine has."""

    exit_code = 3


def firmware_sources() -> tuple[Path, ...]:
    """The C files of the core and of the host port, headers included."""
    found = sorted([*FIRMWARE.glob("src/*.[ch]"), FIRMWARE / "extras" / "ports" / "host" / "main.c"])
    if len(found) < 2 or not all(path.is_file() for path in found):
        raise CompilerError(f"firmware sources missing in {FIRMWARE}: reinstall neurograsp")
    return tuple(found)


def build_host_firmware(own: Profile | None = None) -> Path:
    """The program of the simulated hand, compiled the first time (about a second) and kept in the cache.

    Args:
        own: a profile that does not ship, to be what the program is when it is not told `--profile`.

    Raises:
        CompilerError: no C compiler, the sources are missing, or they do not compile; no cache to write to.
    """
    sources = firmware_sources()
    text = "" if own is None else profile_c(own)
    digest = hashlib.sha256(" ".join((*_FLAGS, platform.machine(), text)).encode())
    for path in sources:
        digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    program = cache_folder() / f"neurohand-{digest.hexdigest()[:16]}"
    if not (program.is_file() and os.access(program, os.X_OK)):
        _compile([path for path in sources if path.suffix == ".c"], program, own)
    return program


def cache_folder() -> Path:
    """Where compiled programs are kept. Raises CompilerError: there is no home folder."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurograsp"
    except RuntimeError as failure:
        raise CompilerError("firmware: no home folder to keep it in: set XDG_CACHE_HOME") from failure


def c_compiler() -> str | None:
    """Path of this machine's C compiler; None where it has none."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def _compile(sources: list[Path], program: Path, own: Profile | None) -> None:
    compiler = c_compiler()
    if compiler is None:
        raise CompilerError(
            "no C compiler for the simulated hand: install one (Debian: sudo apt install gcc)"
        )
    try:
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent) as folder:
            built = Path(folder) / program.name
            flags = [*_FLAGS, f"-I{FIRMWARE / 'src'}"]
            if own is not None:
                generated = Path(folder) / f"{symbol(own)}.c"
                generated.write_text(profile_c(own))
                sources = [*(path for path in sources if path.name != generated.name), generated]
                flags.append(f"-DHAND_PROFILE={symbol(own)}")
            run_compiler(
                (compiler, *flags, *map(str, sources), "-o", str(built)),
                "simulated hand",
                "install a C compiler that works (Debian: sudo apt install build-essential)",
            )
            built.replace(program)  # several processes may build at once
    except OSError as failure:
        raise CompilerError(
            f"simulated hand: cannot write {program} ({failure.strerror}): set XDG_CACHE_HOME"
        ) from failure


def run_compiler(command: Sequence[str], what: str, remedy: str) -> None:
    """Run a compiler, or what runs one.

    Args:
        command: its words.
        what: is built, for messages.
        remedy: where it fails.

    Raises:
        CompilerError: it does not run, or fails: the first line with an error in it.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "LC_ALL": "C"},  # "error" is looked for below
        )
    except OSError as failure:
        raise CompilerError(f"{what}: {command[0]} does not run ({failure.strerror}): {remedy}") from failure
    if done.returncode != 0:
        lines = (done.stderr + done.stdout).split("\n")
        said = next((line for line in lines if "error" in line), lines[0]) or f"exit code {done.returncode}"
        raise CompilerError(f"{what}: {command[0]} failed ({said.strip()}): {remedy}")


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One servo frame.

    Attributes:
        ms: CLOCK_MONOTONIC in milliseconds, mod 2^32; comparable with `time.monotonic()`.
        state: of the firmware.
        action: under way or held; None for joint targets.
        joints_us: pulse lengths; 0 where the output is detached.
    """

    ms: int
    state: HandState
    action: HandAction | None
    joints_us: tuple[int, ...]


def read_trace(path: Path, skip: int = 0) -> list[TraceRow]:
    """The complete lines of a trace file, but for the first `skip` servo frames."""
    rows = []
    for line in path.read_text().splitlines(keepends=True)[1 + skip :]:
        if not line.endswith("\n"):
            break  # the firmware is still writing it
        ms, state, action, *joints_us = map(int, line.split(","))
        rows.append(
            TraceRow(
                ms,
                HandState(state),
                None if action == JOINT_TARGETS else HandAction(action),
                tuple(joints_us),
            )
        )
    return rows


class SimulatedHand:
    """The firmware in a process of its own, for a `with` statement.

    Args:
        trace: file for one CSV line a servo frame (`read_trace`); None for no trace.
        profile: which hand, as for `load_profile`.

    Raises:
        ConfigError: see `load_profile`.
        CompilerError: see `build_host_firmware`; or what it built does not run.
        LinkLost: it does not start, or ends with an error of its own (a trace that cannot be written).
    """

    def __init__(self, trace: Path | None = None, profile: str | Path = "arm") -> None:
        self.trace = trace
        self._profile = profile
        self._url = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The port to open."""
        return self._url

    @property
    def pid(self) -> int:
        """Process number of the firmware."""
        return self._running().pid

    def start(self) -> Self:
        """Start it, afresh if it runs already; `with` does this."""
        self.stop()
        command = self._command()
        pipe = subprocess.PIPE
        try:
            # A session of its own: Ctrl-C is for the host, which then stops the hand.
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
            )
        except OSError as failure:
            raise CompilerError(
                f"simulated hand: {command[0]} does not run ({failure.strerror}): delete it to have it built "
                "again, or set XDG_CACHE_HOME to where programs may run"
            ) from failure
        try:
            self._url = self._read_url(self._process)
        except BaseException:
            with contextlib.suppress(LinkLost):
                self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it and wait for that; stopping twice is allowed."""
        process, self._process = self._process, None
        if process is None:
            return
        said = _last_words(process, _STOP_S)
        if process.returncode > 0:
            raise LinkLost(f"the simulated hand failed: {said}")

    def kill(self) -> None:
        """As a power cut would: no chance to say anything."""
        process = self._running()
        process.kill()
        process.wait()

    def set_inputs(self, active: HandInput) -> None:
        """Set the levels of the inputs: those named are active from now on, the others are not."""
        stdin = self._running().stdin
        if stdin is not None:
            stdin.write(b"%d" % active)
            stdin.flush()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.nullcontext() if value is None else contextlib.suppress(LinkLost):
            self.stop()

    def _command(self) -> list[str]:
        profile = load_profile(self._profile)
        ships = self._profile in shipped_profiles()
        command = [str(build_host_firmware(None if ships else profile))]
        if ships:
            command += ["--profile", profile.name]
        if self.trace is not None:
            command += ["--trace", str(self.trace)]
        return command

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise LinkLost("the simulated hand is not running: start it first")
        return self._process

    def _read_url(self, process: subprocess.Popen[bytes]) -> str:
        line = b"".join(_bytes_until_newline(process, time.monotonic() + _START_S))
        if not line.endswith(b"\n"):
            raise LinkLost(f"the simulated hand did not start: {_last_words(process, 0)}")
        return line.decode().strip()


def _last_words(process: subprocess.Popen[bytes], patience_s: float) -> str:
    """End it by closing its stdin, or after `patience_s` by force; the first line it wrote to stderr."""
    try:
        _, said = process.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
    return said.decode(errors="replace").partition("\n")[0] or f"exit code {process.returncode}"


def _bytes_until_newline(process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
    if process.stdout is None:
        return
    descriptor = process.stdout.fileno()
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            return
        byte = os.read(descriptor, 1)
        yield byte
        if byte in (b"", b"\n"):
            return
