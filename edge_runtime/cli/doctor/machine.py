"""The computer under the runtime, read from /proc and /sys below a given root and from given values."""

import ctypes
import os
import resource
import shutil
import time
from pathlib import Path

from neurograsp.edge_runtime.cli.doctor.row import Row
from neurograsp.edge_runtime.realtime import LIMITS, PRIORITY

ROOT = Path("/")

COARSE_S = 1e-3
UNSYNCHRONISED = 5
"""What adjtimex(2) returns then: TIME_ERROR."""

STEADY_GOVERNOR = "performance"
HOT_C = 75.0
"""A Raspberry Pi slows down from 80 degrees on; cheaper ones with 60."""

THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")
THROTTLE_BITS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""Bits 0 to 3 of it: now; 16 to 19: since the boot (Raspberry Pi documentation, `vcgencmd get_throttled`)."""

SINCE_BOOT = 16
CAP_IPC_LOCK, CAP_SYS_NICE = 14, 23
LITTLE_DISK = 10**9


def clock(resolution_s: float | None = None) -> Row:
    """The monotonic clock, by which the loop keeps its deadlines."""
    step = time.get_clock_info("monotonic").resolution if resolution_s is None else resolution_s
    if step > COARSE_S:
        return Row(
            "fail", f"monotonic clock in steps of {step * 1000:g} ms", "use another kernel clock source"
        )
    return Row("ok", f"monotonic clock in steps of {step * 1e9:g} ns")


def wall_clock(state: int | None = None, now_s: float | None = None, installed_s: float | None = None) -> Row:
    """The time of day, which only names recordings: a Raspberry Pi without network has none after a boot.

    Args:
        state: what adjtimex(2) returns; -1 where it cannot be read.
        now_s: time of day, seconds since 1970.
        installed_s: when this program was installed.
    """
    now_s = time.time() if now_s is None else now_s
    installed_s = Path(__file__).stat().st_mtime if installed_s is None else installed_s
    if now_s < installed_s:
        date = time.strftime("%Y-%m-%d", time.gmtime(now_s))
        return Row(
            "warn", f"time of day: {date}, before this program was installed", "set it: sudo date --set"
        )
    state = _adjtimex() if state is None else state
    if state == -1:
        return Row("ok", "time of day: this machine does not say whether it is synchronised")
    if state == UNSYNCHRONISED:
        return Row(
            "warn",
            "time of day: not synchronised; recordings may be dated wrongly",
            "sudo timedatectl set-ntp true",
        )
    return Row("ok", "time of day: synchronised")


def _adjtimex() -> int:
    """Reads the state of the kernel's clock; a zeroed `struct timex` asks for no change."""
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return -1


def governor(root: Path = ROOT) -> Row:
    found = {_text(path) for path in root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")}
    names = sorted(found - {""})
    if not names:
        return Row("ok", "CPU governor: not offered by this machine")
    if names != [STEADY_GOVERNOR]:
        return Row(
            "warn",
            f"CPU governor {', '.join(names)}: ticks may be late",
            f"echo {STEADY_GOVERNOR} | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
        )
    return Row("ok", f"CPU governor {STEADY_GOVERNOR}")


def throttling(root: Path = ROOT) -> Row:
    """Under-voltage and heat: the Raspberry Pi's own word where there is one, otherwise the temperatures."""
    fix = "use the power supply that its maker names, and cool it"
    try:
        bits = int(_text(root / THROTTLED), 16)
    except ValueError:
        return _heat(root, fix)
    now = [name for bit, name in enumerate(THROTTLE_BITS) if bits >> bit & 1]
    before = [name for bit, name in enumerate(THROTTLE_BITS) if bits >> (SINCE_BOOT + bit) & 1]
    if now:
        return Row("fail", f"the Raspberry Pi slows down now: {', '.join(now)}", fix)
    if before:
        return Row("warn", f"the Raspberry Pi slowed down since it was started: {', '.join(before)}", fix)
    return Row("ok", "the Raspberry Pi did not slow down since it was started")


def _heat(root: Path, fix: str) -> Row:
    alarms = [
        chip / "in0_lcrit_alarm"
        for chip in root.glob("sys/class/hwmon/*")
        if _text(chip / "name") == "rpi_volt"
    ]
    if any(_text(alarm) == "1" for alarm in alarms):
        return Row("fail", f"the Raspberry Pi slows down now: {THROTTLE_BITS[0]}", fix)
    texts = [_text(path) for path in root.glob("sys/class/thermal/thermal_zone*/temp")]
    degrees = [int(text) / 1000 for text in texts if text.lstrip("-").isdigit()]
    if not degrees:
        return Row("ok", "throttling, temperature: not offered by this machine")
    if max(degrees) >= HOT_C:
        return Row("warn", f"{max(degrees):.0f} degrees Celsius: it will soon slow down", "cool it")
    return Row("ok", f"{max(degrees):.0f} degrees Celsius")


def real_time(limit: int | None = None, root: Path = ROOT) -> Row:
    """Whether this user may give the control thread a real-time priority.

    Args:
        limit: RLIMIT_RTPRIO; -1 is none.
        root: where proc/self/status tells the capabilities.
    """
    limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[0] if limit is None else limit
    if limit == resource.RLIM_INFINITY or limit >= PRIORITY or _capable(root, CAP_SYS_NICE):
        return Row("ok", "real-time priority: permitted")
    return Row(
        "warn",
        "real-time priority: not permitted; beside other programs ticks may be late",
        f'echo "$USER - rtprio {PRIORITY}" | sudo tee -a {LIMITS}, log in again',
    )


def memory_lock(limit: int | None = None, root: Path = ROOT) -> Row:
    """Whether this user may keep the program's memory from being swapped out.

    Args:
        limit: RLIMIT_MEMLOCK in bytes; -1 is none.
        root: where proc/self/status tells the capabilities.
    """
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] if limit is None else limit
    if limit == resource.RLIM_INFINITY or _capable(root, CAP_IPC_LOCK):
        return Row("ok", "locked memory: permitted")
    return Row(
        "warn",
        f"locked memory: {limit // 2**20} MB only; where memory is short ticks may be late",
        f'echo "$USER - memlock unlimited" | sudo tee -a {LIMITS}, log in again',
    )


def _capable(root: Path, capability: int) -> bool:
    for line in _text(root / "proc/self/status").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> capability & 1)
    return False


def disk(folder: Path | None = None, free: int | None = None) -> Row:
    """Room for recordings where the program was started."""
    folder = Path.cwd() if folder is None else folder
    free = shutil.disk_usage(folder).free if free is None else free
    what = f"{free / 1e9:.1f} GB free in {folder}"
    if not os.access(folder, os.W_OK):
        return Row("warn", f"{folder} cannot be written to: no recordings there", "start in another folder")
    if free < LITTLE_DISK:
        return Row("warn", f"{what}; 32 channels at 500 Hz take 0.2 GB an hour", "delete something")
    return Row("ok", what)


def model(root: Path = ROOT) -> Row:
    """What the computer is."""
    name = _text(root / "proc/device-tree/model").rstrip("\0")
    cores = len(os.sched_getaffinity(0))
    return Row("ok", f"{name or 'computer'}, {cores} core{'s' * (cores != 1)} for this program")


def _text(path: Path) -> str:
    """Content of a small file, "" where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
