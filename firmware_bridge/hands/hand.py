"""What the control loop needs of a hand: `HandLink` to our firmware, or a `DeviceHand` around a driver."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from neurograsp.firmware_bridge.codes import Fault, Feature, HandAction, HandState
from neurograsp.firmware_bridge.link_stats import LinkStats


class Capabilities(Protocol):
    """What a hand is."""

    @property
    def name(self) -> str:
        """Of its profile."""

    @property
    def firmware(self) -> tuple[int, int] | None:
        """Version of our firmware; None of another device."""

    @property
    def joints(self) -> int:
        """How many it has."""

    @property
    def features(self) -> Feature:
        """What it has besides."""

    @property
    def max_ttl_ms(self) -> int:
        """The longest time to live of an action that it takes."""

    @property
    def watchdog_ms(self) -> int | None:
        """Silence of the host after which it stops by itself; None: it does not."""

    @property
    def actions(self) -> frozenset[HandAction]:
        """What it can be asked to do."""


@dataclass(frozen=True, slots=True)
class JointRange:
    """What one joint may do.

    Attributes:
        name: of the joint; its number where the hand has no names.
        label: what its profile calls a joint that has a number alone; for people.
        low, high: limits in force.
        rate: largest change a second.
        unit: of these: "us" of a servo's pulse, "%" of a way, or the device's "counts".
    """

    name: str
    low: int
    high: int
    rate: float
    unit: str
    label: str = ""


class Status(Protocol):
    """The newest that is known of a hand."""

    @property
    def state(self) -> HandState:
        """As of the firmware, or of the driver in its place."""

    @property
    def fault(self) -> Fault:
        """Why it latched."""

    @property
    def why(self) -> str:
        """The fault, for people."""

    @property
    def attached(self) -> bool:
        """Its motors are driven."""

    @property
    def goals(self) -> tuple[int, ...]:
        """Where the joints have been sent, in the unit of `ranges`; empty before the first."""

    @property
    def positions(self) -> Mapping[int, int]:
        """Of joints, by their place, in the unit of `ranges`; one that is not known is missing."""

    @property
    def temperatures_c(self) -> Mapping[int, int]:
        """Of joints, by their place; empty where nobody measures them."""


class Hand(Protocol):
    """One hand. Only `connect`, `ping`, `ranges`, `arm` and `close` wait. LinkError: lost, or refuses."""

    @property
    def caps(self) -> Capabilities:
        """What it is; after `connect`."""

    @property
    def state(self) -> Status:
        """The newest status."""

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""

    def connect(self, timeout: float = 3.0) -> Capabilities:
        """Begin a session: find the hand, move nothing, leave it disarmed."""

    def ping(self) -> float:
        """Round trip of one question, milliseconds; moves nothing."""

    def ranges(self) -> tuple[JointRange, ...]:
        """What its joints may do; moves nothing."""

    def arm(self) -> None:
        """Let it be moved, from where it stands."""

    def act(self, action: HandAction, speed: int = 100, force: int = 100, ttl_ms: int = 500) -> None:
        """Ask for a pose at the next healthy `service`: speed and force in percent of the profile's."""

    def move(self, targets: Mapping[int, int], speed: int = 100, ttl_ms: int = 500) -> None:
        """Ask for positions of some joints, by their place, in the unit of `ranges`."""

    def stop(self) -> None:
        """Stop now; it has to be armed anew."""

    def service(self, healthy: bool) -> None:
        """What every tick has to do; an unhealthy one sends nothing, and the hand stops when that goes on."""

    def close(self) -> None:
        """Stop it and give the port back."""


@dataclass(frozen=True, slots=True)
class Promises:
    """What a device does by itself, so that `DeviceHand` knows what it has to supply or refuse.

    Attributes:
        watchdog_s: after so long without a frame it stops by itself; None: it has no such watchdog.
        on_link_loss: what it does then, for people: "stops and holds", "holds its last goal, torque on".
        answers: it can be asked where it is and how it is.
        force: its force can be limited.
        renew_s: goals have to be renewed within this time, or the device goes its own way, from where an old
            goal would be a jump; it is let go then. None: goals stand.
        asked_last: it is asked at the end of a tick: on a line that goes one way at a time, what is sent
            right after a question meets its answer.
        first_move: what arming itself moves, for people, of a device that cannot say where its joints are;
            None: arming moves nothing.
    """

    watchdog_s: float | None
    on_link_loss: str
    answers: bool
    force: bool
    renew_s: float | None = None
    asked_last: bool = False
    first_move: str | None = None

    @property
    def words(self) -> str:
        """What it does without its host and what arming does, for people."""
        on_arming = "" if self.first_move is None else f"; arming it {self.first_move}"
        return f"when this computer or the cable dies it {self.on_link_loss}{on_arming}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a device says of itself; a joint that has not been heard of yet is not in the mappings.

    Attributes:
        positions: of joints, in the device's counts.
        faults: of joints, for people: "overload".
        temperatures_c: of joints.
        heard_s: when the newest answer came (monotonic seconds); where joints answer for themselves and one
            is silent, its newest. None before the first.
    """

    positions: Mapping[int, int]
    faults: Mapping[int, str]
    temperatures_c: Mapping[int, int]
    heard_s: float | None


class Device(Protocol):
    """A driver: goals of joints to bytes, and answers back. It decides nothing and remembers no goal.

    Positions are in the device's own counts; the order is that of the profile's joints. Nothing waits but
    `identify`, `positions`, `enable` and `close`.
    """

    @property
    def promises(self) -> Promises:
        """What it does without us."""

    @property
    def stats(self) -> LinkStats:
        """Figures of the line."""

    def identify(self, timeout: float) -> str:
        """Ask who is there, of every joint, without moving any; its name.

        Raises:
            LinkLost: nobody answers, or somebody with another protocol.
        """

    def positions(self) -> tuple[int | None, ...]:
        """Where the joints are now, None of one of which the device itself does not know; and their faults.

        Raises:
            LinkLost: no answer.
        """

    def enable(self, goals: tuple[int, ...]) -> None:
        """Set the goals, then drive the motors: a joint that is at its goal must not move."""

    def disable(self) -> None:
        """Leave the motors without torque."""

    def send(self, goals: tuple[int, ...], force: int) -> tuple[int, ...]:
        """Send goals, also to a hand that only holds; what was really sent, after clipping."""

    def poll(self, asking: bool) -> Report:
        """Take in what has arrived; ask for the next only when `asking`, which feeds watchdogs of some buses.

        Raises:
            LinkLost: the port died.
        """

    def close(self) -> None:
        """Give the port back."""


def named_bits(bits: int, names: Mapping[int, str]) -> str:
    """Faults of a bit field, for people."""
    known = [text for bit, text in names.items() if bits & bit]
    return ", ".join(known) or f"status {bits:#04x}"
