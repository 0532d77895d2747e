"""Run a command that ends when its parent does, however that ended: `python -m ... PARENT_PID COMMAND...`.

A search that is killed must leave no training behind that would go on beside the next one.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal for this process when its parent ends; kept across execve. Linux only."""


def main(parent: int, command: list[str]) -> None:
    """Become `command`, unless the parent has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
