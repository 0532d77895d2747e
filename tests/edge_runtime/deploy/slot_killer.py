"""Kills a process at each of its changes below a folder, and looks at what it has left.

A program of its own, since it forks: python slot_killer.py FOLDER
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurograsp.edge_runtime.deploy.slots import Phase, Slots
from neurograsp.edge_runtime.deploy.store import SlotStore

CHANGES = ("open", "os.rename", "os.symlink", "os.remove", "os.mkdir", "os.rmdir")
KILLED = 9


def opened(root: Path) -> SlotStore:
    return SlotStore(root, lambda: "2026-01-01T00:00:00Z")


def install(slots: SlotStore, content: bytes, end: Callable[[SlotStore, Slots], Any]) -> None:
    with slots.alone():
        state = slots.settle()
        with slots.incoming() as incoming:
            incoming.write_bytes(content)
            state = slots.put(incoming, state)
        end(slots, slots.switch(state, "ticket"))


def confirm(slots: SlotStore, trial: Slots) -> None:
    slots.confirm(trial, "well")


def give_up(slots: SlotStore, trial: Slots) -> None:
    slots.give_up(trial, "ill")


def leave(slots: SlotStore, trial: Slots) -> None:
    """As a watcher that is killed."""


def running(root: Path) -> bytes | None:
    path = root / "current"
    return path.read_bytes() if path.is_symlink() else None


def killed_at(number: int, root: Path, what: Callable[[], Any]) -> bool:
    """Do something in a process that dies just before its `number`-th change below `root`; did it die?"""
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            if event in CHANGES and any(str(root) in str(one) for one in arguments[:2]):
                seen += 1
                if seen == number:
                    os._exit(KILLED)

        try:
            sys.addaudithook(hook)
            what()
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED


def each_kill(folder: Path, end: Callable[[SlotStore, Slots], Any], first: bool) -> None:
    """It runs the old bundle or the new one, and settles to one that was good."""
    before: bytes | None = None if first else b"old"
    outcomes, number, alive = set(), 0, True
    while alive:
        number += 1
        root = folder / str(number)
        if not first:
            install(opened(root), b"old", confirm)
        alive = killed_at(number, root, lambda root=root: install(opened(root), b"new", end))
        assert running(root) in (before, b"new")
        slots = opened(root)
        with slots.alone():
            settled = slots.settle()
        assert settled.phase in (Phase.EMPTY, Phase.SETTLED)
        assert slots.current == settled.good
        assert slots.load() == settled
        assert not list(root.glob(".*"))
        outcomes.add(running(root))
    assert number > 12
    assert outcomes == ({before, b"new"} if end is confirm else {before})


def each_kill_while_it_settles(folder: Path) -> None:
    number, alive = 0, True
    while alive:
        number += 1
        root = folder / str(number)
        install(opened(root), b"old", confirm)
        install(opened(root), b"new", leave)

        def resolve(root: Path = root) -> None:
            slots = opened(root)
            with slots.alone():
                slots.settle()

        alive = killed_at(number, root, resolve)
        assert running(root) in (b"old", b"new")
        resolve()
        assert running(root) == b"old"
        assert opened(root).load().phase is Phase.SETTLED
    assert number > 4


if __name__ == "__main__":
    place = Path(sys.argv[1])
    for first in (True, False):
        for end in (confirm, give_up):
            each_kill(place / f"{end.__name__}-{first}", end, first)
    each_kill_while_it_settles(place / "settle")
