"""`neurograsp hand sniff`."""

import argparse
import math
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.edge_runtime.cli.hand.sniff_lines import Printer
    from neurograsp.firmware_bridge.sniff.capture import About, CaptureWriter, Heard
    from neurograsp.firmware_bridge.sniff.tap import Tap

HELP = (
    "show what goes over the line to a hand, keep it in a file, and play it again; by itself it sends nothing"
)
EXAMPLE = "neurograsp hand sniff --hand sts_fingers:/dev/ttyUSB0 --through --capture bus.jsonl"

POLL_S = 0.02
SWITCH_S = 0.0001
"""The thread that passes bytes on waits no longer for this one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--hand", help="a port with our firmware, PROFILE:PORT of another device, or sim")
    what.add_argument("--replay", type=Path, metavar="CAPTURE", help="show a capture again")
    parser.add_argument(
        "--through",
        action="store_true",
        help="stand between the device and another program, which opens the port that is named then; without "
        "it both sides are heard on one wire",
    )
    parser.add_argument("--baud", type=int, help="of the line (default: the profile's)")
    parser.add_argument("--capture", type=Path, metavar="FILE", help="keep it in a new file")
    parser.add_argument("--seconds", type=float, help="end after so long")
    parser.add_argument(
        "--to",
        metavar="PORT",
        help="with --replay: say one side again, with its pauses, to this port; pty: to "
        "whichever program opens the port that is named then",
    )
    parser.add_argument(
        "--side",
        choices=("host", "device"),
        help="of --to: whose words (default: the host's, to a pty the device's)",
    )
    parser.add_argument("--yes", action="store_true", help="of --to: do not ask; somebody has looked")
    parser.add_argument(
        "--accept-no-watchdog",
        action="store_true",
        help="wanted by --to PORT: what hears the capture may go on with its last goal when that ends",
    )
    parser.add_argument("--hex", action="store_true", help="show the bytes of every packet too")
    parser.add_argument("--json", action="store_true", help="print one JSON object a packet")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError

    if arguments.seconds is not None and not arguments.seconds > 0:
        raise UsageError("--seconds must be positive")
    if arguments.replay is None:
        if arguments.to is not None or arguments.side is not None:
            raise UsageError("--to, --side: with --replay CAPTURE")
        _live(arguments)
    else:
        if arguments.through or arguments.capture or arguments.baud or arguments.seconds:
            raise UsageError("--through, --capture, --baud, --seconds: with --hand HAND, not with --replay")
        if arguments.to is None and arguments.side is not None:
            raise UsageError("--side: with --to PORT")
        from neurograsp.edge_runtime.cli.hand.sniff_replay import replay

        replay(arguments)
    return 0


def _live(arguments: argparse.Namespace) -> None:
    from neurograsp.edge_runtime.cli.hand.sniff_lines import Printer
    from neurograsp.edge_runtime.cli.interrupts import interrupts
    from neurograsp.firmware_bridge.sniff.capture import CaptureWriter
    from neurograsp.firmware_bridge.sniff.tap import Pty, Tap
    from neurograsp.firmware_bridge.transports import SerialTransport

    with ExitStack() as stack:
        about = stack.enter_context(_line_of(arguments))
        transport = SerialTransport(about.port, about.baud)
        stack.callback(transport.close)
        program = stack.enter_context(Pty()) if arguments.through else None
        writer = None
        if arguments.capture is not None:
            writer = stack.enter_context(CaptureWriter(arguments.capture, about))
        printer = Printer(about.kind, arguments.json, arguments.hex)
        interrupted = stack.enter_context(interrupts())
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(SWITCH_S)
        where = f"{about.port} ({about.kind}, {about.baud} baud)"
        if program is None:
            said = f"listening on {where}; Ctrl-C ends"
        else:
            time.sleep(transport.boot_s)  # a boot loader that hears something stays
            said = (
                f"open {program.port} in the other program, which leads to {where}; Ctrl-C ends, and cuts it"
            )
        print(said, file=sys.stderr, flush=True)
        with Tap(transport.fileno(), about.port, program) as tap:
            while tap.running and not interrupted() and tap.seconds < (arguments.seconds or math.inf):
                writer = _show(tap, printer, writer)
                time.sleep(POLL_S)
        _show(tap, printer, writer)
        printer.end()
        print(printer.summary(), file=sys.stderr)
    if tap.failure is not None:
        raise tap.failure
    if interrupted():
        raise KeyboardInterrupt


def _show(tap: "Tap", printer: "Printer", writer: "CaptureWriter | None") -> "CaptureWriter | None":
    """Show and keep what was heard; None once the capture is full, or cannot be written."""
    now = tap.seconds  # what comes while this is shown completes what has begun
    for heard in tap.take():
        printer.show(heard)
        if writer is not None and (ended := _keep(writer, heard)):
            print(f"{ended}: the capture ends here; the line goes on", file=sys.stderr)
            writer = None
    printer.quiet(now)
    return writer


def _keep(writer: "CaptureWriter", heard: "Heard") -> str:
    """Why it could not be kept; empty where it was."""
    from neurograsp.edge_runtime.contract.errors import ConfigError

    try:
        return "" if writer.add(heard) else "the file is full"
    except ConfigError as error:
        return str(error)


@contextmanager
def _line_of(arguments: argparse.Namespace) -> "Iterator[About]":
    """The line that `--hand` names; the simulated hand lives as long."""
    from neurograsp.edge_runtime.cli.hands import device_of, is_simulated
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.firmware_bridge.hands.device_profile import BAUD as BAUDS
    from neurograsp.firmware_bridge.hands.device_profile import load_device
    from neurograsp.firmware_bridge.hands.open_device import USUAL_BAUD
    from neurograsp.firmware_bridge.host_firmware import SimulatedHand
    from neurograsp.firmware_bridge.sniff.capture import About
    from neurograsp.firmware_bridge.sniff.readers import OWN_FIRMWARE
    from neurograsp.firmware_bridge.transports import BAUD

    asked = arguments.baud
    if asked is not None and not BAUDS[0] <= asked <= BAUDS[1]:
        raise UsageError(f"--baud must be {BAUDS[0]} to {BAUDS[1]}")
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    if is_simulated(arguments.hand):
        if not arguments.through:
            raise UsageError("--hand sim: nobody speaks to it but through here; add --through")
        with SimulatedHand(
            profile=arguments.hand.removeprefix("sim").removeprefix(":") or "arm"
        ) as simulated:
            yield About(OWN_FIRMWARE, simulated.url, BAUD, now)
        return
    device = device_of(arguments.hand)
    if device is None:
        yield About(OWN_FIRMWARE, arguments.hand, asked or BAUD, now)
        return
    profile = load_device(device[0])
    yield About(profile.kind, device[1], asked or profile.baud or USUAL_BAUD[profile.kind], now)
