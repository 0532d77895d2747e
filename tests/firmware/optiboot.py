"""An Uno with its own boot loader, made from Arduino's sources, under simavr and behind a pseudo-terminal."""

import contextlib
import os
import select
import time
from pathlib import Path

import pytest
from avr_build import ARDUINO, Image, build_shim, called, needed
from bench import OnPty
from simavr_rig import SimavrRig, load_shim

SOURCES = ARDUINO / "bootloaders" / "optiboot"
START = 0x7C00
"""Debian's avr-gcc makes more of it than the 512 bytes that an Uno keeps for it."""
FLASH = 32_768
JUMP = bytes.fromhex("0c94") + (START // 2).to_bytes(2, "little")
"""At address 0, in place of the fuse that lets the chip start in its boot loader."""
LONGEST_MS = 20.0
_FLAGS = ("-Os", "-w", "-nostartfiles", "-mshort-calls", "-fno-inline-small-functions")
_DEFINES = ("-DF_CPU=16000000L", "-DLED_START_FLASHES=0", "-DBAUD_RATE=115200")


def build_optiboot(folder: Path) -> Image:
    """The boot loader, and nothing else in the flash."""
    needed("avr-gcc", "avr-objcopy")
    if not SOURCES.is_dir():
        pytest.skip("not installed: arduino-core-avr")
    loader, binary, image = folder / "loader.elf", folder / "loader.bin", folder / "image.elf"
    chip = ("avr-gcc", "-mmcu=atmega328p")
    called(
        *chip,
        *_FLAGS,
        "-fno-split-wide-types",
        *_DEFINES,
        f"-Wl,--section-start=.text={START:#x},--relax",
        f"-I{SOURCES}",
        SOURCES / "optiboot.c",
        "-o",
        loader,
    )
    called("avr-objcopy", "-O", "binary", "-j", ".text", loader, binary)
    flash = JUMP.ljust(START, b"\xff") + binary.read_bytes()
    binary.write_bytes(flash.ljust(FLASH, b"\xff"))
    assembly = folder / "image.S"
    assembly.write_text(f'.section .text\n.incbin "{binary}"\n')
    called(*chip, "-nostdlib", "-nostartfiles", assembly, "-o", image)
    return Image("optiboot", "atmega328p", image, FLASH, 0)


class Uno(OnPty):
    """The board: the first byte that it hears resets it, as the DTR line of a real port does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self._rig = SimavrRig(load_shim(build_shim(folder)), build_optiboot(folder))

    def _run(self) -> None:
        heard = False
        before = time.monotonic()
        while not self._ending.is_set():
            if select.select([self._end], [], [], 0.0 if heard else 0.01)[0]:
                data = os.read(self._end, 4096)
                if not heard:
                    heard = True
                    self._rig.reset_from_outside()
                self._rig.send(data)
            now = time.monotonic()
            if heard:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._end, self._rig.run(min((now - before) * 1000, LONGEST_MS) or 0.1))
            before = now
        self._rig.close()
