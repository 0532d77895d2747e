"""Between decisions and the hand: arming, stopping, heartbeats, and a hand that is lost and found.

`TRANSITIONS` is the whole table of states, drawn in docs/decisions.md. Nothing is sent but in ARMED, and
ARMED begins only when somebody asks for it and the signal is fresh and believed. After a stop it must be
asked for anew. An action that was under way when the hand was armed is not sent: the first movement is one
that starts while everybody knows it may.
"""

import enum
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from neurograsp.edge_runtime.arming import Arming, Request
from neurograsp.edge_runtime.backoff import Backoff
from neurograsp.edge_runtime.contract.errors import LinkError, LinkLost, Refused
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.pipeline import STOP
from neurograsp.edge_runtime.run_summary import RunSummary, RuntimeState
from neurograsp.firmware_bridge.hands.hand import Hand, Status
from neurograsp.firmware_bridge.protocol import Fault, HandAction

log = logging.getLogger(__name__)

ACTION_TTL_MS = 1000
BEAT_FRESH_S = 0.1
"""Heartbeats leave only while the newest frame is at most so old."""

STALE_S = 0.2
"""A newest frame older than this stops the hand. Where the host hangs as well, the firmware stops it 250 ms
after the last heartbeat: less than 400 ms from the last frame."""

ASKED_TO_STOP = "a monitor asked for it"
ASKED_TO_DISARM = "disarmed"

ARM_WAIT_S = 10.0
"""A request to arm waits so long for its conditions and is dropped then: later it would be a surprise."""


class RuntimeEvent(enum.Enum):
    START = "start"
    """The source has started."""

    ARM = "arm"
    """Somebody asked for it, and everything is well."""

    DISARM = "disarm"
    """Somebody asked for it."""

    STOP = "stop"
    """Something is wrong, or the run ends."""


TRANSITIONS: dict[tuple[RuntimeState, RuntimeEvent], RuntimeState] = {
    (RuntimeState.STARTING, RuntimeEvent.START): RuntimeState.DISARMED,
    (RuntimeState.STARTING, RuntimeEvent.STOP): RuntimeState.STOPPED,
    (RuntimeState.DISARMED, RuntimeEvent.ARM): RuntimeState.ARMED,
    (RuntimeState.DISARMED, RuntimeEvent.STOP): RuntimeState.STOPPED,
    (RuntimeState.ARMED, RuntimeEvent.DISARM): RuntimeState.DISARMED,
    (RuntimeState.ARMED, RuntimeEvent.STOP): RuntimeState.STOPPED,
    (RuntimeState.STOPPED, RuntimeEvent.ARM): RuntimeState.ARMED,
}


class Tell(Protocol):
    """Hears of everything that is asked of the hand, also in vain: act, arm, stop, or withheld."""

    def __call__(
        self, kind: str, name: str = "", speed: int = 0, force: int = 0, ttl_ms: int = 0, reason: str = ""
    ) -> None: ...


def _nobody(
    kind: str, name: str = "", speed: int = 0, force: int = 0, ttl_ms: int = 0, reason: str = ""
) -> None:
    """Nobody hears."""


class Actuation:
    """Args:
    hand: a connected link, or None to decide without a hand.
    arming: who arms it; None: nobody, decisions are shown and not sent (shadow mode).
    summary: of the run; filled in here.
    reopen: connects to a hand that was lost, for as long as `patience_s`; None: it is not looked for.
    patience_s: see `reopen`.
    tell: hears of what is asked of the hand.
    clock: seconds, monotonic, as the times of ticks; for when it is looked at who arms. None: at the time of
        the tick, whatever has hung within it.

    Attributes:
        healthy: the newest tick ended with fresh frames and, where there is to be a hand, with a hand. Only
            then does a heartbeat leave. A hand that was stopped gets none either, until it is armed anew.
        request: what the arming asked for in this tick.
    """

    def __init__(
        self,
        hand: Hand | None,
        arming: Arming | None,
        summary: RunSummary,
        reopen: Callable[[], Hand] | None = None,
        patience_s: float = 0.0,
        tell: Tell = _nobody,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.healthy = False
        self.request: Request | None = None
        self._tell = tell
        self._clock = clock
        self._hand = hand
        self._arming = arming
        self._summary = summary
        self._reopen = reopen
        self._backoff = Backoff(patience_s if reopen is not None else 0.0)
        self._begin = 0.0
        self._asked_at: float | None = None
        self._first_decision_at: float | None = None
        self._started = False

    @property
    def hand(self) -> Hand | None:
        """None without one, and while it is lost."""
        return None if self._backoff.away else self._hand

    @property
    def away(self) -> bool:
        """The hand is lost, and looked for."""
        return self._backoff.away

    def start(self, now: float) -> None:
        """The source has started."""
        self._begin = now
        if self._arming is not None and self._arming.again:
            self._poll(self._arming, now)  # what was asked before anybody looked is not of now
        self._change(RuntimeEvent.START)
        if self._arming is not None and self._hand is not None:
            log.info("%s", self._arming.hint)

    def tick(self, now: float, decisions: list[Decision], age_s: float | None, doubt: str | None) -> None:
        """Everything that concerns the hand in one tick.

        Args:
            now: seconds, monotonic.
            decisions: of this tick.
            age_s: of the newest frame; infinite while the source is lost, None before the first frame.
            doubt: why the signal is not believed; None when it is.

        Raises:
            LinkError: the hand is lost or went out of its armed state, and cannot come back.
        """
        self.healthy = False
        try:
            self._look_again(now)
            self._follow_person(now)
            armed = self._summary.state is RuntimeState.ARMED
            if armed and age_s is not None and age_s > STALE_S:
                silent = f"no new frames for {STALE_S:g} s"
                self.stop(now, silent if math.isfinite(age_s) else "the amplifier is lost")
            for decision in decisions:
                self._obey(now, decision)
            fresh = age_s is not None and age_s <= BEAT_FRESH_S
            if self._hand is not None and not self._backoff.away:
                self._serve(self._hand, now, bool(decisions), fresh, doubt)
            self.healthy = fresh and not self._backoff.away
        except LinkLost as error:
            self._lost(error, now)

    def _serve(self, hand: Hand, now: float, decided: bool, fresh: bool, doubt: str | None) -> None:
        if self._summary.state is not RuntimeState.ARMED:
            self._try_to_arm(hand, now, decided, fresh, doubt)
        hand.service(healthy=fresh and self._summary.state is not RuntimeState.STOPPED)
        if fresh and self._summary.state is RuntimeState.ARMED:
            self._check_hand(hand, now)

    def stop(self, now: float, reason: str) -> None:
        """Stop the hand; STOPPED is left only by arming anew.

        Raises:
            LinkLost: it could not be told, and stops by its watchdog.
        """
        if self._summary.state is RuntimeState.STOPPED:
            return
        self._summary.stopped_by = self._summary.stopped_by or reason
        self._tell("stop", reason=reason)
        try:
            if self._hand is not None and not self._backoff.away:
                self._hand.stop()
        except LinkLost:
            self._stopped(now, reason)
            raise
        self._stopped(now, reason)

    def _stopped(self, now: float, reason: str) -> None:
        self._summary.stops.append((now - self._begin, reason))
        self._drop_request(reason)
        log.info("stopped: %s", reason)
        self._change(RuntimeEvent.STOP)

    def _follow_person(self, now: float) -> None:
        request = None if self._arming is None or self._hand is None else self._poll(self._arming, now)
        self.request = request
        if request is Request.STOP:
            self._asked_at = None
            self.stop(now, ASKED_TO_STOP)
        elif request is Request.DISARM:
            self._asked_at = None
            if self._summary.state is RuntimeState.ARMED and self._hand is not None:
                self._tell("stop", reason=ASKED_TO_DISARM)
                self._hand.stop()
                self._change(RuntimeEvent.DISARM)
        elif request is Request.ARM and self._summary.state is not RuntimeState.ARMED:
            self._asked_at = now
            if self._backoff.away:
                self._drop_request("the hand is lost")

    def _poll(self, arming: Arming, now: float) -> Request | None:
        # A source or a network may have hung since the tick began, with what was asked meanwhile waiting.
        return arming.poll(now if self._clock is None else self._clock())

    def _drop_request(self, why: str) -> None:
        """A request to arm, if there is one, must not come true later."""
        if self._asked_at is not None:
            self._asked_at = None
            log.warning("not armed: %s", why)

    def _obey(self, now: float, decision: Decision) -> None:
        if decision.command == STOP:
            self.stop(now, decision.reason)
            return
        if decision.command is None:
            return
        action, counted = HandAction[decision.command], self._summary.withheld
        self._started |= decision.started
        if self._hand is not None and self._summary.state is RuntimeState.ARMED and self._started:
            if action not in self._hand.caps.actions:
                self.stop(now, f"{decision.reason}; this hand has no {action.name}")
                return
            ttl_ms = min(ACTION_TTL_MS, self._hand.caps.max_ttl_ms)
            self._tell("act", action.name, decision.speed, decision.force, ttl_ms)
            self._hand.act(action, decision.speed, decision.force, ttl_ms)
            counted = self._summary.commands
        else:
            self._tell("withheld", action.name, decision.speed, decision.force)
        counted[action.name] = counted.get(action.name, 0) + 1

    def _try_to_arm(self, hand: Hand, now: float, decided: bool, fresh: bool, doubt: str | None) -> None:
        """Arm if it was asked for and everything is well; what was asked for too long ago is dropped."""
        if decided and self._first_decision_at is None:
            self._first_decision_at = now
        if self._asked_at is None:
            return
        if self._first_decision_at is None:
            obstacle = "there is no decision yet"
        elif not fresh:
            obstacle = "the newest frame is too old"
        else:
            obstacle = doubt or ""
        if now - self._waiting_since(self._asked_at, now) > ARM_WAIT_S:
            self._drop_request(obstacle or f"it was asked for more than {ARM_WAIT_S:g} s ago")
        elif not obstacle:
            self._arm(hand)

    def _waiting_since(self, asked_at: float, now: float) -> float:
        """A person's request counts from when it was made; one of the command line from the first decision,
        which it was told to wait for."""
        if self._arming is not None and self._arming.again:
            return asked_at
        return now if self._first_decision_at is None else max(asked_at, self._first_decision_at)

    def _arm(self, hand: Hand) -> None:
        self._asked_at = None
        self._tell("arm")
        try:
            if hand.state.state.latched:
                hand.connect()
            hand.arm()
        except Refused as error:
            if self._arming is None or not self._arming.again:
                raise
            log.warning("not armed: %s", error)
            return
        self._started = False
        self._summary.armings += 1
        self._summary.stopped_by = ""
        self._change(RuntimeEvent.ARM)

    def _check_hand(self, hand: Hand, now: float) -> None:
        status = hand.state
        if status.state.armed:
            return
        reason = f"the hand went into {status.state.name}{_cause(status)}"
        if self._arming is None or not self._arming.again:
            raise LinkError(reason)
        self.stop(now, reason)

    def _lost(self, error: LinkError, now: float) -> None:
        first = not self._backoff.away
        self._backoff.lost(now)
        if self._backoff.over(now):
            raise error
        if not first or self._hand is None:
            return
        self._summary.hand_losses += 1
        log.warning("%s; looking for it for %g s", error, self._backoff.patience_s)
        self._drop_request(str(error))
        self.stop(now, str(error))
        with suppress(LinkError):
            self._hand.close()

    def _look_again(self, now: float) -> None:
        if self._reopen is None or not self._backoff.due(now):
            return
        try:
            self._hand = self._reopen()
        except LinkError as error:
            self._lost(error, now)
            return
        log.warning("%s: back again", self._hand.caps.name)
        self._backoff.back()

    def _change(self, event: RuntimeEvent) -> None:
        self._summary.state = TRANSITIONS[self._summary.state, event]
        log.info("runtime %s", self._summary.state.value)


def _cause(hand: Status) -> str:
    if not hand.state.latched:
        return ", disarmed by somebody else; look at it, then start again"
    if hand.fault is Fault.LINK_SILENT:
        return " (LINK_SILENT): its link or this computer was too slow; look at both, then start again"
    return f" ({hand.why}); look at it, then start again"
