"""The board's end of a deployment: takes an archive, tests it, switches, watches, and goes back by itself.

All of this is one process that ssh started. Until the switch it ends with the link, and nothing has changed.
At the switch it lets go of the link: what it does then it does alone, with the store locked. If it is killed,
the lock goes with it, and `slot resolve` at the service's next start goes back.
"""

import hashlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neurograsp.edge_runtime.contract.errors import BundleError, CheckFailed, ConfigError, NeurograspError
from neurograsp.edge_runtime.deploy.archive import file_sha256
from neurograsp.edge_runtime.deploy.pipe import Pipe, PipeClosed
from neurograsp.edge_runtime.deploy.protocol import (
    PROTOCOL,
    AskStatus,
    BoardStatus,
    Ended,
    Hello,
    Install,
    Rollback,
    Step,
    Switch,
    Terms,
    ToBoard,
    read_line,
    to_line,
)
from neurograsp.edge_runtime.deploy.selftest import SelfTest
from neurograsp.edge_runtime.deploy.service import Service
from neurograsp.edge_runtime.deploy.slots import Slots
from neurograsp.edge_runtime.deploy.status import board_status
from neurograsp.edge_runtime.deploy.store import UNWATCHED, SlotStore
from neurograsp.edge_runtime.deploy.trial import Verdict, start_anew, surprised, try_out

LINK_S = 60.0
"""Whoever is silent for so long is gone; an ssh that was cut may not say so for hours."""

CHUNK = 2**16
SPARE_BYTES = 2**20


def let_go_of_ssh() -> None:
    """Signals that tell of a lost link count no more."""
    with suppress(PermissionError):
        os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


Test = Callable[[Path, Terms], SelfTest]


@dataclass
class Board:
    """Args:
    pipe: to the workstation.
    store: the slots.
    service: what runs them.
    test: a bundle, before the switch.
    let_go: of the link, before the switch.
    clock, sleep: of the watch.
    """

    pipe: Pipe
    store: SlotStore
    service: Service
    test: Test
    let_go: Callable[[], None] = let_go_of_ssh
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _alone: bool = False

    def serve(self) -> None:
        """One request. Raises PipeClosed, TimeoutError: the link is gone, and nothing was changed."""
        self._send(Hello("hello", PROTOCOL, version("neurograsp")))
        try:
            request = self._receive()
            ended = self._do(request)
        except NeurograspError as error:
            ended = Ended("ended", "refused", str(error), isinstance(error, BundleError), self._status(False))
        self._send(ended)

    def _do(self, request: AskStatus | Install | Rollback | Switch) -> Ended:
        if isinstance(request, AskStatus):
            status = board_status(self.store, self.service, self.store.watched)
            return Ended("ended", "status", "", False, status)
        if isinstance(request, Switch):
            raise CheckFailed("nothing to switch to")
        with self.store.alone():
            self.service.check(self.store.root)
            slots = self._settled(request.terms)
            if isinstance(request, Rollback):
                return self._roll_back(slots, request)
            return self._install(slots, request)

    def _settled(self, terms: Terms) -> Slots:
        """A trial that nobody watched is over once the service has left it too; so long it is remembered."""
        slots = self.store.load()
        if slots.trial is not None:
            self._refuse_armed(terms)
            self._say("returning", f"slot {slots.trial} was on trial, and {UNWATCHED}")
            back = self._go_back(slots, terms, terms.while_armed)
            if back.restart == "failed":
                raise CheckFailed(f"slot {slots.trial} is on trial, and may run: {back.reason}")
            self._say("returned", f"to {slots.good or 'no bundle'}: {back.reason}")
        return self.store.settle()

    def _install(self, slots: Slots, request: Install) -> Ended:
        if slots.good is not None and file_sha256(self.store.path(slots.good)) == request.archive_sha256:
            reason = f"slot {slots.good} holds this bundle already"
            return Ended("ended", "unchanged", reason, False, self._status(False))
        self._refuse_armed(request.terms)
        self._say("ready", self._armed_note())
        with self.store.incoming() as incoming:
            self._take(incoming, request)
            self._say("received", f"{request.size} bytes, SHA-256 as sent")
            tested = self._tested(incoming, request.terms)
            if tested.bundle_sha256 != request.bundle_sha256:
                raise BundleError("another bundle arrived than was announced")
            self._await_switch(request.terms)
            slots = self.store.put(incoming, slots)
        return self._try_spare(slots, request)

    def _roll_back(self, slots: Slots, request: Rollback) -> Ended:
        spare = self.store.path(slots.spare)
        if slots.good is None or not spare.is_file():
            raise CheckFailed("there is no other bundle on this board to go back to")
        if not slots.spare_was_good:
            raise CheckFailed(
                f"what is in slot {slots.spare} was never confirmed: deploy what you want instead"
            )
        self._refuse_armed(request.terms)
        self._tested(spare, request.terms)
        self._await_switch(request.terms)
        return self._try_spare(slots, request)

    def _tested(self, archive: Path, terms: Terms) -> SelfTest:
        tested = self.test(archive, terms)
        self._say("tested", str(tested))
        return tested

    def _await_switch(self, terms: Terms) -> None:
        if not isinstance(self._receive(), Switch):
            raise CheckFailed("expected to be told to switch")
        # The self-test took seconds: whoever armed meanwhile is not to be surprised.
        self._refuse_armed(terms)

    def _try_spare(self, slots: Slots, request: Install | Rollback) -> Ended:
        self.let_go()
        self._alone = True
        trial = self.store.switch(slots, request.ticket)
        try:
            self._say("switched", f"slot {trial.trial} is on trial")
            tried = self._judge(request.terms, request.terms.while_armed)
            refused = self._confirm(trial, tried.reason) if tried.healthy else tried.reason
        except BaseException as error:
            self.store.go_back(trial)
            left = start_anew(self.service, self.service.look(), request.terms.while_armed)
            if left is None or left.restart == "none":
                self.store.give_up(trial, f"the watcher failed: {error!r}")
            raise
        if refused is None:
            return Ended("ended", "confirmed", tried.reason, False, self._status(False))
        reason = self._return(trial, tried, refused, request.terms)
        fault = not tried.healthy and tried.restart == "done"
        return Ended("ended", "returned", reason, fault, self._status(False))

    def _confirm(self, trial: Slots, reason: str) -> str | None:
        """Why it cannot be; None: it is."""
        try:
            self.store.confirm(trial, reason)
        except ConfigError as error:
            return f"cannot be confirmed: {error}"
        return None

    def _return(self, trial: Slots, tried: Verdict, reason: str, terms: Terms) -> str:
        """The reason, and what runs now."""
        self._say("returning", reason)
        try:
            # What is not healthy is left whoever armed it meanwhile: the restart stops the hand.
            armed_too = terms.while_armed or (not tried.healthy and tried.restart == "done")
            back = self._go_back(trial, terms, armed_too, ended_too=tried.restart != "none")
            if back.restart == "failed":
                return f"{reason}; on trial it stays, and what runs now may be it: {back.reason}"
            if back.restart == "none":
                reason += f"; {back.reason}"
            elif trial.good is None:
                reason += "; there was no bundle before, and there is none now"
            elif back.healthy:
                reason += f"; the old bundle runs again ({back.reason})"
            else:
                reason += f"; the old one is not healthy either ({back.reason})"
            self.store.give_up(trial, reason)
        except ConfigError as error:
            reason += f"; the way back could not be noted: {error}"
        return reason

    def _go_back(self, trial: Slots, terms: Terms, armed_too: bool, ended_too: bool = False) -> Verdict:
        """First the link and then the service, unless that was stopped. What is left is to note it.

        Raises ConfigError.
        """
        self.store.go_back(trial)
        if trial.good is not None:
            return self._judge(terms, armed_too, ended_too)
        # Nothing is there to become healthy, and what did not must not go on running.
        stays = start_anew(self.service, self.service.look(), armed_too, ended_too)
        return stays or Verdict(False, "there is no bundle")

    def _judge(self, terms: Terms, armed_too: bool, ended_too: bool = False) -> Verdict:
        times = (terms.settle_s, terms.trial_s)
        return try_out(self.service, *times, self.clock, self.sleep, armed_too, ended_too)

    def _take(self, incoming: Path, request: Install) -> None:
        free, needed = shutil.disk_usage(incoming.parent).free, request.size + SPARE_BYTES
        if free < needed:
            raise CheckFailed(f"{self.store.root}: {free / 1e6:.1f} MB free, {needed / 1e6:.1f} are needed")
        digest, left = hashlib.sha256(), request.size
        try:
            with incoming.open("wb") as file:
                while left:
                    data = self.pipe.receive_bytes(min(CHUNK, left), LINK_S)
                    digest.update(data)
                    file.write(data)
                    left -= len(data)
        except TimeoutError:
            raise
        except OSError as error:
            raise CheckFailed(f"{self.store.root}: cannot be written: {error.strerror}") from error
        if digest.hexdigest() != request.archive_sha256:
            raise CheckFailed("the archive changed on its way; deploy again")

    def _refuse_armed(self, terms: Terms) -> None:
        if not terms.while_armed and (why := surprised(self.service.look())):
            raise CheckFailed(why)

    def _armed_note(self) -> str:
        look = self.service.look()
        if look.state == "stopped":
            return f"{self.service.name}: {look.detail}; it stays stopped"
        known = {True: "armed", False: "not armed", None: "not known to be armed or not"}[look.armed]
        return f"{self.service.name}: {look.detail}; the hand is {known}, and disarmed after the restart"

    def _status(self, watched: bool) -> BoardStatus | None:
        with suppress(NeurograspError):
            return board_status(self.store, self.service, watched)
        return None

    def _say(self, step: str, detail: str) -> None:
        self._send(Step("step", step, detail))

    def _send(self, message: Any) -> None:
        try:
            self.pipe.send(to_line(message), LINK_S)
        except (PipeClosed, TimeoutError):
            if not self._alone:
                raise

    def _receive(self) -> AskStatus | Install | Rollback | Switch:
        return read_line(ToBoard, self.pipe.receive(LINK_S), "request").line
