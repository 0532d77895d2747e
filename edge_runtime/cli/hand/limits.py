"""`neurograsp hand limits`."""

import argparse
import json

from neurograsp.edge_runtime.cli.hand.consent import HAND

HELP = "show how far and how fast each joint may go, as the hand itself says; moves nothing"
EXAMPLE = "neurograsp hand limits --hand sim"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hand", default="sim", help=HAND)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from neurograsp.edge_runtime.cli.hands import open_hand, ranges_of
    from neurograsp.edge_runtime.contract.errors import UsageError

    with open_hand(arguments.hand) as hand:
        if hand.link is None:
            raise UsageError(f"--hand {arguments.hand}: name a hand")
        joints = ranges_of(hand)
        actions = sorted(action.name for action in hand.link.caps.actions)
        name = hand.name
    if arguments.json:
        print(json.dumps({"hand": name, "joints": [asdict(joint) for joint in joints], "actions": actions}))
        return 0
    print(f"  {name}\n")
    print(f"  {'joint':<18}{'from':>7}{'to':>7}{'a second':>11}   full travel")
    for joint in joints:
        print(
            f"  {' '.join((joint.name, joint.label)):<18}{joint.low:>7}{joint.high:>7}{joint.rate:>11.0f}   "
            f"{(joint.high - joint.low) / joint.rate:.2f} s   {joint.unit}"
        )
    print(f"\n  actions: {', '.join(actions)}")
    return 0
