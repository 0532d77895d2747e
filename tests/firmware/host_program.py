"""The smallest host, for a process of its own: arms the hand, closes it slowly, and keeps the link alive.

    python tests/firmware/host_program.py PORT [idle]

With `idle` it says "here", waits for a line, begins a session, and does not arm. Says "ready" when it goes on
for ever; ends with exit code 5 and one line when the hand cannot be had or is lost.
"""

import sys
import time

from neurograsp.firmware_bridge.errors import LinkError
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import HandAction
from neurograsp.firmware_bridge.transports import open_transport

TICK_S = 0.02
SPEED = 40


def drive(url: str, idle: bool) -> None:
    if idle:
        print("here", flush=True)
        sys.stdin.readline()
    link = HandLink(open_transport(url))
    link.connect()
    if not idle:
        link.arm()
        link.act(HandAction.FIST, speed=SPEED, ttl_ms=link.caps.max_ttl_ms)
    print("ready", flush=True)
    due = time.monotonic()
    while True:
        link.service(True)
        due = max(due + TICK_S, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    try:
        drive(sys.argv[1], sys.argv[2:] == ["idle"])
    except LinkError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
