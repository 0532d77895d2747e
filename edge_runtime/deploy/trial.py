"""Whether a service that was started anew is healthy: looked at once a second, decided by a pure judge."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.deploy.service import Look, Service

LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Verdict:
    """Attributes:
    healthy: also where nothing was restarted, since nobody wants the service to run.
    reason: for people.
    restart: `none`: there was nothing to restart. `failed`: what ran may run on.
    """

    healthy: bool
    reason: str
    restart: Literal["done", "failed", "none"] = "done"


class Judge:
    """Healthy is what stayed up, without another start, for `settle_s`; all else is not, after `within_s`.

    Args:
        old: the service before it was started anew.
        settle_s, within_s: seconds.
    """

    def __init__(self, old: Look, settle_s: float, within_s: float) -> None:
        self._old = old
        self._settle_s = settle_s
        self._within_s = within_s
        self._run = old.run
        self._up_since: float | None = None

    def see(self, elapsed_s: float, look: Look) -> Verdict | None:
        """What is known now; None: not yet.

        Args:
            elapsed_s: since it was started anew.
            look: at the service.
        """
        fresh = look.run == "" or look.run != self._old.run
        if look.state != "up" or not fresh:
            self._up_since = None
        elif self._up_since is None or look.run != self._run:
            self._up_since = elapsed_s
        self._run = look.run
        if self._up_since is not None and elapsed_s - self._up_since >= self._settle_s:
            return Verdict(True, f"healthy for {elapsed_s - self._up_since:.0f} s: {look.detail}")
        if look.state in ("down", "ended", "stopped") and look.run not in ("", self._old.run):
            return Verdict(False, f"the service does not run: {look.detail}")
        if elapsed_s >= self._within_s:
            return Verdict(False, f"not healthy within {self._within_s:g} s: {look.detail}")
        return None


def surprised(look: Look) -> str | None:
    """Whom a restart would stop, and what to do then; None: nobody who is known of."""
    if look.armed:
        return "the hand is armed: disarm it first, or --while-armed, which stops it; it comes back disarmed"
    if not look.answered:
        return (
            f"whether the hand is armed cannot be asked ({look.detail}): deploy again once it can, or "
            "--while-armed, which stops the hand; it comes back disarmed"
        )
    return None


def start_anew(service: Service, old: Look, armed_too: bool, ended_too: bool = False) -> Verdict | None:
    """One that was stopped stays so, which is no reason to go back.

    Args:
        service: to be started anew.
        old: how it looks.
        armed_too: also under a hand that is armed, or of which that cannot be asked.
        ended_too: also one that has ended by itself.

    Returns:
        None: it was started anew, and is to be watched.
    """
    if old.state == "stopped" or (old.state == "ended" and not ended_too):
        return Verdict(True, f"nothing was restarted: {old.detail}", "none")
    if not armed_too and (why := surprised(old)):
        return Verdict(False, why, "failed")
    try:
        service.restart()
    except CheckFailed as error:
        return Verdict(False, str(error), "failed")
    return None


def try_out(
    service: Service,
    settle_s: float,
    within_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    armed_too: bool,
    ended_too: bool = False,
) -> Verdict:
    """Start the service anew, see `start_anew`, and watch it."""
    old = service.look()
    verdict = start_anew(service, old, armed_too, ended_too)
    begin = clock()
    judge = Judge(old, settle_s, within_s)
    while verdict is None:
        verdict = judge.see(clock() - begin, service.look())
        if verdict is None:
            sleep(LOOK_EVERY_S)
    return verdict
