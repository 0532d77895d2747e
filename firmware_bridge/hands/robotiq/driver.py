"""Robotiq's 2F-85, 2F-140 and Hand-E over RS-485: one joint, 0 open to 255 closed.

One request a tick writes the goal and reads the status (function 23), since the line carries one at a time.
A gripper that was switched on has to be activated, and opens and closes all the way for that: only `activate`
does it, which nothing but `neurograsp hand activate` calls. What begins it is rACT going from 0 to 1; rGTO,
without which no goal is followed, lies in the same register. So `activate` sets both, and goals are written
to the registers after it: one that lost its power meanwhile keeps rACT = 0, and stands. It has no torque to
take away; its gears hold.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from neurograsp.firmware_bridge.codes import NackCode
from neurograsp.firmware_bridge.errors import LinkError, LinkLost, Refused
from neurograsp.firmware_bridge.hands.asked_line import REPLY_S, AskedLine
from neurograsp.firmware_bridge.hands.hand import Promises, Report
from neurograsp.firmware_bridge.hands.robotiq.modbus import Reply, ReplyParser, Request, read, read_write
from neurograsp.firmware_bridge.hands.robotiq.registers import (
    ACTION_REQUEST,
    ACTIVATE,
    ACTIVATED,
    FAULTS,
    GO_TO,
    GOAL_REQUEST,
    GRIPPER_STATUS,
    MAX_POSITION,
    NO_COMMUNICATION,
    NOT_ACTIVATED,
    REGISTERS,
    STATE_MASK,
    STATE_SHIFT,
)
from neurograsp.firmware_bridge.link_stats import LinkStats
from neurograsp.firmware_bridge.transports import Transport

BAUD = 115_200
SLAVE = 9
"""As Robotiq delivers them, like `BAUD`."""
SPEED = 64
"""rSP: about 50 mm/s of a 2F-85, 85 of a 2F-140. The steps of the hand are slower; this bounds a late one."""
FULL_FORCE = 64
"""rFR at a force of 100 %: about 75 N of a 2F-85's 235, 40 N of a 2F-140's 125."""
ASK_S = 0.1
"""While goals go out, and status comes back with each, it is only asked after so long without one."""
TRIES = 6
"""Of what may wait: a computer that is busy elsewhere is late with reading."""
ACTIVATION_S = 10.0
_ACTIVATION_POLL_S = 0.05
_ADVICE = "check its address, the baud rate and its power"


@dataclass(frozen=True, slots=True)
class Status:
    """What the gripper says.

    Attributes:
        going: gGTO.
        state: gSTA.
        fault, controller_fault: gFLT, kFLT.
        position: gPO.
    """

    going: bool
    state: int
    fault: int
    controller_fault: int
    position: int

    @property
    def activated(self) -> bool:
        """It can be moved."""
        return self.state == ACTIVATED and self.fault not in NOT_ACTIVATED

    @property
    def hindrance(self) -> str:
        """Why it follows no goal, for people; empty where it does."""
        if self.activated and self.going:
            return ""
        said = "activated, but not to follow goals" if self.activated else "not activated"
        return f"{said}; `neurograsp hand activate` does that, and opens and closes it all the way"

    @property
    def trouble(self) -> str:
        """Faults, for people, but not that it is not activated."""
        found = []
        if self.fault not in NOT_ACTIVATED | {0, NO_COMMUNICATION}:
            found.append(FAULTS.get(self.fault, f"fault {self.fault:#x}"))
        if self.controller_fault:
            found.append(f"its controller's fault {self.controller_fault:#x}")
        return ", ".join(found)


class RobotiqDevice:
    """One gripper. See `Device`.

    Args:
        transport: an open one; `close` closes it.
        slave: its id; None: as Robotiq delivers them.
        clock: seconds, monotonic.
        sleep: used by what waits.
    """

    def __init__(
        self,
        transport: Transport,
        slave: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._slave = SLAVE if slave is None else slave
        self._parser = ReplyParser()
        self._line = AskedLine(transport, self._parser, f"slave {self._slave}", _ADVICE, clock, sleep)
        self._url = transport.url
        self._clock = clock
        self._sleep = sleep
        self._status: Status | None = None
        self._refusal = 0
        self._driven = False
        self._goal = self._sent = 0
        self._waiting: Request | None = None

    @property
    def promises(self) -> Promises:
        """The manual lists a fault for a silence of 1 s and says nothing of a stop, so none is promised."""
        return Promises(
            watchdog_s=None,
            on_link_loss="goes to its last goal and holds it; its manual names a fault after 1 s of silence, "
            "and no stop",
            answers=True,
            force=True,
            asked_last=True,
        )

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return self._line.stats

    @property
    def ready(self) -> bool:
        """It follows goals and has no fault, as of the newest status."""
        return self._status is not None and not self._status.hindrance and not self._status.trouble

    def identify(self, timeout: float) -> str:
        """Read its status: nothing is written, so it does not move.

        Raises:
            LinkLost: it does not answer, or in another way.
        """
        status = self._ask(self._read(), max(TRIES, round(timeout / REPLY_S)))
        return f"Robotiq gripper (id {self._slave}), {'' if status.activated else 'not '}activated"

    def positions(self) -> tuple[int, ...]:
        """Where it is, asked now; of no meaning before it is activated."""
        return (self._ask(self._read()).position,)

    def enable(self, goals: tuple[int, ...]) -> None:
        """Its goal alone: setting rACT and rGTO once more would activate one that has just lost its power.

        Raises:
            Refused: it follows no goal, as of the newest status, or nobody knows.
        """
        hindrance = "not asked yet" if self._status is None else self._status.hindrance
        if hindrance:
            raise Refused(f"{self._url}: {hindrance}", NackCode.UNSUPPORTED)
        self._driven = True
        self.send(goals, 100)

    def disable(self) -> None:
        """Nothing: its gears hold without power, and whoever writes rGTO = 0 writes rACT, too."""
        self._driven = False
        self._waiting = None

    def send(self, goals: tuple[int, ...], force: int) -> tuple[int, ...]:
        """A goal in counts, cut to what there is; `force` in percent of `FULL_FORCE`.

        While the line waits for a reply, at most `REPLY_S`, the newest goal waits too, and what comes back is
        the one before.
        """
        self._goal = min(max(goals[0], 0), MAX_POSITION)
        self._waiting = self._write(GOAL_REQUEST, *_goal(self._goal, force))
        self._flush()
        return (self._sent,)

    def poll(self, asking: bool) -> Report:
        """Take in a reply; say what waits, or ask."""
        for reply in self._line.arrived():
            self._take(reply)
        if asking:
            self._flush()
        if asking and self._line.free and (not self._driven or self._line.since_said >= ASK_S):
            self._say(self._read())
        return self._report()

    def close(self) -> None:
        """Say what still has to be said, and give the port back."""
        try:
            if self._waiting is not None:
                self._ask(self._waiting)
        except LinkLost:
            pass  # who does not answer cannot be told
        finally:
            self._line.close()

    def activate(self) -> None:
        """Reset and activate it: it opens and closes all the way, and drops what it holds. Waits.

        It follows goals from then on, the first of which is where it stands.

        Raises:
            LinkError: it failed, or takes longer than `ACTIVATION_S`.
        """
        reset = self._act(0, 0)
        try:
            self._ask(reset)
            self._ask(self._act(ACTIVATE, 0))
            start = self._clock()
            while not (status := self._ask(self._read())).activated:
                if status.trouble:
                    raise LinkError(f"{self._url}: {status.trouble}")
                if self._clock() - start > ACTIVATION_S:
                    raise LinkError(f"{self._url}: not activated after {ACTIVATION_S:g} s")
                self._sleep(_ACTIVATION_POLL_S)
            self._ask(self._act(ACTIVATE | GO_TO, status.position))
        except BaseException:
            with contextlib.suppress(LinkLost):
                self._ask(reset)
            raise

    def _report(self) -> Report:
        if self._status is None:
            return Report({}, {}, {}, self._line.heard_s)
        trouble = f"refuses (Modbus exception {self._refusal})" if self._refusal else self._status.trouble
        trouble = trouble or self._status.hindrance
        return Report({0: self._status.position}, {0: trouble} if trouble else {}, {}, self._line.heard_s)

    def _flush(self) -> None:
        if self._waiting is not None and self._line.free:
            self._sent = self._goal
            self._say(self._waiting)
            self._waiting = None

    def _say(self, request: Request) -> None:
        self._parser.expect(request)
        self._line.say(request.encode())

    def _ask(self, request: Request, tries: int = TRIES) -> Status:
        self._parser.expect(request)
        reply = self._line.ask(request.encode(), lambda _: True, tries)
        self._take(reply)
        if self._status is None or reply.error:
            raise LinkLost(
                f"{self._url}: slave {self._slave} answers with Modbus exception {reply.error}; it is not "
                "one of Robotiq's grippers, or an older one"
            )
        return self._status

    def _take(self, reply: Reply) -> None:
        self._refusal = reply.error
        if reply.error:
            self._line.refused()
            return
        self._status = status_of(reply.data)

    def _read(self) -> Request:
        return read(self._slave, GRIPPER_STATUS, REGISTERS)

    def _act(self, action: int, position: int) -> Request:
        return self._write(ACTION_REQUEST, action << 8, *_goal(position, 100))

    def _write(self, first: int, *values: int) -> Request:
        return read_write(self._slave, GRIPPER_STATUS, REGISTERS, first, values)


def _goal(position: int, force: int) -> tuple[int, int]:
    """The registers from `GOAL_REQUEST` on."""
    return position, SPEED << 8 | round(force / 100 * FULL_FORCE)


def status_of(registers: bytes) -> Status:
    """From the three registers that it reports with."""
    return Status(
        bool(registers[0] & GO_TO),
        registers[0] >> STATE_SHIFT & STATE_MASK,
        registers[2] & 0x0F,
        registers[2] >> 4,
        registers[4],
    )
