"""Firmware for Cortex-M boards, compiled as the documentation says."""

import re
from dataclasses import dataclass
from pathlib import Path

from avr_build import called, needed

from neurograsp.firmware_bridge.host_firmware import FIRMWARE

CORTEX_PORTS = ("mps2", "mps2-hangs", "rp2040")
"""Folders in extras/ports; of mps2 also one whose main loop can be hung by a test."""

_HANGS = f"{Path(__file__).with_name('mps2_hang.c')} -Wl,--wrap=board_doze,--wrap=hand_servo_frame"


@dataclass(frozen=True, slots=True)
class Program:
    """One for a board.

    Attributes:
        flash_bytes: of code and of the first values of data.
        ram_bytes: of data, and of the code where it runs in RAM; the stack comes on top.
    """

    name: str
    elf: Path
    flash_bytes: int
    ram_bytes: int


def build_cortex(name: str, folder: Path, profile: str = "arm") -> Program:
    """One of CORTEX_PORTS; beside the ELF file of rp2040 lies a .uf2."""
    needed("make", "clang", "ld.lld", "size", "nm")
    port, _, hangs = name.partition("-")
    extra = f"EXTRA={_HANGS if hangs else ''}"
    called(
        "make", "-s", "-C", FIRMWARE / "extras" / "ports" / port, f"PROFILE={profile}", f"OUT={folder}", extra
    )
    elf = folder / f"neurohand-{port}-{profile}.elf"
    listed = re.findall(r"^\.(\w+)\s+(\d+)\s+(\d+)", called("size", "-A", elf), re.M)
    sizes = {name: int(size) for name, size, address in listed if int(address) or name == "text"}
    in_ram = sizes["text"] if port == "rp2040" else 0
    flash_bytes = sum(sizes.get(name, 0) for name in ("boot", "text", "data"))
    return Program(name, elf, flash_bytes, in_ram + sizes.get("data", 0) + sizes["bss"])


def build_lockstep(folder: Path) -> Path:
    """The plugin of QEMU."""
    needed("cc")
    library = folder / "qemu_lockstep.so"
    source = Path(__file__).with_name("qemu_lockstep.c")
    called("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", source, "-o", library)
    return library


def symbols(program: Path) -> dict[str, int]:
    """Addresses in an ELF file, of functions without the bit that marks Thumb."""
    found = re.findall(r"^(\w+) (\w) (\w+)$", called("nm", program), re.M)
    return {name: int(address, 16) & (~1 if kind in "tT" else -1) for address, kind, name in found}
