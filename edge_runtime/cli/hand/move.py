"""`neurograsp hand move`."""

import argparse
import json

from neurograsp.edge_runtime.cli.hand.consent import add_moving_arguments, hand_to_move, may_move

HELP = "move a hand: grips and single joints, one after the other; asks before it moves a real one"
EXAMPLE = "neurograsp hand move OPEN GRIP 0=1400 OPEN --hand sim"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "moves", nargs="+", metavar="MOVE", help="an action, or JOINT=POSITION (`neurograsp hand limits`)"
    )
    add_moving_arguments(parser, speed=30)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between moves (default 0.5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    import time

    from neurograsp.edge_runtime.cli.hands import ranges_of
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.hand_moves import carry_out, hold, parse_moves, patience_s

    if not 0 <= arguments.pause <= 60:
        raise UsageError("--pause must be 0 to 60 seconds")
    with hand_to_move(arguments) as hand:
        assert hand.link is not None
        ranges = ranges_of(hand)
        moves = parse_moves(arguments.moves, hand.link, ranges)
        longest_s = patience_s(ranges, arguments.speed)
        what = f"{hand.name} will move: {', '.join(arguments.moves)}, at {arguments.speed} % speed."
        if not may_move(arguments, hand, what):
            return 1
        hand.link.arm()
        took = []
        for move in moves:
            took.append(carry_out(move, hand.link, arguments.speed, longest_s, time.monotonic, time.sleep))
            if not arguments.json:
                print(f"  {move.text:<16}{took[-1]:.1f} s", flush=True)
            hold(hand.link, arguments.pause, time.monotonic, time.sleep)
        name = hand.name
    if arguments.json:
        done = [{"move": move.text, "seconds": round(s, 3)} for move, s in zip(moves, took, strict=True)]
        print(json.dumps({"hand": name, "moves": done}))
    return 0
