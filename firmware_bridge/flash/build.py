"""The firmware for a board, with a hand's profile in it."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.flash.boards import Board, check_fit
from neurograsp.firmware_bridge.host_firmware import FIRMWARE, CompilerError, run_compiler
from neurograsp.firmware_bridge.profile_c import profile_c, symbol
from neurograsp.firmware_bridge.profiles import Profile

_UF2_BLOCK, _UF2_BYTES = 512, 256


@dataclass(frozen=True, slots=True)
class Image:
    """What goes into a board.

    Attributes:
        path: of the file.
        n_bytes: of flash that it takes.
        command: what made it.
    """

    path: Path
    n_bytes: int
    command: tuple[str, ...]


def missing(programs: Sequence[str]) -> list[str]:
    """Those that this machine has not."""
    return [name for name in programs if shutil.which(name) is None]


def image_of(board: Board, profile: Profile, folder: Path) -> Path:
    """Where `build_firmware` leaves it: what another profile of that name becomes goes elsewhere."""
    digest = hashlib.sha256(profile_c(profile).encode()).hexdigest()[:16]
    name = Path(board.image.format(profile=profile.name))
    return folder / f"{name.stem}-{digest}{name.suffix}"


def build_firmware(board: Board, profile: Profile, folder: Path) -> Image:
    """Compile it, from a copy of the sources with the profile among them.

    Args:
        board: what it is for.
        profile: of the hand.
        folder: where the image is kept.

    Raises:
        ConfigError: the board cannot drive such a hand, its firmware is too large, or nothing can be written.
        CompilerError: a program is missing, or it does not compile.
    """
    check_fit(board, profile)
    lacking = missing(board.compilers)
    if lacking:
        raise CompilerError(f"{', '.join(lacking)} not installed: sudo apt install {board.packages}")
    image = image_of(board, profile, folder)
    name = image.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}-") as work:
            sources, made = Path(work) / FIRMWARE.name, Path(work) / "made"
            shutil.copytree(FIRMWARE, sources, ignore=shutil.ignore_patterns("build"))
            (sources / "src" / f"{symbol(profile)}.c").write_text(profile_c(profile))
            port = sources / "extras" / "ports" / board.port
            out = os.path.relpath(made, port)  # make and its shell would read more into a path of the user's
            command = ("make", "-C", str(port), *board.make, f"PROFILE={profile.name}", f"OUT={out}")
            run_compiler(command, f"firmware for {board.name}", f"sudo apt install {board.packages}")
            built = made / board.image.format(profile=profile.name)
            n_bytes = _flash_bytes(built)
            if n_bytes > board.flash_bytes:
                raise ConfigError(
                    f"{name}: takes {n_bytes} bytes, a {board.name} has {board.flash_bytes} for a program"
                )
            built.replace(image)  # whole, or as it was
    except OSError as error:
        raise ConfigError(f"{error.filename or folder}: cannot be written: {error.strerror}") from error
    return Image(image, n_bytes, command)


def _flash_bytes(image: Path) -> int:
    if image.suffix == ".uf2":
        return image.stat().st_size // _UF2_BLOCK * _UF2_BYTES
    data_records = (line for line in image.read_text().split() if line[7:9] == "00")
    return sum(int(line[1:3], 16) for line in data_records)
