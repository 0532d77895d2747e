"""What a measurement of time ran on."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys")
PROC = Path("/proc")
TOLD = ("avx2", "avx512_vnni", "avx_vnni", "asimddp", "i8mm")
"""Instructions that decide how fast an int8 network is."""


@dataclass(frozen=True)
class Machine:
    """Attributes:
    model: of the board or computer.
    cpu: of its processor, as Linux names it.
    cores: that this process may run on.
    instructions: those of `TOLD` that the processor has.
    kernel: name, release and architecture.
    python: its version.
    governor: of the clock frequency; None where the machine offers none.
    """

    model: str
    cpu: str
    cores: int
    instructions: tuple[str, ...]
    kernel: str
    python: str
    governor: str | None


def describe_machine() -> Machine:
    """This one."""
    info = _cpuinfo()
    flags = f"{info.get('flags', '')} {info.get('Features', '')}".split()
    return Machine(
        model=_first(PROC / "device-tree/model", SYS / "class/dmi/id/product_name") or "unknown",
        cpu=info.get("model name") or info.get("CPU part") or platform.processor() or "unknown",
        cores=len(os.sched_getaffinity(0)),
        instructions=tuple(name for name in TOLD if name in flags),
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        governor=_first(SYS / "devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    )


def temperature_c() -> float | None:
    """Of the warmest sensor of the processor or board, or None where there is none."""
    found = []
    for path in SYS.glob("class/thermal/thermal_zone*/temp"):
        text = _first(path)
        if text is not None and text.lstrip("-").isdigit():
            found.append(int(text) / 1000)
    return max(found, default=None)


def memory_mb(field: str) -> float:
    """Of this process, in units of 10^6 bytes: "VmRSS" now, "VmHWM" at most so far."""
    for line in (PROC / "self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024 / 1e6
    raise ValueError(f"no {field} in /proc/self/status")


def _cpuinfo() -> dict[str, str]:
    """The first processor's lines."""
    found: dict[str, str] = {}
    for line in (PROC / "cpuinfo").read_text(errors="replace").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


def _first(*paths: Path) -> str | None:
    """What the first of these files holds that can be read and holds something."""
    for path in paths:
        try:
            text = path.read_text(errors="replace").strip("\0 \n")
        except OSError:
            continue
        if text:
            return text
    return None
