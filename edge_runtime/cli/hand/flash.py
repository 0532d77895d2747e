"""`neurograsp hand flash`."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.firmware_bridge.flash.boards import Board
    from neurograsp.firmware_bridge.profiles import Profile

HELP = "build the firmware for a board with a hand's profile, and put it there; asks before it does"
EXAMPLE = "neurograsp hand flash --board uno --port /dev/ttyACM0 --profile claw.toml --dry-run"

ANSWER_S = 4.0
"""For the boot loader to end and the firmware to answer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--board", required=True, help="uno, nano, mega or pico")
    parser.add_argument(
        "--port",
        help="serial port of the board; of a pico the folder of its drive, or none with picotool installed",
    )
    parser.add_argument(
        "--profile", default="arm", help="a file that ends in .toml, or one that ships (default arm)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="build and check, show the commands, and leave the board alone"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask; somebody has looked")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.hand.consent import agreed
    from neurograsp.edge_runtime.contract.errors import ConfigError, UsageError
    from neurograsp.firmware_bridge.flash.boards import board_named
    from neurograsp.firmware_bridge.flash.build import build_firmware, image_of
    from neurograsp.firmware_bridge.flash.upload import check_drive, check_port, plan_upload, run_upload
    from neurograsp.firmware_bridge.hands.device_profile import shipped_devices
    from neurograsp.firmware_bridge.host_firmware import cache_folder
    from neurograsp.firmware_bridge.profiles import load_profile

    board = board_named(arguments.board)
    if board.avrdude and arguments.port is None:
        raise UsageError(f"--board {board.name}: name its serial port, --port (see `neurograsp ports`)")
    if arguments.profile in shipped_devices():
        raise ConfigError(f"{arguments.profile}: has electronics of its own, and takes no firmware of ours")
    profile = load_profile(arguments.profile)
    later = arguments.dry_run and arguments.port is not None and not Path(arguments.port).exists()
    if board.avrdude and not later:
        _check_usb(board, arguments.port)
        check_port(arguments.port)
    elif arguments.port is not None and not later:
        check_drive(board, Path(arguments.port))
    upload = plan_upload(board, image_of(board, profile, cache_folder()), arguments.port)
    image = build_firmware(board, profile, cache_folder())
    print(f"  profile   {profile.name}: {', '.join(joint.name for joint in profile.joints)}")
    print(f"  board     {board.name}: {board.about}")
    print(f"  firmware  {image.n_bytes} bytes of {board.flash_bytes}: {image.path}")
    print(f"  made by   {shlex.join(image.command)}")
    print(f"  command   {shlex.join(upload)}", flush=True)
    if later:
        print(f"  port      {arguments.port} is not there now, and was not looked at")
    if arguments.dry_run:
        print("\nthe firmware was built; the board was left alone")
        return 0
    what = (
        f"The board resets and becomes the hand {profile.name}, with its limits: a hand on it loses its "
        "pulses at once, and drops what it holds."
    )
    if not arguments.yes and not agreed(what, "not flashed"):
        return 1
    try:
        run_upload(upload)
    except KeyboardInterrupt:
        print("the board may hold half a program now: flash it again", file=sys.stderr)
        raise
    if board.avrdude:
        print(f"  answers   {_answer(arguments.port, profile)}")
    else:
        print("  flashed   it answers at its serial line, which is not its USB: `neurograsp hand ping` there")
    return 0


def _check_usb(board: "Board", name: str) -> None:
    from neurograsp.edge_runtime import port_finder
    from neurograsp.firmware_bridge.flash.boards import check_usb

    for port in port_finder.list_ports():
        if port.device == str(Path(name).resolve()):
            check_usb(board, port.vid_pid, name)


def _answer(port: str, profile: "Profile") -> str:
    """Whether the hand of the profile is there now. Raises LinkError: it is not."""
    from neurograsp.edge_runtime.contract.errors import LinkError
    from neurograsp.firmware_bridge.link import HandLink
    from neurograsp.firmware_bridge.transports import SerialTransport

    transport = SerialTransport(port)
    with HandLink(transport, boot_s=transport.boot_s) as link:
        caps = link.connect(ANSWER_S)
    if (caps.name, caps.joints) != (profile.name, len(profile.joints)):
        raise LinkError(f"port {port}: the hand {caps.name} answers, not {profile.name}; flash it again")
    major, minor = caps.firmware
    return f"hand {caps.name}, firmware {major}.{minor}, {caps.joints} joints"
