"""The C sources of a bundle reproduce its golden vectors: on this machine, on a Cortex-M3 and on an AVR."""

import re
import shutil
import subprocess
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from core_bench import STRICT, UBSAN

from neurograsp.convert.c_target.export import export_c
from neurograsp.convert.c_target.golden_c import golden_files
from neurograsp.edge_runtime.bundle import Bundle, open_bundle
from neurograsp.firmware_bridge.host_firmware import FIRMWARE

PORTS = Path(__file__).parent / "ports"
CORTEX = FIRMWARE / "extras" / "ports" / "cortex"
AVR_FRAMES = 200
"""No object on an AVR may be larger than 32 kB."""

AVR_SOURCES = ("kernel.c", "ng_filter.c", "ng_signal.c", "ng_golden.c", "golden_filter.c")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    samples = resources.files("neurograsp.edge_runtime") / "samples"
    return open_bundle(Path(str(samples / "bundles/grasp-and-lift")))


def called(*command: str | Path) -> str:
    """What a program says, which must succeed; both simulators speak on the error stream."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def needed(*programs: str) -> None:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.mark.parametrize("whole_windows", [False, True])
def test_on_this_machine(bundle: Bundle, whole_windows: bool, tmp_path: Path) -> None:
    exported = export_c(bundle, tmp_path / "c", whole_windows=whole_windows)
    said = "frames of the filter: 88, bit for bit\nwindows of the network: 30, bit for bit"
    assert exported.golden == said
    assert exported.hop_by_hop is not whole_windows
    called("cc", *STRICT, "-c", exported.path / "ng_model.c", "-o", tmp_path / "model.o")
    flags = " ".join((*STRICT, *UBSAN))
    assert called("make", "-s", "-C", exported.path, "test", f"CFLAGS={flags}").strip() == said


def cortex_m3(folder: Path) -> dict[str, int]:
    needed("clang", "ld.lld", "qemu-system-arm")
    port = PORTS / "mps2"
    program = folder / "golden.elf"
    sources = [path for path in folder.glob("*.c") if path.name != "main.c"]
    called(
        *("clang", "--target=thumbv7m-none-eabi", "-mcpu=cortex-m3", "-std=c99", "-Os"),
        *("-ffreestanding", "-fno-builtin", "-nostdlib", "-fuse-ld=lld", "-Wall", "-Wextra", "-Werror"),
        *(f"-I{folder}", f"-I{CORTEX}", "-T", port / "mps2.ld", CORTEX / "runtime.c"),
        *(*sources, *port.glob("*.c"), "-o", program),
    )
    said = called(
        *("qemu-system-arm", "-machine", "mps2-an385", "-kernel", program, "-nographic"),
        *("-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native"),
    )
    return results(said)


def avr(folder: Path) -> dict[str, int]:
    needed("avr-gcc", "simavr")
    program = folder / "golden.elf"
    called(
        *("avr-gcc", "-mmcu=atmega1284p", "-DF_CPU=16000000UL", "-std=gnu99", "-Os"),
        *("-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-Wl,--gc-sections", f"-I{folder}"),
        *(*(folder / name for name in AVR_SOURCES), PORTS / "avr" / "main.c", "-o", program),
    )
    return results(called("simavr", "-m", "atmega1284p", "-f", "16000000", program))


def results(said: str) -> dict[str, int]:
    """What each golden function returned: 0 where all is alike."""
    return {what: int(number) for what, number in re.findall(r"(filter|network|fault) (\d+)", said)}


@pytest.mark.slow
def test_on_a_cortex_m3(bundle: Bundle, tmp_path: Path) -> None:
    folder = export_c(bundle, tmp_path / "c").path
    assert cortex_m3(folder) == {"filter": 0, "network": 0}
    wrong = bundle.golden.logits.copy()
    wrong[6, 2] ^= 1
    rewrite(bundle, folder, logits=wrong)
    assert cortex_m3(folder) == {"filter": 0, "network": 7}


@pytest.mark.slow
def test_the_filter_on_an_avr(bundle: Bundle, tmp_path: Path) -> None:
    folder = export_c(bundle, tmp_path / "c").path
    kept = AVR_FRAMES // bundle.manifest.signal.decimation
    few = {"counts": bundle.golden.counts[:AVR_FRAMES], "logits": bundle.golden.logits[:1]}
    rewrite(bundle, folder, filtered=bundle.golden.filtered[:kept], **few)
    assert avr(folder) == {"filter": 0}
    wrong = bundle.golden.filtered[:kept].copy()
    wrong[4, 31] ^= 1
    rewrite(bundle, folder, filtered=wrong, **few)
    assert avr(folder) == {"filter": 5}


def rewrite(bundle: Bundle, folder: Path, **golden: np.ndarray) -> None:
    for name, text in golden_files(replace(bundle.golden, **golden)).items():
        (folder / name).write_text(text)
