"""A bundle in, a folder of C sources out, and its golden vectors run on this machine."""

import subprocess
import tempfile
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from neurograsp.convert.c_target.golden_c import golden_files
from neurograsp.convert.c_target.model_c import model_files
from neurograsp.convert.c_target.network_c import network_in_c
from neurograsp.convert.c_target.readme import readme
from neurograsp.convert.c_target.signal_c import signal_files
from neurograsp.edge_runtime.bundle import Bundle, verify_golden
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.files import refuse_foreign_folder, whole_folder
from neurograsp.firmware_bridge.host_firmware import c_compiler

MARKER = "ng_signal.h"
OF_A_BUNDLE = frozenset(
    {"README.md", *(f"ng_{name}.{end}" for name in ("signal", "network", "model", "golden") for end in "ch")}
)
BUILT = "golden"
"""What `make test` leaves there."""

LONGEST_S = 600.0
KERNEL = ("kernel.c", "kernel.h")
FLAGS = ("-std=c99", "-O2")


@dataclass(frozen=True)
class Exported:
    """Attributes:
    path: the folder.
    bundle_sha256: of the bundle's manifest.
    hop_by_hop: whether the network takes a hop of frames and keeps states, or whole windows.
    golden: what the golden vectors' program said; None where none could be compiled and run here.
    """

    path: Path
    bundle_sha256: str
    hop_by_hop: bool
    golden: str | None


def export_c(bundle: Bundle, out: Path, *, whole_windows: bool = False) -> Exported:
    """Write a bundle's filter and network as C.

    Args:
        bundle: reproduced here before anything is written.
        out: folder to write.
        whole_windows: the network of whole windows, though the bundle has one that is computed hop by hop.

    Raises:
        BundleError: the golden vectors do not reproduce.
        CheckFailed: a layer has no C, or the C sources do not reproduce the golden vectors.
        ConfigError: `out` holds something else, or cannot be written.
    """
    refuse_what_is_foreign(out)
    verify_golden(bundle)
    hop_by_hop = "stream.tflite" in bundle.files and not whole_windows
    blob = bundle.files["stream.tflite" if hop_by_hop else "model.tflite"]
    network = network_in_c(blob)
    texts = {
        **signal_files(bundle.manifest.signal),
        **network.files,
        **model_files(blob),
        **golden_files(bundle.golden),
        "README.md": readme(bundle, network, blob, hop_by_hop=hop_by_hop),
    }
    with whole_folder(out, MARKER) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text)
        write_sources(folder)
        golden = _run_golden(folder)
    return Exported(out, bundle.sha256, hop_by_hop, golden)


def refuse_what_is_foreign(out: Path) -> None:
    """Raises ConfigError where `out` holds what is not of an export: it would be lost with the rest."""
    refuse_foreign_folder(out, MARKER)
    if out.is_dir():
        own = OF_A_BUNDLE | {BUILT} | {one.name for one in _sources()}
        foreign = sorted({path.name for path in out.iterdir()} - own)
        if foreign:
            raise ConfigError(
                f"{out}: holds {', '.join(foreign)[:200]} besides; name a new folder, or move that away"
            )


def write_sources(folder: Path) -> None:
    """The sources that are the same for every bundle."""
    for one in _sources():
        (folder / one.name).write_bytes(one.read_bytes())


def _sources() -> list[Traversable]:
    own = (resources.files("neurograsp.convert.c_target") / "src").iterdir()
    kernel = resources.files("neurograsp.edge_runtime") / "dsp"
    return [*own, *(kernel / name for name in KERNEL)]


def _run_golden(folder: Path) -> str | None:
    """Compile the golden vectors' program and run it."""
    compiler = c_compiler()
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as temporary:
        program = Path(temporary) / BUILT
        sources = sorted(path for path in folder.glob("*.c") if path.name != "ng_model.c")
        built = _called([compiler, *FLAGS, *map(str, sources), "-o", str(program)])
        if built.returncode != 0:
            raise CheckFailed(f"C: {compiler} does not compile the sources: {_first_error(built.stderr)}")
        try:
            ran = _called([str(program)])
        except PermissionError:
            return None
    said = ran.stdout.strip()
    if ran.returncode != 0:
        reason = "; ".join(said.splitlines()) or f"exit status {ran.returncode}"
        raise CheckFailed(f"C: the golden vectors do not reproduce ({reason})")
    return said


def _called(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=LONGEST_S
        )
    except subprocess.TimeoutExpired as error:
        raise CheckFailed(
            f"C: {command[0]} took longer than {LONGEST_S:g} s; take a smaller network"
        ) from error


def _first_error(said: str) -> str:
    lines = said.splitlines() or ["no reason given"]
    return next((line for line in lines if "error" in line), lines[0])
