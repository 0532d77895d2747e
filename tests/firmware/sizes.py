"""How much flash and RAM the firmware takes, by port: python tests/firmware/sizes.py

One line. RAM is that of the data; the stack comes on top. A port without its compiler is named as not built.
"""

import sys
import tempfile
from pathlib import Path

import pytest
from avr_build import PORTS, build_image
from cortex_build import build_cortex

CORTEX = ("mps2", "rp2040")


def size_of(port: str) -> str:
    """Flash + RAM."""
    build = build_cortex if port in CORTEX else build_image
    with tempfile.TemporaryDirectory() as folder:
        try:
            built = build(port, Path(folder))
        except pytest.skip.Exception as missing:
            return f"{port} not built, {missing}"
    return f"{port} {built.flash_bytes} + {built.ram_bytes}"


def main() -> int:
    """Print the line."""
    print(f"sizes: bytes of flash + RAM: {', '.join(map(size_of, (*PORTS, *CORTEX)))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
