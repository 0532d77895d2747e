"""`neurograsp hand soak`."""

import argparse
import json
from typing import Any

from neurograsp.edge_runtime.cli.hand.consent import add_moving_arguments, hand_to_move, may_move

HELP = "move a hand at random within its limits for a long time, and count what goes wrong; asks first"
EXAMPLE = "neurograsp hand soak --hand sim --seconds 60"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_moving_arguments(parser, speed=50)
    parser.add_argument("--seconds", type=float, default=3600, help="how long (default an hour)")
    parser.add_argument("--seed", type=int, default=0, help="of the random moves (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    import random
    import time
    from dataclasses import asdict

    from neurograsp.edge_runtime.contract.errors import NeurograspError, UsageError
    from neurograsp.edge_runtime.hand_moves import carry_out, patience_s, random_move

    if not 0 < arguments.seconds <= 30 * 86_400:
        raise UsageError("--seconds must be more than 0, and at most 30 days")
    rng = random.Random(arguments.seed)  # noqa: S311
    failure: BaseException | None = None
    moves, hottest = 0, dict[int, int]()
    with hand_to_move(arguments) as hand:
        assert hand.link is not None
        what = f"{hand.name} will move at random for {arguments.seconds:g} s, at {arguments.speed} % speed."
        if not may_move(arguments, hand, what):
            return 1
        ranges = hand.link.ranges()
        longest_s = patience_s(ranges, arguments.speed)
        hand.link.arm()
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < arguments.seconds:
                move = random_move(rng, hand.link, ranges)
                carry_out(move, hand.link, arguments.speed, longest_s, time.monotonic, time.sleep)
                moves += 1
                for place, celsius in hand.link.state.temperatures_c.items():
                    hottest[place] = max(celsius, hottest.get(place, celsius))
        except (KeyboardInterrupt, NeurograspError) as error:
            failure = error  # the figures until then are what a person wants to see
        report = {
            "hand": hand.name,
            "seconds": round(time.monotonic() - begun, 1),
            "moves": moves,
            "link": asdict(hand.link.stats),
            "hottest_c": {ranges[place].name: celsius for place, celsius in sorted(hottest.items())},
        }
    print(json.dumps(report) if arguments.json else _render(report))
    if failure is not None:
        raise failure
    return 0


def _render(report: dict[str, Any]) -> str:
    link = report["link"]
    rtt = "-" if link["rtt_ms_p50"] is None else f"{link['rtt_ms_p50']:.1f}/{link['rtt_ms_p99']:.1f} ms"
    lines = [
        f"  hand          {report['hand']}",
        f"  moves         {report['moves']} in {report['seconds']:g} s",
        f"  link          {link['sent']} sent, {link['acked']} answered, {link['retries']} retries, "
        f"{link['unanswered']} without an answer, {link['bad_frames']} broken, round trip p50/p99 {rtt}",
    ]
    if report["hottest_c"]:
        warm = ", ".join(f"{name} {celsius}" for name, celsius in report["hottest_c"].items())
        lines.append(f"  hottest       {warm} degrees Celsius")
    return "\n".join(lines)
