"""Whether a mutant is the same program: what the optimiser makes of it does not differ."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from mutation.operators import Mutant

_COMPILE = ("cc", "-std=c99", "-O2", "-w", "-c", "-include", "stdbool.h")


class Equivalence:
    """Compares with the C files of a folder, unchanged.

    Args:
        source: that folder, read once.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._originals = self._objects(None)

    def __call__(self, mutant: Mutant) -> bool:
        """Whether the mutant compiles to the object code of the original."""
        return self._objects(mutant).items() <= self._originals.items()

    def _objects(self, mutant: Mutant | None) -> dict[str, bytes]:
        """Object code by file, of the files that the change can reach."""
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "src"
            shutil.copytree(self._source, folder)
            names = sorted(path.name for path in folder.glob("*.c"))
            if mutant is not None:
                changed = folder / mutant.file
                changed.write_bytes(mutant.apply(changed.read_bytes()))
                if changed.suffix == ".c":
                    names = [mutant.file]
            subprocess.run([*_COMPILE, *names], cwd=folder, check=True, capture_output=True)
            return {name: (folder / name).with_suffix(".o").read_bytes() for name in names}
