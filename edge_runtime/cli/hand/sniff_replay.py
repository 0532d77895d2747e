"""`neurograsp hand sniff --replay`."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.firmware_bridge.sniff.capture import Capture, Heard
    from neurograsp.firmware_bridge.sniff.pieces import Side
    from neurograsp.firmware_bridge.sniff.player import Player

POLL_S = 0.02
PTY = "pty"


def replay(arguments: argparse.Namespace) -> None:
    """Show a capture, and say one side of it again where that was asked for.

    Raises:
        ConfigError: no such file, no capture, or nothing in it of the side to say.
        UsageError: what hears it would go on when it ends, and that was not accepted, or could not use it.
        LinkError: the port cannot be opened, or was lost.
    """
    from neurograsp.edge_runtime.cli.hand.sniff_lines import Printer
    from neurograsp.firmware_bridge.sniff.capture import Capture

    with Capture(arguments.replay) as capture:
        printer = Printer(capture.about.kind, arguments.json, arguments.hex)
        for heard in capture if arguments.to is None else _said_again(arguments, capture):
            printer.show(heard)
        printer.end()
        print(printer.summary(), file=sys.stderr)
        if capture.cut:
            print(f"{arguments.replay}: its last line is cut off, and left out", file=sys.stderr)


def _said_again(arguments: argparse.Namespace, capture: "Capture") -> "Iterator[Heard]":
    """One side's words, to a port, with what comes back. Whatever side's they are, a device may move."""
    from neurograsp.edge_runtime.cli.hand.consent import agreed
    from neurograsp.edge_runtime.contract.errors import CheckFailed, UsageError
    from neurograsp.firmware_bridge.sniff.pieces import Side
    from neurograsp.firmware_bridge.sniff.player import Player
    from neurograsp.firmware_bridge.sniff.readers import OWN_FIRMWARE
    from neurograsp.firmware_bridge.sniff.tap import Pty, PtyTransport
    from neurograsp.firmware_bridge.transports import SerialTransport

    about = capture.about
    side = Side(arguments.side or ("device" if arguments.to == PTY else "host"))
    if side is Side.DEVICE and about.kind == OWN_FIRMWARE:
        raise UsageError(
            f"--to {arguments.to}: whoever speaks to our firmware begins a session of its own, and leaves "
            "the answers of another one; --hand sim is a hand to try a program with"
        )
    _check_says(arguments.replay, side)
    if arguments.to == PTY:
        with Pty() as program:
            print(f"open {program.port} in the other program", file=sys.stderr, flush=True)
            while not program.taken:
                time.sleep(POLL_S)
            yield from _played(Player(capture, side, PtyTransport(program)))
        return
    if not arguments.accept_no_watchdog:  # whatever the capture says that it is of: who knows what is there
        raise UsageError(
            f"--to {arguments.to}: what takes the {side.value}'s words for its own may go on with its last "
            "goal when the capture ends; --accept-no-watchdog says them all the same"
        )
    what = (
        f"{arguments.to} will be told all that the {side.value} said in {arguments.replay} ({about.kind}): "
        "what hears it may move at once, from wherever it stands, and nothing looks at its faults."
    )
    if not arguments.yes and not agreed(what, "nothing sent"):
        raise CheckFailed("nobody has said yes")
    transport = SerialTransport(arguments.to, about.baud)
    try:
        time.sleep(transport.boot_s)  # a boot loader that hears something stays
        transport.read()
        yield from _played(Player(capture, side, transport))
    finally:
        transport.close()


def _check_says(path: Path, side: "Side") -> None:
    """Raises ConfigError for a capture in which that side says nothing."""
    from neurograsp.edge_runtime.contract.errors import ConfigError
    from neurograsp.firmware_bridge.sniff.capture import Capture
    from neurograsp.firmware_bridge.sniff.pieces import Side

    beside = False
    with Capture(path) as capture:
        for heard in capture:
            if heard.side is side and heard.data:
                return
            beside = beside or heard.side is Side.EITHER
    why = ": heard beside the line; capture with --through" if beside else ""
    raise ConfigError(f"{path}: holds nothing of the {side.value}{why}")


def _played(player: "Player") -> "Iterator[Heard]":
    yield from player.play()
    print(f"said {player.said} bytes, the latest {player.latest_s * 1000:.1f} ms late", file=sys.stderr)
