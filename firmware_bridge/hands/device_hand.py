"""A hand made of a driver and of what the device does not do by itself: states, limits, rates, time to live.

The states and what they allow are those of the firmware (docs/protocol.md). They live in the host, though,
and end with it: what a device does then is its `Promises`.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from neurograsp.firmware_bridge.codes import Fault, Feature, HandAction, HandState, NackCode
from neurograsp.firmware_bridge.errors import LinkError, LinkLost, ProtocolError, Refused
from neurograsp.firmware_bridge.hands.device_profile import DeviceProfile
from neurograsp.firmware_bridge.hands.device_status import DeviceCaps, DeviceStatus
from neurograsp.firmware_bridge.hands.hand import Device, JointRange, Promises, Report
from neurograsp.firmware_bridge.hands.motion import Motion
from neurograsp.firmware_bridge.link_stats import LinkStats

SILENCE_S = 0.5
"""A device that answers and has not for so long is lost; a bus of servos tells which has not (`ServoBus`)."""
HOLD_S = 0.05
"""A hand that only holds is told so again after this time."""


@dataclass(frozen=True, slots=True)
class _Request:
    action: HandAction
    pose: Mapping[int, int]
    speed: float
    force: int
    ttl_s: float


class DeviceHand:
    """See `Hand`. No thread: what has to happen happens in `service`.

    Args:
        device: an open driver; `close` closes it.
        profile: what it is.
        accept_no_watchdog: drive a device that goes on holding when this computer dies.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        device: Device,
        profile: DeviceProfile,
        accept_no_watchdog: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = device
        self._profile = profile
        self._accepted = accept_no_watchdog
        self._clock = clock
        self._caps: DeviceCaps | None = None
        self._state = HandState.BOOT
        self._fault = Fault.NONE
        self._why = ""
        self._renewed = False
        self._attached = False
        self._motion: Motion | None = None
        self._action = HandAction.HOLD
        self._force = 100
        self._goals: tuple[int, ...] = ()
        self._queued: _Request | None = None
        self._gave_way = False  # a question, to a new command that wants the line; not twice in a row
        self._report = Report({}, {}, {}, None)
        self._fed_s = self._stepped_s = self._sent_s = self._latched_s = self._until_s = 0.0
        self._asking_s = self._serviced_s = 0.0

    @property
    def caps(self) -> DeviceCaps:
        """What it is. Raises LinkLost before `connect`."""
        if self._caps is None:
            raise LinkLost(f"{self._profile.name}: no session; call connect() first")
        return self._caps

    @property
    def state(self) -> DeviceStatus:
        """The newest status."""
        return DeviceStatus(
            self._state, self._fault, self._attached, self._action, self._goals, self._report, self._why
        )

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""
        return self._device.stats

    @property
    def promises(self) -> Promises:
        """What the device does by itself."""
        return self._device.promises

    def connect(self, timeout: float = 3.0) -> DeviceCaps:
        """Find every joint of the device; nothing moves, and what was armed is stopped.

        Raises:
            LinkLost: no answer, or not of this kind of device.
        """
        if self._caps is not None:
            self.stop()
        identity = self._device.identify(timeout)
        self._renewed = self._state.latched
        if not self._state.latched:
            self._state = HandState.IDLE
        self._asking_s = self._clock()
        promises = self._device.promises
        self._caps = DeviceCaps(
            self._profile.name,
            identity,
            len(self._profile.joints),
            (Feature.FORCE if promises.force else Feature(0))
            | (Feature.FEEDBACK if promises.answers and promises.first_move is None else Feature(0)),
            None if promises.watchdog_s is None else round(promises.watchdog_s * 1000),
            self._profile.max_ttl_ms,
            self._profile.actions,
        )
        return self._caps

    def ranges(self) -> tuple[JointRange, ...]:
        """The profile's limits."""
        return tuple(
            JointRange(joint.name, joint.low, joint.high, joint.rate, self._profile.unit)
            for joint in self._profile.joints
        )

    def ping(self) -> float:
        """Time to ask every joint where it is, milliseconds."""
        start = self._clock()
        self._device.positions()
        return (self._clock() - start) * 1000

    def arm(self) -> None:
        """Drive the motors, with goals where the joints stand; where nobody knows that, at REST.

        What fails or is interrupted leaves it as it was: motors that were off before are let go.

        Raises:
            LinkLost: it does not answer.
            Refused: it latched in this session, reports a fault, would go on without its host, or is not
                driven where it stands after all.
        """
        name = self.caps.name
        if self._state.armed:
            return
        if self._device.promises.watchdog_s is None and not self._accepted:
            raise Refused(
                f"{name}: when this computer or the cable dies it {self._device.promises.on_link_loss}; "
                "--accept-no-watchdog drives it all the same",
                NackCode.UNSUPPORTED,
            )
        if self._state.latched and not self._renewed:
            raise Refused(f"{name}: {self._why}; look at it, then connect and arm again", NackCode.LATCHED)
        self._queued = None
        start = self._start()
        faults = self._device.poll(asking=False).faults
        if faults:
            raise Refused(f"{name}: {self._name_faults(faults)}; look at it first", NackCode.LATCHED)
        self._motion = Motion(self._profile.joints, start)
        held, self._attached = self._attached, True  # from the first byte on: `close` lets go of half a hand
        try:
            self._device.enable(start)
        except BaseException:
            if not held:
                with suppress(LinkError):
                    self._let_go()
            raise
        now = self._clock()
        self._goals = start
        self._fed_s = self._stepped_s = self._sent_s = now
        self._state, self._fault, self._why = HandState.ARMED, Fault.NONE, ""
        self._renewed = False

    def act(self, action: HandAction, speed: int = 100, force: int = 100, ttl_ms: int = 500) -> None:
        """Ask for a pose at the next `service(True)`; replaces a request that has not gone out yet.

        Speed is in percent of the joints' rates, or of what the profile says of the action (`speeds`).

        Raises:
            ProtocolError: speed, force or time to live out of range, or an action that it lacks.
        """
        if action not in self._profile.poses:
            raise ProtocolError(f"{self._profile.name} has no {action.name}")
        self._ask_for(action, self._profile.poses[action], speed, force, ttl_ms)

    def move(self, targets: Mapping[int, int], speed: int = 100, ttl_ms: int = 500) -> None:
        """Ask for positions in counts, in the same way as `act`.

        Raises:
            ProtocolError: no such joint, or a position outside its limits; then nothing has changed.
        """
        for place, target in targets.items():
            if not 0 <= place < len(self._profile.joints):
                raise ProtocolError(f"{self._profile.name} has no joint {place}")
            joint = self._profile.joints[place]
            if not joint.low <= target <= joint.high:
                raise ProtocolError(f"{joint.name}: {target} is outside {joint.low} to {joint.high}")
        self._ask_for(HandAction.HOLD, dict(targets), speed, 100, ttl_ms)

    def _ask_for(
        self, action: HandAction, pose: Mapping[int, int], speed: int, force: int, ttl_ms: int
    ) -> None:
        most_ms = self._profile.max_ttl_ms
        for what, value, most in (("speed", speed, 100), ("force", force, 100), ("ttl_ms", ttl_ms, most_ms)):
            if not 1 <= value <= most:
                raise ProtocolError(f"{what} is {value}, must be 1 to {most}")
        speed_of_action = self._profile.speeds.get(action, 100) / 100
        self._queued = _Request(action, pose, speed * speed_of_action, force, ttl_ms / 1000)

    def stop(self) -> None:
        """Stop where the last step led, motors held.

        Raises:
            LinkError: that could not be sent.
        """
        self._queued = None
        self._action = HandAction.HOLD
        if self._state.armed:
            self._state = HandState.IDLE
        if self._attached and self._motion is not None:
            self._motion.stay()
            self._send(self._motion, self._clock())

    def service(self, healthy: bool) -> None:
        """Everything that a tick has to do: read, judge, step, send.

        Args:
            healthy: this tick's decoding was sound. Otherwise nothing is sent, so that the device's own
                watchdog acts where it has one, and after the profile's `watchdog_s` a hand whose motors are
                driven latches, also one that was stopped.

        Raises:
            LinkLost: the port died, or a device that answers has been silent for `SILENCE_S`.
        """
        name = self.caps.name
        last = self._device.promises.asked_last
        self._gave_way = self._queued is not None and not self._gave_way
        self._report = self._device.poll(asking=healthy and not last and not self._gave_way)
        now = self._clock()
        self._check_silence(name, now, healthy)
        if self._report.faults and self._state is not HandState.FAILSAFE:
            self._latch(Fault.DEVICE, self._name_faults(self._report.faults), now)
        watched = self._attached and not self._state.latched
        if watched and now - self._fed_s >= self._profile.watchdog_s:
            self._latch(Fault.LINK_SILENT, f"this computer was silent for {now - self._fed_s:.2f} s", now)
        if healthy:
            self._fed_s = now
        else:
            self._queued = None
        renew_s = self._device.promises.renew_s
        if self._attached and renew_s is not None and now - self._sent_s >= renew_s:
            if self._state is not HandState.FAILSAFE:
                self._latch(Fault.LINK_SILENT, f"told nothing for {now - self._sent_s:.2f} s", now)
            self._let_go()
        limp_s = self._profile.limp_s
        if self._state is HandState.FAILSAFE and limp_s is not None and now - self._latched_s >= limp_s:
            self._let_go()
        if healthy and self._attached and self._motion is not None:
            self._step(self._motion, now)
        if healthy and last:
            self._report = self._device.poll(asking=True)

    def close(self) -> None:
        """Stop, let go unless the profile holds for good, and give the port back.

        Each of them whatever came of the one before, a second Ctrl-C too; letting go is said again after a
        write that failed. A device that cannot be told does what it promises.
        """
        self._caps = None
        with ExitStack() as steps:  # from the last to the first
            steps.callback(self._device.close)
            if self._profile.limp_s is not None:
                steps.callback(self._if_told, self._let_go)
                steps.callback(self._if_told, self._let_go)
            steps.callback(self._if_told, self.stop)

    def _if_told(self, say: Callable[[], None]) -> None:
        with suppress(LinkError):
            if self._attached:
                say()

    def _step(self, motion: Motion, now: float) -> None:
        if self._queued is not None and self._state.armed:
            asked = self._queued
            motion.go(asked.pose, asked.speed)
            self._action, self._force = asked.action, asked.force
            self._until_s = now + asked.ttl_s
            self._state = HandState.HOLD if motion.arrived else HandState.MOVING
        self._queued = None
        if self._state in (HandState.MOVING, HandState.HOLD) and now >= self._until_s:
            motion.stay()
            self._state, self._action = HandState.HOLD, HandAction.HOLD
        elapsed_s, self._stepped_s = now - self._stepped_s, now
        if self._state is HandState.MOVING:
            motion.step(elapsed_s)
            self._send(motion, now)
            if motion.arrived:
                self._state = HandState.HOLD
        elif now - self._sent_s >= HOLD_S:
            self._send(motion, now)

    def _send(self, motion: Motion, now: float) -> None:
        self._goals = self._device.send(motion.goals, self._force)
        self._sent_s = now

    def _latch(self, fault: Fault, why: str, now: float) -> None:
        self._why = why
        self._queued = None
        self._action = HandAction.HOLD
        self._renewed = False
        self._latched_s = now
        if self._motion is not None:
            self._motion.stay()
        self._state, self._fault = HandState.FAILSAFE, fault

    def _let_go(self) -> None:
        if self._attached:
            self._device.disable()
            self._attached = False

    def _check_silence(self, name: str, now: float, asking: bool) -> None:
        if not self._device.promises.answers:
            return
        if not asking or now - self._serviced_s >= SILENCE_S:  # nobody asked: that is no silence of its
            self._asking_s = now
        self._serviced_s = now
        heard_s = max(self._report.heard_s or 0.0, self._asking_s)
        if now - heard_s >= SILENCE_S:
            raise LinkLost(
                f"{name}: silent for {now - heard_s:.1f} s; check cable and power, then connect again"
            )

    def _start(self) -> tuple[int, ...]:
        rest = self._profile.poses.get(HandAction.REST, {})
        start = []
        for place, position in enumerate(self._device.positions()):
            if position is None and place not in rest:
                joint = self._profile.joints[place].name
                raise Refused(
                    f"{self._profile.name}: nobody knows where {joint} is; name it in REST", NackCode.VALUE
                )
            start.append(rest[place] if position is None else position)
        return tuple(start)

    def _name_faults(self, faults: Mapping[int, str]) -> str:
        return ", ".join(f"{self._profile.joints[place].name}: {what}" for place, what in faults.items())
