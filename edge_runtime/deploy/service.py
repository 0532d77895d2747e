"""The service that runs a board's bundle: looked at, and started anew. It decides nothing."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.run_summary import RuntimeState
from neurograsp.edge_runtime.service.names import BUNDLE

State = Literal["up", "starting", "down", "ended", "stopped"]

LOOK_S = 10.0
RESTART_S = 60.0
UNIT_STATES: dict[str, State] = {"active": "up", "failed": "down", "inactive": "stopped"}
RUNNING = ("active", "deactivating", "reloading", "refreshing")
"""What StatusText says is of a process that is there. Between two starts it is of the one before."""
ENDED_WELL = (str(os.CLD_EXITED), "0")
"""ExecMainCode and ExecMainStatus. What is stopped ends by a signal, or with the 130 of `neurograsp run`."""
SHELL_CANNOT = 126
"""From here on a shell says that it could not run the command at all."""


@dataclass(frozen=True)
class Look:
    """The service at one moment.

    Attributes:
        state: `stopped`: nobody wants it to run. `down`: it should run and does not, for good. `ended`: it
            did what it was to do, and has ended by itself.
        run: changes with each start; empty where that is not known.
        armed: whether the hand is; None where the service does not say.
        detail: for people.
        answered: False: it could not be asked, and the hand may well be armed.
    """

    state: State
    run: str
    armed: bool | None
    detail: str
    answered: bool = True


class Service(Protocol):
    name: str

    def check(self, root: Path) -> None:
        """Raises CheckFailed where it is known to run something else than `current` of these slots."""

    def look(self) -> Look: ...

    def restart(self) -> None:
        """Raises CheckFailed where it cannot be started anew."""


class NoService:
    """Nothing is restarted: whoever runs `current` next runs the new bundle."""

    name = "none"

    def check(self, root: Path) -> None:
        """It runs nothing."""

    def look(self) -> Look:
        return Look("stopped", "", None, "no service is named")

    def restart(self) -> None:
        """Nothing to do."""


class SystemdUnit:
    """Args:
    name: of the unit. With Type=notify it is up once its control loop has done a healthy tick.
    booted: a folder that is there where systemd runs the machine (sd_booted(3)).
    """

    def __init__(self, name: str, booted: Path = Path("/run/systemd/system")) -> None:
        self.name = name
        self._booted = booted

    def check(self, root: Path) -> None:
        if not self._booted.is_dir():
            return
        done = call(("systemctl", "show", "--property", "LoadState,ExecStart", "--", self.name), LOOK_S)
        if done.returncode != 0:
            raise CheckFailed(f"{self.name}: {last_line(done) or 'systemctl cannot be asked'}")
        if not starts(done.stdout, root):
            raise CheckFailed(
                f"{self.name} does not run {root.absolute() / BUNDLE.name}, and would not try what is "
                "deployed there: name the folder of its slots with --root, or another --service (none: "
                "nothing is restarted)"
            )

    def look(self) -> Look:
        if not self._booted.is_dir():
            return Look("stopped", "", None, "no systemd runs this machine")
        properties = (
            "LoadState,ActiveState,SubState,Result,InvocationID,StatusText,ExecMainCode,ExecMainStatus"
        )
        done = call(("systemctl", "show", "--property", properties, "--", self.name), LOOK_S)
        if done.returncode != 0:
            detail = last_line(done) or "systemctl cannot be asked"
            return Look("starting", "", None, detail, answered=False)
        return read_unit(done.stdout)

    def restart(self) -> None:
        # Without this a unit that failed too often is not started again.
        self._systemctl("reset-failed")
        done = self._systemctl("restart", "--no-block")
        if done.returncode != 0:
            raise CheckFailed(
                f"{self.name} cannot be restarted by this user ({last_line(done)}); allow it in sudoers, or "
                "deploy as root"
            )

    def _systemctl(self, *words: str) -> "subprocess.CompletedProcess[str]":
        sudo = () if os.geteuid() == 0 else ("sudo", "--non-interactive")
        return call((*sudo, "systemctl", *words, "--", self.name), RESTART_S)


def starts(text: str, root: Path) -> bool:
    """Whether a unit, as `systemctl show` printed it, names `current` of these slots, or is not there."""
    facts = dict(line.partition("=")[::2] for line in text.splitlines())
    if facts.get("LoadState") != "loaded":
        return True
    named = {re.escape(str(folder / BUNDLE.name)) for folder in (root.absolute(), root.resolve())}
    return re.search(rf"[\s='\"]({'|'.join(named)})(['\"\s]|$)", facts.get("ExecStart", "")) is not None


def read_unit(text: str) -> Look:
    """What `systemctl show` printed."""
    facts = dict(line.partition("=")[::2] for line in text.splitlines())
    active, status = facts.get("ActiveState", ""), printable(facts.get("StatusText", ""))
    detail = f"{active} ({facts.get('SubState', '')})"
    if facts.get("Result", "success") != "success":
        detail += f", {facts['Result']}"
    if status:
        detail += f": {status}"
    if facts.get("LoadState") != "loaded":
        return Look("stopped", "", None, f"no such unit ({facts.get('LoadState', 'unknown')})")
    state = UNIT_STATES.get(active, "starting")
    if state == "stopped" and (facts.get("ExecMainCode"), facts.get("ExecMainStatus")) == ENDED_WELL:
        state = "ended"
    armed = _armed(status) if active in RUNNING else None
    return Look(state, facts.get("InvocationID", ""), armed, detail)


def _armed(status: str) -> bool | None:
    word = status.split()[0].strip(",:;").lower() if status.split() else ""
    return word == RuntimeState.ARMED.value if word in {one.value for one in RuntimeState} else None


class Commands:
    """A service under whatever else starts programs.

    Args:
        restart: command line for the shell.
        health: another one; 0: up. What it prints begins with the runtime's state, if it knows that.
    """

    def __init__(self, restart: str, health: str) -> None:
        self.name = restart
        self._health = health

    def check(self, root: Path) -> None:
        """What these command lines start is for whoever wrote them to know."""

    def look(self) -> Look:
        done = call(("sh", "-c", self._health), LOOK_S)
        said = last_line(done)
        if done.returncode == 0:
            return Look("up", "", _armed(said), said or "healthy")
        if done.returncode >= SHELL_CANNOT:
            said = f"the health command cannot be run: {said}"
            return Look("starting", "", None, said, answered=False)
        return Look("starting", "", _armed(said), said or f"not healthy (exit {done.returncode})")

    def restart(self) -> None:
        done = call(("sh", "-c", self.name), RESTART_S)
        if done.returncode != 0:
            said = last_line(done) or f"exit {done.returncode}"
            raise CheckFailed(f"the restart command failed: {said}")


def call(command: Sequence[str], timeout_s: float) -> "subprocess.CompletedProcess[str]":
    """Run a program; one that is missing or too slow is one that failed."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        said = f"{command[0]} took more than {timeout_s:g} s"
    except OSError as error:
        said = f"{command[0]}: {error.strerror}"
    return subprocess.CompletedProcess(command, SHELL_CANNOT + 1, "", said)


def last_line(done: "subprocess.CompletedProcess[str]") -> str:
    """What a program said last, errors before results, printable and short."""
    return last_words(done.stderr) or last_words(done.stdout)


def last_words(text: str) -> str:
    """The last line, printable and short; empty where there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return printable(lines[-1])[:200] if lines else ""


def printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())
