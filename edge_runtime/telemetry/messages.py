"""What a run tells of itself: the same messages in the session log, its replay, and the monitor.

============ ================================ ==============================================================
topic        message                          when
============ ================================ ==============================================================
session      `Session`                        once, first; to everybody who begins to listen later
counts       `Counts`                         every tick that read frames
tick         `Tick`                           every tick
decision     `Decided`                        every hop
command      `Command`                        everything that was asked of the hand, also in vain
hand         `HandReport`                     when it changed, at most once a tick; at least once a second
event        `Event`                          armed, stopped, lost, found, dropped, ended; what was logged
============ ================================ ==============================================================

The messages of one tick come in the order of its work, and `Tick` last: counts, decisions, commands, hand,
tick. What follows the last `Tick` was done while the run ended.

All but `Counts` are JSON objects of exactly these keys. Times are seconds since the run began, by the
monotonic clock that the control loop goes by; `Session.started_at` says when that was.
"""

import enum
import json
from dataclasses import dataclass
from typing import Any, Literal

from neurograsp.edge_runtime.contract.errors import ConfigError, ProtocolError
from neurograsp.edge_runtime.telemetry.counts import Counts as Counts
from neurograsp.edge_runtime.telemetry.counts import pack_counts, unpack_counts
from neurograsp.firmware_bridge.strict import decode, encode, parse_json

VERSION = 1
"""Of these messages. A reader refuses a newer one and names the version that it wants."""

MAX_BYTES = 2**22
"""Of one message; a session with a spatial filter of many channels is the largest. What is read from a file
or a socket is untrusted."""


class Topic(enum.StrEnum):
    SESSION = "session"
    COUNTS = "counts"
    TICK = "tick"
    DECISION = "decision"
    COMMAND = "command"
    HAND = "hand"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Joint:
    """As `firmware_bridge.hands.hand.JointRange`."""

    name: str
    low: int
    high: int
    unit: str


@dataclass(frozen=True, slots=True)
class Session:
    """Attributes:
    version: of these messages.
    neurograsp: version of this package.
    started_at: UTC, ISO 8601.
    bundle, bundle_sha256: its path, and what it is.
    signal: the manifest's `SignalSpec`, encoded.
    decision: the thresholds in force (`DecisionSpec`, encoded), calibration included.
    calibration_sha256: of the calibration's file; None without one.
    source: what was asked for and what it says that it is.
    hand: its name; None without one.
    hand_actions: what it can be asked to do, by name; empty without one.
    hand_max_ttl_ms: the longest time to live that it takes; None without one.
    on_link_loss: what the hand does when this computer dies.
    joints: of the hand; empty where it has none to tell of.
    arming: who may arm it, for people; None: nobody.
    arms_again: it can be armed again after a stop.
    patience_s: how long a source or hand that is lost is looked for.
    tick_ms: time from one tick to the next, and each tick's deadline.
    """

    version: int
    neurograsp: str
    started_at: str
    bundle: str
    bundle_sha256: str
    signal: dict[str, Any]
    decision: dict[str, Any]
    calibration_sha256: str | None
    source: str
    hand: str | None
    hand_actions: tuple[str, ...]
    hand_max_ttl_ms: int | None
    on_link_loss: str | None
    joints: tuple[Joint, ...]
    arming: str | None
    arms_again: bool
    patience_s: float
    tick_ms: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Attributes:
    number: from 0; one that is missing was dropped on the way to the reader.
    at_s: when it began.
    late_us, read_us, filter_us, infer_us, decide_us, send_us, tick_us: how late it began, and what its parts
        and the whole took, without the telling; infer is 0 in a tick without a decision.
    missed: its work outlasted its deadline.
    age_s: of the newest frame; None before the first and while the source is lost.
    source_lost, hand_lost: it is being looked for.
    state: of the runtime: starting, disarmed, armed or stopped.
    stopped_by: why, in words; "" while nothing has stopped it.
    doubt: why the signal is not believed; None when it is.
    request: what was asked of the arming: "arm", "disarm", "stop" or None.
    """

    number: int
    at_s: float
    late_us: float
    read_us: float
    filter_us: float
    infer_us: float
    decide_us: float
    send_us: float
    tick_us: float
    missed: bool
    age_s: float | None
    source_lost: bool
    hand_lost: bool
    state: Literal["starting", "disarmed", "armed", "stopped"]
    stopped_by: str
    doubt: str | None
    request: Literal["arm", "disarm", "stop"] | None


@dataclass(frozen=True, slots=True)
class Decided:
    """One `decide.Decision`; a number that is not one (a gap has no scores) is None.

    Attributes:
        at_s: when its tick began.
        time_s, frame: stream time and number of the window's last frame.
        logits, probabilities: of the actions, in the order of the signal's.
        action, started, command, speed, force, reason: see `Decision`.
        channel_faults: of each channel, as `quality.Fault`; empty where nothing was looked at.
    """

    at_s: float
    time_s: float
    frame: int
    logits: tuple[float | None, ...]
    probabilities: tuple[float | None, ...]
    action: str | None
    started: bool
    command: str | None
    speed: int
    force: int
    reason: str
    channel_faults: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """Something that was asked of the hand.

    Attributes:
        at_s: when its tick began.
        kind: "act", "arm", "stop" or "withheld" (decided, and not sent because nobody armed the hand).
        name: of the action; "" of the other kinds but "withheld".
        speed, force: percent.
        ttl_ms: time to live.
        reason: of a stop.
    """

    at_s: float
    kind: Literal["act", "arm", "stop", "withheld"]
    name: str
    speed: int
    force: int
    ttl_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class HandReport:
    """Attributes:
    at_s: when its tick began.
    state, fault, why, attached: as of `firmware_bridge.hands.hand.Status`, states by name.
    positions: of the joints in their unit, None where that is not known.
    temperatures_c: of the joints, likewise.
    link: `LinkStats`, encoded, without its round trips unless `rtt_ms_p50` is at hand.
    """

    at_s: float
    state: str
    fault: str
    why: str
    attached: bool
    positions: tuple[int | None, ...]
    temperatures_c: tuple[int | None, ...]
    link: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """Attributes:
    at_s: when.
    level: as of `logging`, lower case.
    text: for people, one line.
    dropped: messages that were lost on the way so far, by topic; only where that changed.
    """

    at_s: float
    level: Literal["debug", "info", "warning", "error", "critical"]
    text: str
    dropped: dict[str, int]


Message = Session | Counts | Tick | Decided | Command | HandReport | Event
TYPES: dict[Topic, type[Any]] = {
    Topic.SESSION: Session,
    Topic.COUNTS: Counts,
    Topic.TICK: Tick,
    Topic.DECISION: Decided,
    Topic.COMMAND: Command,
    Topic.HAND: HandReport,
    Topic.EVENT: Event,
}
_TOPICS = {kind: topic for topic, kind in TYPES.items()}


def topic_of(message: Message) -> Topic:
    return _TOPICS[type(message)]


def to_bytes(message: Message) -> bytes:
    """A message as it stands in a log and goes over a socket."""
    if isinstance(message, Counts):
        return pack_counts(message)
    return json.dumps(encode(message), allow_nan=False, separators=(",", ":")).encode()


def from_bytes(topic: Topic, raw: bytes) -> Message:
    """Raises ProtocolError when it is no such message, or of a newer version."""
    if len(raw) > MAX_BYTES:
        raise ProtocolError(f"a {topic} of {len(raw)} bytes, at most {MAX_BYTES} are possible")
    if topic is Topic.COUNTS:
        return unpack_counts(raw)
    try:
        tree = parse_json(raw)
        if topic is Topic.SESSION:
            _refuse_newer(tree)
        message: Message = decode(TYPES[topic], tree, topic)
    except (ValueError, ConfigError) as error:
        raise ProtocolError(f"a {topic} that cannot be read ({error!s:.200})") from error
    return message


def _refuse_newer(session: Any) -> None:
    version = session.get("version") if isinstance(session, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise ProtocolError(
            f"a session of version {version}; this neurograsp reads up to {VERSION}: update it"
        )
