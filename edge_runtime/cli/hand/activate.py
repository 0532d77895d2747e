"""`neurograsp hand activate`."""

import argparse

HELP = "activate a gripper of Robotiq's, which opens and closes all the way for it; asks first"
EXAMPLE = "neurograsp hand activate --hand robotiq_2f85:/dev/ttyUSB0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hand", required=True, help="PROFILE:PORT of the gripper")
    parser.add_argument("--yes", action="store_true", help="do not ask; somebody has looked")
    parser.add_argument("--again", action="store_true", help="also when it is activated and has no fault")


def run(arguments: argparse.Namespace) -> int:
    from contextlib import closing

    from neurograsp.edge_runtime.cli.hand.consent import agreed
    from neurograsp.edge_runtime.cli.hands import device_of
    from neurograsp.edge_runtime.cli.interrupts import stop_on_signals
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.firmware_bridge.hands.device_profile import load_device
    from neurograsp.firmware_bridge.hands.open_device import open_device
    from neurograsp.firmware_bridge.hands.robotiq.driver import RobotiqDevice

    which = device_of(arguments.hand)
    profile = None if which is None else load_device(which[0])
    if which is None or profile is None or profile.kind != "robotiq":
        raise UsageError(f"--hand {arguments.hand}: only Robotiq's grippers are activated")
    stop_on_signals()
    with closing(open_device(profile, which[1])) as device:
        assert isinstance(device, RobotiqDevice)
        print(f"  {device.identify(3.0)}")
        if device.ready and not arguments.again:
            return 0
        what = f"{arguments.hand} will open and close all the way, and drops what it holds."
        if not arguments.yes and not agreed(what, "not activated"):
            return 1
        device.activate()
    print("  activated")
    return 0
