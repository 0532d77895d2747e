"""What runs the firmware, by name, for programs that are not tests."""

from pathlib import Path

from avr_build import PORTS as AVR_PORTS
from avr_build import build_image, build_shim
from core_bench import load_core
from core_rig import CoreRig
from cortex_build import build_cortex, build_lockstep
from fault_run import NewRig
from mps2_rig import Mps2Rig
from rig import Rig
from rp2040_rig import Rp2040Rig
from simavr_rig import SimavrRig, load_shim

BOOT_MS = 5
CLOCKED = ("core", *AVR_PORTS)
"""Those whose clock can be set."""

NAMES = (*CLOCKED, "mps2", "rp2040")


def maker(name: str, folder: Path) -> NewRig:
    """Makes a hand of this kind, from cold, with its clock at so many milliseconds if that can be set.

    Args:
        name: one of NAMES.
        folder: an empty one, for what is compiled.
    """
    if name == "core":
        core = load_core(folder)
        return lambda start_ms: CoreRig(core, start_ms)
    if name == "mps2":
        program, plugin = build_cortex(name, folder), build_lockstep(folder)
        return lambda start_ms: Mps2Rig(program, plugin)
    if name == "rp2040":
        program = build_cortex(name, folder)
        return lambda start_ms: Rp2040Rig(program)
    shim, image = load_shim(build_shim(folder)), build_image(name, folder)
    return lambda start_ms: simavr_at(SimavrRig(shim, image), start_ms)


def simavr_at(rig: SimavrRig, start_ms: int) -> Rig:
    """The rig, its hand on and its clock set."""
    rig.run(BOOT_MS)
    rig.set_clock(start_ms)
    return rig
