"""What the hand's firmware takes and gives on Cortex-M boards, in their simulators: docs/porting-a-board.md.

    python benchmarks/firmware_arm.py [--seconds 20]

Times are the simulated board's own. Under QEMU they are whole milliseconds, and an answer takes no time on
the line.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "firmware"))

from cortex_build import Program, build_cortex, build_lockstep
from link_figures import Line, load, round_trips_ms, to_pulse_ms
from mps2_rig import Mps2Rig
from rp2040_rig import Rp2040Rig

from neurograsp.firmware_bridge.protocol import Stop

CLOCK_HZ = 12e6
PER_S = 200
N_ROUND_TRIPS, N_PULSES = 500, 100


def spread(values: list[float]) -> str:
    """p50 / p99 / max of sorted values."""
    chosen = values[len(values) // 2], values[len(values) * 99 // 100], values[-1]
    return " / ".join(f"{value:.2f}" for value in chosen)


def until_back(rig: Mps2Rig | Rp2040Rig) -> str:
    """From a main loop that is lost to the begin of the last pulse, and to a hand that answers again."""
    rig.power_on()
    line = Line(rig)
    line.beat_for(100)
    rig.pulses()
    rig.hang()
    start_ms = rig.now_ms
    while True:
        line.send(Stop())
        if line.run(5):
            break
    return f"{rig.pulses()[-1].at_us / 1000 - start_ms:.0f}, {rig.now_ms - start_ms:.0f}"


def measure(rig: Mps2Rig | Rp2040Rig, program: Program, seconds: float) -> dict[str, str]:
    """One column, but for the lost main loop."""
    cells = {"flash, bytes": str(program.flash_bytes), "RAM without stack, bytes": str(program.ram_bytes)}
    cells["ACTION to ACK, ms"] = spread(round_trips_ms(rig, N_ROUND_TRIPS))
    rig.power_on()
    cells["command to first changed pulse, ms"] = spread(to_pulse_ms(rig, N_PULSES))
    rig.power_on()
    found = load(rig, PER_S, seconds)
    lost = f"{found.lost_to_hand} + {found.lost_to_host} of {found.requests}"
    cells[f"{PER_S} commands a second: frames lost to the hand + to the host"] = lost
    busy, longest = "-", "-"
    if isinstance(rig, Rp2040Rig):
        busy = f"{rig.busy_cycles / CLOCK_HZ / seconds * 100:.0f} %"
        longest = f"{rig.interrupt_cycles} ({rig.interrupt_cycles / CLOCK_HZ * 1e6:.0f} us)"
    cells["processor awake meanwhile"] = busy
    cells["longest interrupt, cycles"] = longest
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of simulated time under load")
    seconds = parser.parse_args().seconds
    columns = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugin = build_lockstep(folder)
        for port, hanging in (("mps2", "mps2-hangs"), ("rp2040", "rp2040")):
            cells = {}
            for built in (port, hanging):
                (folder / built).mkdir(exist_ok=True)
                program = build_cortex(built, folder / built)
                rig = Rp2040Rig(program) if port == "rp2040" else Mps2Rig(program, plugin)
                try:
                    cells = cells or measure(rig, program, seconds)
                    if built == hanging:
                        cells["lost main loop: to the last pulse, to an answer, ms"] = until_back(rig)
                finally:
                    rig.close()
            columns[port] = cells
    print("| |", " | ".join(columns), "|")
    print("|---|" + "---|" * len(columns))
    for row in next(iter(columns.values())):
        print("|", row, "|", " | ".join(cells[row] for cells in columns.values()), "|")


if __name__ == "__main__":
    main()
