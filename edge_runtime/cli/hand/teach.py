"""`neurograsp hand teach`."""

import argparse
import os
import select
import shutil
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from neurograsp.edge_runtime.cli.hand.consent import add_moving_arguments, hand_to_move, may_move

if TYPE_CHECKING:
    from neurograsp.edge_runtime.hand_teach import Teacher

HELP = "move the joints by keys and store poses in the hand's profile; asks before it moves a real one"
EXAMPLE = "neurograsp hand teach --hand sim:claw.toml"

TICK_S = 0.02
DRAW_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_moving_arguments(parser, speed=20)
    parser.add_argument(
        "--profile",
        help="of a port with our firmware: what was built into it (default: by the name that it says)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE.toml", help="where poses go (default: the profile's own file)"
    )


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.arming import key_by_key
    from neurograsp.edge_runtime.cli.hand.lesson import lesson_of
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.files import check_writable
    from neurograsp.edge_runtime.hand_teach import FASTEST, KEYS, Teacher

    if arguments.speed > FASTEST:
        raise UsageError(f"--speed must be 1 to {FASTEST} percent")
    if sys.stdin is None:
        raise UsageError("no keys can come: standard input is closed")
    screen = _Screen()
    with hand_to_move(arguments) as hand:
        assert hand.link is not None
        lesson = lesson_of(arguments, hand)
        check_writable(lesson.out)
        lesson.try_all()
        what = f"{hand.name} will be moved by keys, at {arguments.speed} % speed."
        if not may_move(arguments, hand, what):
            return 1
        print(f"{hand.name}; poses go to {lesson.out}\n\n{KEYS}\n", flush=True)
        hand.link.arm()
        teacher = Teacher(hand.link, lesson.joints, arguments.speed, lesson.store, screen.say)
        with key_by_key(sys.stdin.fileno()):
            _teach(teacher, screen, lesson.unit)
        ours = hand.link.caps.firmware is not None
    if teacher.stored and ours:
        print(
            f"the firmware keeps its old poses until {lesson.out} is built into it (docs/porting-a-hand.md)"
        )
    return 0


def _teach(teacher: "Teacher", screen: "_Screen", unit: str) -> None:
    """Until `q`, or the end of the keys."""
    from neurograsp.edge_runtime.hand_teach import Keys

    keys = Keys()
    descriptor = sys.stdin.fileno()
    while True:
        teacher.tick()
        screen.draw(lambda: teacher.table(unit))
        came = select.select([descriptor], [], [], TICK_S)[0]
        data = os.read(descriptor, 256) if came else b""
        if came and not data:
            return
        if not all(teacher.press(key) for key in keys.feed(data)):
            return


class _Screen:
    """A table that is drawn again where it is, on a terminal; elsewhere lines alone."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._height = 0
        self._drawn_s = 0.0
        self._line = ""

    def say(self, line: str) -> None:
        self._line = line
        self._drawn_s = 0.0
        if not self._terminal:
            print(line, flush=True)

    def draw(self, table: Callable[[], list[str]]) -> None:
        if not self._terminal or time.monotonic() - self._drawn_s < DRAW_S:
            return
        width = shutil.get_terminal_size().columns - 1
        lines = [line[:width] for line in table()] + ["", *textwrap.wrap(self._line, width)]
        back = f"\x1b[{self._height}A" if self._height else ""
        print(f"{back}\r\x1b[J" + "\n".join(lines), flush=True)
        self._height, self._drawn_s = len(lines), time.monotonic()
