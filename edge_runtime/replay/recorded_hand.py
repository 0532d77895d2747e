"""What stands for the hand, and for whoever armed it, when a session is replayed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurograsp.edge_runtime.arming import Request
from neurograsp.edge_runtime.contract.errors import LinkLost, RecordingError, Refused
from neurograsp.edge_runtime.movements import armed_in, stopped_after_arming
from neurograsp.edge_runtime.telemetry.messages import HandReport, Session, Tick
from neurograsp.edge_runtime.telemetry.moments import Moment
from neurograsp.firmware_bridge.codes import Fault, Feature, HandAction, HandState
from neurograsp.firmware_bridge.hands.hand import JointRange
from neurograsp.firmware_bridge.link_stats import LinkStats


@dataclass(frozen=True, slots=True)
class RecordedStatus:
    """A `HandReport` as `Status`."""

    state: HandState
    fault: Fault
    why: str
    attached: bool
    goals: tuple[int, ...] = ()
    positions: Mapping[int, int] = field(default_factory=dict)
    temperatures_c: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, report: HandReport) -> "RecordedStatus":
        """Raises RecordingError when no hand has such a state."""
        try:
            return cls(HandState[report.state], Fault[report.fault], report.why, report.attached)
        except KeyError as error:
            raise RecordingError(
                f"the hand was in a state {error!s:.60} at {report.at_s:.2f} s, which this version does not "
                "know; the log is damaged, or of another version"
            ) from error


@dataclass(frozen=True, slots=True)
class RecordedCapabilities:
    """See `Capabilities`."""

    name: str
    actions: frozenset[HandAction]
    max_ttl_ms: int
    joints: int
    features: Feature
    firmware: tuple[int, int] | None = None
    watchdog_ms: int | None = None


class RecordedHand:
    """Stands for the hand of a session: says what it said, and is lost and refuses when it did.

    Args:
        session: of the log.
        obedient: it is another bundle that asks: it does what it is asked, and only what befell the recorded
            one by itself (it latched, or was lost) befalls it too.
    """

    def __init__(self, session: Session, obedient: bool) -> None:
        actions = frozenset(
            HandAction[name] for name in session.hand_actions if name in HandAction.__members__
        )
        ttl_ms = session.hand_max_ttl_ms
        self.caps = RecordedCapabilities(
            session.hand or "", actions, 0 if ttl_ms is None else ttl_ms, len(session.joints), Feature(0)
        )
        self.state = RecordedStatus(HandState.IDLE, Fault.NONE, "", False)
        self.stats = LinkStats(*(0,) * 10, None, None, None)
        self._obedient = obedient
        self._tick: Tick | None = None
        self._armed_then = False
        self._lost = False
        self._acts_left = 0

    def at(self, moment: Moment) -> None:
        """The tick begins."""
        self._tick = moment.tick
        kinds = [command.kind for command in moment.commands]
        self._acts_left = kinds.count("act")
        # What was stopped already is stopped again only where arming went well before the hand was lost.
        self._armed_then = armed_in(moment) or stopped_after_arming(moment)
        if moment.hand is None:
            return
        recorded = RecordedStatus.of(moment.hand)
        if not self._obedient or recorded.state.latched:
            self.state = recorded

    def _lose(self) -> None:
        """Raises LinkLost when it was lost in this tick. Why was told where it stopped the hand, and nowhere
        else did it matter."""
        if self._tick is not None and self._tick.hand_lost and not self._lost:
            self._lost = True
            raise LinkLost(self._tick.stopped_by)

    def reopen(self) -> "RecordedHand":
        if self._tick is not None and self._tick.hand_lost:
            raise LinkLost("the hand was still away")
        self._lost = False
        return self

    def connect(self, timeout: float = 3.0) -> RecordedCapabilities:
        if self._obedient:
            self.state = RecordedStatus(HandState.IDLE, Fault.NONE, "", False)
        return self.caps

    def arm(self) -> None:
        if self._obedient:
            self.state = RecordedStatus(HandState.ARMED, Fault.NONE, "", True)
        elif not self._armed_then:
            self._lose()
            raise Refused("as recorded", 0)

    def stop(self) -> None:
        if self._obedient and not self.state.state.latched:
            self.state = RecordedStatus(HandState.IDLE, Fault.NONE, "", False)

    def service(self, healthy: bool) -> None:
        self._lose()

    def act(self, action: HandAction, speed: int = 100, force: int = 100, ttl_ms: int = 500) -> None:
        self._acts_left -= 1
        if not self._obedient and not self._acts_left:
            self._lose()

    def move(self, targets: Mapping[int, int], speed: int = 100, ttl_ms: int = 500) -> None:
        raise NotImplementedError("no loop moves single joints")

    def ping(self) -> float:
        return 0.0

    def ranges(self) -> tuple[JointRange, ...]:
        return ()

    def close(self) -> None:
        pass


class RecordedArming:
    """Asks for what was asked for."""

    def __init__(self, session: Session) -> None:
        self.again = session.arms_again
        self.hint = session.arming or ""
        self.request: Request | None = None

    def poll(self, now: float) -> Request | None:
        return self.request
