"""What Linux can give the thread of the control loop, so that it is on time beside other programs.

A priority above all ordinary threads, memory that is not paged out, and a processor to stay on. Whatever
cannot be had is told, and the loop runs without it.
"""

import ctypes
import gc
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

log = logging.getLogger(__name__)

PRIORITY = 50
"""Of 1 to 99: above ordinary threads and beside the kernel's interrupt threads."""

MCL_CURRENT, MCL_ONFAULT = 1, 4
"""Of mlockall: what is mapped now, page by page as it is touched. BrainFlow's ring alone would otherwise be
taken whole. Not MCL_FUTURE: an allocation must not fail because of a limit on locked memory."""

LIMITS = "/etc/security/limits.conf"


@dataclass(frozen=True)
class Grant:
    """Attributes:
    granted: whether it was had.
    detail: what was, or why not and the remedy.
    """

    granted: bool
    detail: str


@dataclass(frozen=True)
class Realtime:
    """What to ask for.

    Attributes:
        priority: SCHED_FIFO for the thread that asks, and locked memory.
        cpu: the processor that thread stays on; None: any.
    """

    priority: bool = False
    cpu: int | None = None

    @contextmanager
    def taken(self) -> Iterator[dict[str, Grant]]:
        """Ask once the source has started, and give all of it back at the end.

        Threads and processes that are started meanwhile run at the ordinary priority: a driver's thread that
        spins because its board is gone must not have a processor for itself.

        Yields:
            what was asked for ("priority", "memory", "cpu") and what became of it.
        """
        with ExitStack() as undo:
            grants = {}
            if self.cpu is not None:
                grants["cpu"] = _stay_on(self.cpu, undo)
            if self.priority:
                grants["memory"] = _lock_memory(undo)
                grants["priority"] = _take_priority(undo)
            for name, grant in grants.items():
                log.info("real time: %s: %s", name, grant.detail)
            yield grants


@contextmanager
def frozen_garbage() -> Iterator[None]:
    """Meanwhile the garbage collector does not search what is there now."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _take_priority(undo: ExitStack) -> Grant:
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    fifo = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    grant = _granted(
        lambda: os.sched_setscheduler(0, fifo, os.sched_param(PRIORITY)),
        f"SCHED_FIFO {PRIORITY}",
        f"allow `rtprio {PRIORITY}` in {LIMITS} (systemd: LimitRTPRIO={PRIORITY})",
    )
    if grant.granted:
        # Only a privileged thread may drop the flag again, and of an ordinary priority it changes nothing.
        undo.callback(os.sched_setscheduler, 0, policy | os.SCHED_RESET_ON_FORK, parameters)
    return grant


def _lock_memory(undo: ExitStack) -> Grant:
    libc = ctypes.CDLL(None, use_errno=True)

    def lock() -> None:
        if libc.mlockall(MCL_CURRENT | MCL_ONFAULT) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    grant = _granted(
        lock, "locked", f"allow `memlock unlimited` in {LIMITS} (systemd: LimitMEMLOCK=infinity)"
    )
    if grant.granted:
        undo.callback(libc.munlockall)
    return grant


def _stay_on(cpu: int, undo: ExitStack) -> Grant:
    before = os.sched_getaffinity(0)
    processors = ",".join(str(number) for number in sorted(before))
    grant = _granted(
        lambda: os.sched_setaffinity(0, {cpu}),
        f"stays on processor {cpu}",
        f"this process may run on {processors}",
    )
    if grant.granted:
        undo.callback(os.sched_setaffinity, 0, before)
    return grant


def _granted(take: Callable[[], None], what: str, remedy: str) -> Grant:
    try:
        take()
    except OSError as error:
        return Grant(False, f"not granted ({error.strerror}); {remedy}")
    return Grant(True, what)
