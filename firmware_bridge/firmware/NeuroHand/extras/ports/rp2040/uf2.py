"""python3 uf2.py PROGRAM.elf PROGRAM.uf2: what an RP2040's drive takes, from what the linker made.

UF2 is the container of github.com/microsoft/uf2, the checksum of the first 256 bytes that of the chip's ROM.
"""

import struct
import sys
from pathlib import Path

FLASH = 0x10000000
_BOOT_BYTES = 252
_BLOCK_BYTES = 256
_MAGIC = 0x0A324655, 0x9E5D5157
_MAGIC_END = 0x0AB16F30
_FAMILY_PRESENT = 0x2000
_RP2040 = 0xE48BFF56
_LOAD = 1


def flash_image(elf: bytes) -> bytes:
    """What lies in flash from its first byte on, with the checksum."""
    if elf[:6] != b"\x7fELF\x01\x01":
        raise SystemExit("uf2: not a 32-bit little-endian ELF file")
    (offset,) = struct.unpack_from("<I", elf, 28)
    size, count = struct.unpack_from("<HH", elf, 42)
    image = bytearray()
    for number in range(count):
        kind, start, _, address, n_bytes = struct.unpack_from("<5I", elf, offset + number * size)
        if kind == _LOAD and n_bytes:
            position = address - FLASH
            image.extend(bytes(max(0, position + n_bytes - len(image))))
            image[position : position + n_bytes] = elf[start : start + n_bytes]
    if any(image[_BOOT_BYTES:_BLOCK_BYTES]):
        raise SystemExit(f"uf2: boot code of more than {_BOOT_BYTES} bytes")
    struct.pack_into("<I", image, _BOOT_BYTES, _crc32(bytes(image[:_BOOT_BYTES])))
    return bytes(image)


def _crc32(data: bytes) -> int:
    """Polynomial 0x04C11DB7, start 0xFFFFFFFF, highest bit first, nothing inverted."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 1 << 31 else 0)) & 0xFFFFFFFF
    return crc


def uf2(image: bytes) -> bytes:
    """The image in blocks of 512 bytes that say where each 256 of it belong."""
    count = -(-len(image) // _BLOCK_BYTES)
    blocks = []
    for number in range(count):
        data = image[number * _BLOCK_BYTES : (number + 1) * _BLOCK_BYTES].ljust(476, b"\0")
        head = (*_MAGIC, _FAMILY_PRESENT, FLASH + number * _BLOCK_BYTES, _BLOCK_BYTES, number, count, _RP2040)
        blocks.append(struct.pack("<8I", *head) + data + struct.pack("<I", _MAGIC_END))
    return b"".join(blocks)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    Path(sys.argv[2]).write_bytes(uf2(flash_image(Path(sys.argv[1]).read_bytes())))
