"""The slots on a board's disk.

    ROOT/a, ROOT/b      a bundle each, as an archive
    ROOT/current        symbolic link to one of them: what is run
    ROOT/state.json     `Slots`
    ROOT/return         symbolic link to the good slot, made before the switch: to go back needs no space
    ROOT/lock           locked by whoever installs or watches; the lock goes with the process

Every change is one rename, or a sequence that may be cut anywhere: `settle` finishes it.
"""

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import get_args

from neurograsp.edge_runtime import durable
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.deploy.slots import Slot, Slots
from neurograsp.edge_runtime.service.names import BUNDLE
from neurograsp.firmware_bridge.strict import decode, encode, parse_json

CURRENT = BUNDLE.name
STATE = "state.json"
RETURN = "return"
LOCK = "lock"
INCOMING = "incoming"
MAX_STATE = 2**16
LOCK_TRIES = 10
LOCK_PAUSE_S = 0.05
"""Whoever looks at the slots holds the lock for a moment."""

UNWATCHED = "nobody watched it any more: the board was switched off, or its watcher was killed"


class SlotStore:
    """Args:
    root: folder of the slots.
    now: UTC, ISO 8601.
    """

    def __init__(self, root: Path, now: Callable[[], str]) -> None:
        self.root = root
        self._now = now

    def path(self, slot: Slot) -> Path:
        """Of its archive, which need not be there."""
        return self.root / slot

    @property
    def current(self) -> Slot | None:
        """The slot that `current` names; None without one.

        Raises:
            ConfigError: `current` is no link to a slot.
        """
        path = self.root / CURRENT
        try:
            target = str(path.readlink())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{path}: is no link to a slot; move it away ({error.strerror})") from error
        for slot in get_args(Slot):
            if target == slot:
                return slot  # type: ignore[no-any-return]
        raise ConfigError(f"{path}: names {target!r}, which is no slot; move it away")

    def load(self) -> Slots:
        """What is remembered; without a file, the slot that `current` names is good.

        Raises:
            ConfigError: the file cannot be read, or is something else.
        """
        path = self.root / STATE
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_STATE + 1)
        except FileNotFoundError:
            return Slots(good=self.current)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        remedy = f"remove it, and the slot that {CURRENT} names counts as good"
        try:
            if len(raw) > MAX_STATE:
                raise ValueError("too large")
            return decode(Slots, parse_json(raw), str(path))
        except ValueError as error:
            raise ConfigError(f"{path}: damaged; {remedy} ({error})") from error
        except ConfigError as error:
            raise ConfigError(f"{error}; {remedy}") from error

    @property
    def watched(self) -> bool:
        """Whether somebody installs or watches now. Raises ConfigError where that cannot be seen."""
        try:
            with (self.root / LOCK).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        except OSError as error:
            raise ConfigError(f"{self.root / LOCK}: cannot be read: {error.strerror}") from error
        return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the slots for this process.

        Raises:
            CheckFailed: somebody else holds them.
            ConfigError: the folder cannot be made or written.
        """
        with self._named(self.root):
            with suppress(FileExistsError):
                self.root.mkdir(parents=True)
                # Whatever the umask: the service's user goes through it to what it runs.
                self.root.chmod(0o755)
            # The folder may be another user's, and this process root's: no link is followed, and whoever
            # made the file, both may lock it.
            lock = os.open(self.root / LOCK, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        with os.fdopen(lock, "rb") as file:
            with suppress(PermissionError):
                os.fchmod(lock, 0o644)
            for _ in range(LOCK_TRIES):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    time.sleep(LOCK_PAUSE_S)
            else:
                raise CheckFailed(f"{self.root}: another deployment is under way; wait for it")
            yield

    def settle(self) -> Slots:
        """Finish what was cut: a trial that nobody watches is over. To be called while `alone`.

        Raises:
            ConfigError: `state.json` or `current` is not ours, or nothing can be written.
        """
        slots = self.load()
        if slots.trial is not None:
            slots = self.give_up(slots, UNWATCHED)
        elif self.current != slots.good:
            with self._named(self.root):
                self._point(slots.good)
        with self._named(self.root):
            for name in (CURRENT, STATE, RETURN, INCOMING):
                for left in self.root.glob(f".{name}-*"):
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
        return slots

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """A file for an archive on its way; gone afterwards unless it was `put`. Raises ConfigError."""
        with self._named(self.root):
            handle, name = tempfile.mkstemp(prefix=f".{INCOMING}-", dir=self.root)
            os.fchmod(handle, 0o644)
            os.close(handle)
            path = Path(name)
        try:
            yield path
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def put(self, incoming: Path, slots: Slots) -> Slots:
        """An archive becomes the spare slot's content, of which nothing good is known. Raises ConfigError."""
        unknown = replace(slots, spare_was_good=False)
        spare = self.path(slots.spare)
        with self._named(spare):
            durable.sync(incoming)
            if unknown != slots:
                self._remember(unknown)
            durable.move(incoming, spare)
        return unknown

    def switch(self, slots: Slots, ticket: str) -> Slots:
        """The spare slot becomes what is run. Raises ConfigError, and then nothing is on trial."""
        switched = slots.switch(ticket)
        try:
            with self._named(self.root):
                if slots.good is not None:
                    durable.link(self.root / RETURN, slots.good)
                self._remember(switched)
                self._point(switched.trial)
        except ConfigError:
            with suppress(ConfigError, OSError):
                self.give_up(switched, "the switch failed")
            raise
        return switched

    def confirm(self, slots: Slots, reason: str) -> Slots:
        """What is on trial is good from now on. Raises ConfigError, and then it is on trial still."""
        confirmed = slots.confirm(reason, self._now())
        with self._named(self.root):
            self._remember(confirmed)
        with suppress(OSError):
            durable.remove(self.root / RETURN)
        return confirmed

    def go_back(self, slots: Slots) -> None:
        """The good slot is what is run next; on trial it stays, until `give_up`. Raises ConfigError."""
        with self._named(self.root):
            self._point(slots.good)

    def give_up(self, slots: Slots, reason: str) -> Slots:
        """Back to the good slot: first the link, then the memory. Raises ConfigError."""
        settled = slots.give_up(reason, self._now())
        self.go_back(settled)
        with self._named(self.root):
            self._remember(settled)
        return settled

    def _point(self, slot: Slot | None) -> None:
        current = self.root / CURRENT
        if self.current == slot:
            return
        if slot is None:
            durable.remove(current)
            return
        ready = self.root / RETURN
        if ready.is_symlink() and str(ready.readlink()) == slot:
            durable.move(ready, current)
        else:
            durable.link(current, slot)

    def _remember(self, slots: Slots) -> None:
        durable.write(self.root / STATE, json.dumps(encode(slots), indent=1).encode() + b"\n")

    @contextmanager
    def _named(self, path: Path) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise ConfigError(
                f"{path}: cannot be written by this user; as root: install -d -o USER {self.root}"
            ) from error
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error
