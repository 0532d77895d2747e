"""What the tools have in common that move a hand: their options, and that a person is asked first."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.edge_runtime.cli.hands import OpenHand

HAND = "sim (default), sim:PROFILE, a port such as /dev/ttyACM0, or PROFILE:PORT of another device"


def add_moving_arguments(parser: argparse.ArgumentParser, speed: int) -> None:
    """Which hand, at most how fast, and what has been looked at."""
    parser.add_argument("--hand", default="sim", help=HAND)
    parser.add_argument(
        "--speed", type=int, default=speed, help=f"percent of the hand's rates (default {speed})"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask; somebody has looked")
    parser.add_argument(
        "--accept-no-watchdog",
        action="store_true",
        help="move a device that goes on holding when this computer or the cable dies",
    )


@contextmanager
def hand_to_move(arguments: argparse.Namespace) -> Iterator["OpenHand"]:
    """The hand of these arguments, connected, not armed; it is stopped at the end, by a signal too.

    Raises:
        UsageError: no hand, a speed that is none, or a device that would go on without this computer.
        LinkError: it is not there, is busy, or does not answer.
    """
    from neurograsp.edge_runtime.cli.hands import check_promises, open_hand
    from neurograsp.edge_runtime.cli.interrupts import stop_on_signals
    from neurograsp.edge_runtime.contract.errors import UsageError

    if not 1 <= arguments.speed <= 100:
        raise UsageError("--speed must be 1 to 100 percent")
    stop_on_signals()
    with open_hand(arguments.hand, arguments.accept_no_watchdog) as hand:
        if hand.link is None:
            raise UsageError(f"--hand {arguments.hand}: name a hand to move")
        check_promises(hand, arguments.accept_no_watchdog)
        yield hand


def may_move(arguments: argparse.Namespace, hand: "OpenHand", what: str) -> bool:
    """A simulated hand may; a real one where somebody has looked or says yes now.

    Args:
        arguments: with `hand` and `yes`.
        hand: which says what arming it moves by itself, and what it does when this computer dies.
        what: it will do then.
    """
    from neurograsp.edge_runtime.cli.hands import is_simulated

    if hand.promises is not None:
        first_move, on_link_loss = hand.promises.first_move, hand.promises.on_link_loss
        what += "" if first_move is None else f" Arming it {first_move}."
        what += f" When this computer or the cable dies it {on_link_loss}."
    return is_simulated(arguments.hand) or arguments.yes or agreed(what, "not moved")


def agreed(what: str, otherwise: str) -> bool:
    """Whether the person at the terminal has looked and says yes.

    Args:
        what: is about to happen, a sentence.
        otherwise: is said when it does not, or there is no standard input.
    """
    print(
        f"{what}\nNobody's fingers in it, a hand on the power switch? Type yes to go on: ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin is not None and sys.stdin.readline().strip().lower() == "yes":
        return True
    print(otherwise, file=sys.stderr)
    return False
