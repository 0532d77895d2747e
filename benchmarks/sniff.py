"""What `neurograsp hand sniff --through` adds to a conversation: docs/sniff.md.

    python benchmarks/sniff.py [--pings 2000]

A bus of five servos, emulated in a process of its own, is asked for all positions: straight, and with sniff
between, which shows and keeps all of it.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from hands import device_process, spread

from neurograsp.edge_runtime.machine import describe_machine
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device
from neurograsp.firmware_bridge.hands.open_device import open_device

PROFILE = "sts_fingers"


def pings(port: str, count: int) -> list[float]:
    """Milliseconds of five questions and their answers."""
    profile = load_device(PROFILE)
    hand = DeviceHand(open_device(profile, port), profile)
    hand.connect()
    found = [hand.ping() for _ in range(count)]
    hand.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pings", type=int, default=2000)
    count = parser.parse_args().pings
    if count < 1:
        parser.error("--pings must be 1 or more")
    machine = describe_machine()
    print(f"{machine.model}, {machine.cpu}, {machine.cores} cores, {machine.kernel}\n")
    with device_process(PROFILE) as (port, _), tempfile.TemporaryDirectory() as folder:
        print(f"straight              {spread(pings(port, count))}", flush=True)
        sniff = [sys.executable, "-m", "neurograsp.edge_runtime.cli", "hand", "sniff", "--through"]
        sniff += ["--hand", f"{PROFILE}:{port}", "--capture", str(Path(folder) / "capture.jsonl")]
        with subprocess.Popen(sniff, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            through = process.stderr.readline().split()[1]
            print(f"with sniff between    {spread(pings(through, count))}")
            process.terminate()
            print(process.stderr.readline().strip())


if __name__ == "__main__":
    main()
