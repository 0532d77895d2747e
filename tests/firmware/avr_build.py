"""Firmware for AVRs, and the library that runs it: compiled as the documentation says."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from neurograsp.firmware_bridge.host_firmware import FIRMWARE

ARDUINO = Path("/usr/share/arduino/hardware/arduino/avr")
SHIM = Path(__file__).with_name("simavr_shim.c")


@dataclass(frozen=True, slots=True)
class Image:
    """A program for a chip.

    Attributes:
        flash_bytes: of code and of the first values of data.
        ram_bytes: of data; the stack comes on top.
        data_end: address behind the data; of AVRs alone.
    """

    name: str
    chip: str
    elf: Path
    flash_bytes: int
    ram_bytes: int
    data_end: int = 0

    def address(self, variable: str) -> int:
        """Of a variable in RAM, which the linker may have renamed."""
        found = re.findall(rf"^00(80\w+) \w {variable}(?:\.\S+)?$", called("avr-nm", self.elf), re.M)
        assert len(found) == 1, f"{variable}: {found}"
        return int(found[0], 16) & 0xFFFF


def needed(*programs: str) -> None:
    """Skip where one of them is missing."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def called(*command: str | Path) -> str:
    """What a program says, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_shim(folder: Path) -> Path:
    """The library around simavr."""
    needed("cc", "avr-gcc")
    if not Path("/usr/include/simavr/sim_avr.h").is_file():
        pytest.skip("not installed: libsimavr-dev")
    library = folder / "simavr_shim.so"
    called(
        "cc",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "-fPIC",
        SHIM,
        "-o",
        library,
        "-lsimavr",
        "-lelf",
    )
    return library


PORTS = ("atmega328p", "atmega2560", "arduino-328p", "arduino-2560")


def build_image(name: str, folder: Path, profile: str = "arm") -> Image:
    """One of PORTS."""
    if name in ARDUINO_BOARDS:
        return build_arduino(name, folder, example().replace("hand_profile_arm", f"hand_profile_{profile}"))
    return build_avr(name, folder, profile)


def example() -> str:
    """The sketch in examples/."""
    return (FIRMWARE / "examples" / "NeuroHand" / "NeuroHand.ino").read_text()


def build_avr(chip: str, folder: Path, profile: str) -> Image:
    """The plain port."""
    needed("make", "avr-gcc")
    port = FIRMWARE / "extras" / "ports" / "avr"
    called("make", "-s", "-C", port, f"MCU={chip}", f"PROFILE={profile}", f"OUT={folder}")
    return _image(chip, chip, folder / f"neurohand-{chip}-{profile}.elf")


ARDUINO_BOARDS = {"arduino-328p": ("atmega328p", "standard"), "arduino-2560": ("atmega2560", "mega")}
"""Chip and variant of the Arduino core, by the rig's name."""

# As platform.txt has them; DECIMAL_DIG is missing in Debian's compiler.
_ARDUINO_FLAGS = (
    *("-Os", "-w", "-ffunction-sections", "-fdata-sections", "-flto", "-DF_CPU=16000000L"),
    *("-DARDUINO=10819", "-DARDUINO_ARCH_AVR", "-DDECIMAL_DIG=__DECIMAL_DIG__"),
)
_CXX = ("-std=gnu++11", "-fpermissive", "-fno-exceptions", "-fno-threadsafe-statics")


def build_arduino(name: str, folder: Path, sketch: str, beside: Sequence[Path] = ()) -> Image:
    """A sketch, given as text, with the library and Arduino's own core, as the IDE does it.

    Args:
        beside: C files in the sketch's folder.
    """
    needed("avr-g++", "avr-gcc-ar")
    core = ARDUINO / "cores" / "arduino"
    if not core.is_dir():
        pytest.skip("not installed: arduino-core-avr")
    chip, variant = ARDUINO_BOARDS[name]
    main = folder / "sketch.ino.cpp"
    main.write_text(f"#include <Arduino.h>\n{sketch}")
    includes = [f"-I{path}" for path in (core, ARDUINO / "variants" / variant, FIRMWARE / "src")]
    flags = [f"-mmcu={chip}", *_ARDUINO_FLAGS, *includes]

    def compiled(sources: list[Path], where: str) -> list[Path]:
        objects = folder / where
        objects.mkdir(exist_ok=True)
        for compiler, kinds, extra in (
            ("avr-gcc", (".c", ".S"), ("-std=gnu11",)),
            ("avr-g++", (".cpp",), _CXX),
        ):
            files = [path for path in sources if path.suffix in kinds]
            if files:
                command = [compiler, *flags, *(extra if compiler == "avr-g++" else ()), "-c", *files]
                done = subprocess.run(command, cwd=objects, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
        return sorted(objects.glob("*.o"))

    archive = folder / "core.a"
    called("avr-gcc-ar", "rcs", archive, *compiled(sorted(core.glob("*.*")), "core"))
    objects = compiled([main, *beside, *sorted(FIRMWARE.glob("src/**/*.c"))], "sketch")
    elf = folder / f"{name}.elf"
    called("avr-gcc", *flags, "-Wl,--gc-sections", *objects, archive, "-lm", "-o", elf)
    return _image(name, chip, elf)


def _image(name: str, chip: str, elf: Path) -> Image:
    listing = re.findall(r"^\.(\w+)\s+(\d+)\s+(\d+)", called("avr-size", "-A", elf), re.MULTILINE)
    sizes = {section: int(size) for section, size, _ in listing}
    ram = ("data", "bss", "noinit")
    end = max(int(size) + int(at) for section, size, at in listing if section in ram)
    data_end = end & 0xFFFF  # data has addresses from 0x800000
    return Image(
        name, chip, elf, sizes["text"] + sizes["data"], sum(sizes.get(name, 0) for name in ram), data_end
    )
