"""Python, the packages and the compiler."""

import platform
import sys
from importlib.metadata import version
from pathlib import Path

from neurograsp.edge_runtime.cli.doctor.row import Row
from neurograsp.edge_runtime.contract.errors import NeurograspError

SAMPLE = Path(__file__).resolve().parents[2] / "samples/bundles/grasp-and-lift/model.tflite"
LARGEST_OF_32_BIT = 2**32


def python(largest_size: int = sys.maxsize) -> Row:
    what = f"Python {platform.python_version()} on {platform.machine()}"
    if largest_size < LARGEST_OF_32_BIT:
        return Row("fail", f"{what}, 32 bit", "install a 64-bit system: LiteRT has no 32-bit build")
    return Row("ok", what)


def kernel() -> Row:
    from neurograsp.edge_runtime.dsp import kernel as kernels

    if kernels.compiled is None:
        fix = "sudo apt install gcc python3-dev, then install neurograsp again"
        return Row("warn", "filter kernel: numpy (slower, same bits)", fix)
    return Row("ok", "filter kernel: C")


def litert() -> Row:
    """Whether LiteRT loads a network, and hands its operators to XNNPACK."""
    from neurograsp.edge_runtime.classifier import delegated, interpreter

    try:
        # Its kernels for this processor are chosen when a network is loaded.
        made = interpreter(SAMPLE.read_bytes(), str(SAMPLE), reference_kernels=False)
        what = f"LiteRT {version('ai-edge-litert')}"
    except (ImportError, OSError, NeurograspError) as error:
        return Row("fail", f"LiteRT does not load: {error}", "pip install --force-reinstall ai-edge-litert")
    if not delegated(made):
        return Row(
            "warn",
            f"{what}, XNNPACK is not active: the network takes several times as long",
            "let this program read /proc/cpuinfo and /sys/devices/system/cpu, which tell the processor",
        )
    return Row("ok", f"{what}, XNNPACK is active")


def brainflow() -> Row:
    """Whether BrainFlow is there and its library is for this machine."""
    from neurograsp.edge_runtime.sources import brainflow_library

    here, library = platform.machine(), brainflow_library.library()
    if library is None:
        return Row(
            "warn",
            "BrainFlow is not installed: no boards of its own",
            brainflow_library.how_to_install(here),
        )
    what = f"BrainFlow {version('brainflow')}"
    there = brainflow_library.machine_of(library)
    if there is not None and there != here:
        return Row(
            "fail",
            f"{what}: its library is for {there}, this machine is {here}: no boards of its own",
            f"build BrainFlow from source, see {brainflow_library.BUILD_PAGE}",
        )
    try:
        brainflow_library.load_brainflow()
    except NeurograspError as error:
        return Row("fail", str(error))
    return Row("ok", f"{what}, library for {there}")


def compiler() -> Row:
    from neurograsp.firmware_bridge.host_firmware import c_compiler

    if c_compiler() is None:
        return Row("warn", "no C compiler: no simulated hand", "sudo apt install gcc")
    return Row("ok", "C compiler, for the simulated hand")
