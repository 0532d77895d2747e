"""Load BrainFlow, or say what is wrong with it and what to do.

Its wheel holds libraries for x86-64 only and can be installed anywhere. On another machine the import works,
and the first call fails with an OSError that says the library were not there.
"""

import importlib.util
import platform
import warnings
from pathlib import Path
from typing import Any

from neurograsp.edge_runtime.contract.errors import MissingExtra

BUILD_PAGE = "https://brainflow.readthedocs.io/en/stable/BuildBrainFlow.html"
WHEELS_MACHINE = "x86_64"
WITHOUT = "without BrainFlow there are --source relay:HOST:PORT, lsl:NAME, playback:FILE and synthetic"

_MACHINES = {3: "i686", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
"""`e_machine` in the header of an ELF file (System V ABI), by its name in `uname -m`."""


def load_brainflow() -> Any:
    """The module `brainflow.board_shim`, with its logger off and its library loaded.

    Raises:
        MissingExtra: BrainFlow is not installed, or its library does not load on this machine.
    """
    try:
        from brainflow import board_shim
    except ImportError as error:
        raise MissingExtra(
            "BrainFlow", "brainflow", f"{how_to_install(platform.machine())}; {WITHOUT}"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pkg_resources' own, see pyproject.toml
            board_shim.BoardShim.disable_board_logger()
    except ModuleNotFoundError as error:
        remedy = "run `pip install 'setuptools<81'`"
        raise MissingExtra(f"{error.name}, which BrainFlow imports,", "brainflow", remedy) from error
    except OSError as error:
        here, there = platform.machine(), machine_of(library())
        reason = f"the one that is there is for {there}" if there not in (here, None) else str(error)
        raise MissingExtra(
            f"BrainFlow's library for {here}",
            "brainflow",
            f"{reason}; build BrainFlow from source, see {BUILD_PAGE}; {WITHOUT}",
        ) from error
    return board_shim


def how_to_install(machine: str) -> str:
    """What to do on a machine, as `uname -m` names it, that has no BrainFlow."""
    if machine == WHEELS_MACHINE:
        return "run `pip install '.[brainflow]'` in the source checkout"
    return f"its wheel has no library for {machine}, build it from source, see {BUILD_PAGE}"


def library() -> Path | None:
    """BrainFlow's library where the package is installed, without importing it; it may not be there."""
    found = importlib.util.find_spec("brainflow")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "lib" / "libBoardController.so"


def machine_of(path: Path | None) -> str | None:
    """The machine that an ELF library is for, as `uname -m` names it; None where it cannot be told."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            header = file.read(20)
    except OSError:
        return None
    if len(header) < 20 or header[:4] != b"\x7fELF":
        return None
    number = int.from_bytes(header[18:20], "big" if header[5] == 2 else "little")
    return _MACHINES.get(number, f"ELF machine {number}")
