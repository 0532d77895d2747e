"""`neurograsp hand`."""

import argparse
import json

HELP = "talk to a hand without moving it"
EXAMPLE = "neurograsp hand ping --hand sim"

PINGS = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("ping",), help="ping: say hello, measure the round trip; never arms")
    parser.add_argument("--hand", default="sim", help="sim (default) or a port such as /dev/ttyACM0")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.hands import open_hand
    from neurograsp.edge_runtime.contract.errors import UsageError

    with open_hand(arguments.hand) as hand:
        if hand.link is None:
            raise UsageError(f"--hand {arguments.hand}: name a hand to ping")
        trips = sorted(hand.link.ping() for _ in range(PINGS))
        caps, status = hand.link.caps, hand.link.state
    answer = {
        "hand": hand.name,
        "firmware": ".".join(str(part) for part in caps.firmware),
        "joints": caps.joints,
        "watchdog_ms": caps.watchdog_ms,
        "actions": sorted(action.name for action in caps.actions),
        "state": status.state.name,
        "round_trip_ms": {"p50": trips[len(trips) // 2], "max": trips[-1], "n": PINGS},
    }
    if arguments.json:
        print(json.dumps(answer))
        return 0
    print(f"  hand        {answer['hand']}, firmware {answer['firmware']}, {caps.joints} joints")
    print(f"  state       {answer['state']}; stops after {caps.watchdog_ms} ms without a heartbeat")
    print(f"  round trip  p50 {trips[len(trips) // 2]:.2f} ms, max {trips[-1]:.2f} ms of {PINGS}")
    return 0
