"""What is asked of the operating system, by the command line."""

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.edge_runtime.realtime import Realtime


def add_realtime(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpu", type=int, metavar="N", help="keep the control loop on this processor")
    parser.add_argument(
        "--no-realtime",
        action="store_true",
        help="do not ask for real-time priority and locked memory, which otherwise are used where permitted",
    )


def realtime_of(arguments: argparse.Namespace) -> "Realtime":
    """Raises UsageError when this process may not run on the processor of `--cpu`."""
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.realtime import Realtime

    allowed = sorted(os.sched_getaffinity(0))
    if arguments.cpu is not None and arguments.cpu not in allowed:
        raise UsageError(f"--cpu {arguments.cpu}: this process may run on {', '.join(map(str, allowed))}")
    return Realtime(not arguments.no_realtime, arguments.cpu)
