"""`neurograsp hand ping`."""

import argparse
import json
from typing import TYPE_CHECKING

from neurograsp.edge_runtime.cli.hand.consent import HAND

if TYPE_CHECKING:
    from neurograsp.edge_runtime.cli.hands import OpenHand

HELP = "say hello and measure the round trip; never arms"
EXAMPLE = "neurograsp hand ping --hand sim"

PINGS = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hand", default="sim", help=HAND)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.hands import open_hand
    from neurograsp.edge_runtime.contract.errors import UsageError

    with open_hand(arguments.hand) as hand:
        if hand.link is None:
            raise UsageError(f"--hand {arguments.hand}: name a hand to ping")
        trips = sorted(hand.link.ping() for _ in range(PINGS))
        caps, status, on_silence = hand.link.caps, hand.link.state, _on_silence(hand)
    answer = {
        "hand": hand.name,
        "firmware": None if caps.firmware is None else ".".join(str(part) for part in caps.firmware),
        "joints": caps.joints,
        "watchdog_ms": caps.watchdog_ms,
        "actions": sorted(action.name for action in caps.actions),
        "state": status.state.name,
        "round_trip_ms": {"p50": trips[len(trips) // 2], "max": trips[-1], "n": PINGS},
    }
    if arguments.json:
        print(json.dumps(answer))
        return 0
    version = "no firmware of ours" if caps.firmware is None else f"firmware {answer['firmware']}"
    print(f"  hand        {answer['hand']}, {version}, {caps.joints} joints")
    print(f"  state       {answer['state']}; {on_silence}")
    print(f"  round trip  p50 {trips[len(trips) // 2]:.2f} ms, max {trips[-1]:.2f} ms of {PINGS}")
    return 0


def _on_silence(hand: "OpenHand") -> str:
    if hand.promises is not None and hand.promises.watchdog_s is None:
        return hand.promises.words
    assert hand.link is not None
    return f"stops after {hand.link.caps.watchdog_ms} ms without a heartbeat"
