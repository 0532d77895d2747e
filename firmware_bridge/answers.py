"""Messages from the hand to the host."""

import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from neurograsp.firmware_bridge.codes import (
    EventKind,
    Fault,
    Feature,
    HandAction,
    HandState,
    MessageType,
    NackCode,
    StateFlag,
)
from neurograsp.firmware_bridge.errors import ProtocolError
from neurograsp.firmware_bridge.payloads import MAX_JOINTS, check, enum, fields

JOINT_TARGETS = 0xFF
"""What STATE.action says while a JOINTS frame is carried out."""


@dataclass(frozen=True, slots=True)
class Limits:
    """One joint's limits: microseconds, and microseconds a servo frame."""

    type: ClassVar[MessageType] = MessageType.LIMITS
    joint: int
    min_us: int
    max_us: int
    rate_us: int

    def __post_init__(self) -> None:
        check("joint", self.joint, 0, MAX_JOINTS - 1)
        check("min_us", self.min_us, 0, self.max_us)
        check("max_us", self.max_us, 0, 0xFFFF)
        check("rate_us", self.rate_us, 1, 0xFFFF)

    def pack(self) -> bytes:
        return struct.pack("<BHHH", self.joint, self.min_us, self.max_us, self.rate_us)

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        return cls(*fields("LIMITS", "<BHHH", payload))


@dataclass(frozen=True, slots=True)
class Caps:
    """What the hand is.

    Attributes:
        version_min, version_max: protocol versions it speaks.
        firmware: major and minor version of the firmware.
        joints: number of joints.
        frame_ms: one servo frame, in which a joint moves at most its rate.
        features: what the device has.
        watchdog_ms: silence of the host after which it stops.
        limp_ms: from that stop to outputs detached.
        max_ttl_ms: the longest `Action.ttl_ms` it takes.
        actions: the actions it has.
        name: of its profile, up to 15 ASCII letters.
    """

    type: ClassVar[MessageType] = MessageType.CAPS
    version_min: int
    version_max: int
    firmware: tuple[int, int]
    joints: int
    frame_ms: int
    features: Feature
    watchdog_ms: int
    limp_ms: int
    max_ttl_ms: int
    actions: frozenset[HandAction]
    name: str

    def pack(self) -> bytes:
        mask = sum(1 << action for action in self.actions)
        head = (self.version_min, self.version_max, *self.firmware, self.joints, self.frame_ms, self.features)
        times = (self.watchdog_ms, self.limp_ms, self.max_ttl_ms)
        return struct.pack("<7B3HI", *head, *times, mask) + self.name.encode("ascii")

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        low, high, major, minor, joints, frame_ms, features, watchdog_ms, limp_ms, max_ttl_ms, mask = fields(
            "CAPS", "<7B3HI", payload[:17]
        )
        check("joints", joints, 1, MAX_JOINTS)
        name = payload[17:]
        if not (name.isascii() and name.decode("ascii").isprintable()):
            raise ProtocolError(f"CAPS names the hand {name!r}, must be printable ASCII")
        return cls(
            low,
            high,
            (major, minor),
            joints,
            frame_ms,
            Feature(features),
            watchdog_ms,
            limp_ms,
            max_ttl_ms,
            frozenset(action for action in HandAction if mask >> action & 1),
            name.decode("ascii"),
        )


@dataclass(frozen=True, slots=True)
class Ack:
    """Done; the state is the one right after."""

    type: ClassVar[MessageType] = MessageType.ACK
    request: MessageType
    state: HandState

    def pack(self) -> bytes:
        return bytes([self.request, self.state])

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        request, state = fields("ACK", "<BB", payload)
        return cls(enum(MessageType, request), enum(HandState, state))


@dataclass(frozen=True, slots=True)
class Nack:
    """Refused, and nothing has changed.

    Attributes:
        code: why.
        request: type byte of the refused request (perhaps unknown).
        detail: VERSION: lowest and highest supported; VALUE: offset in the payload, 0; else 0, 0.
    """

    type: ClassVar[MessageType] = MessageType.NACK
    code: NackCode
    request: int
    detail: tuple[int, int] = (0, 0)

    def pack(self) -> bytes:
        return bytes([self.code, self.request, *self.detail])

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        code, request, first, second = fields("NACK", "<4B", payload)
        return cls(enum(NackCode, code), request, (first, second))


@dataclass(frozen=True, slots=True)
class HandStatus:
    """STATE, sent 20 times a second once there is a session.

    Attributes:
        state, fault, flags: of the hand.
        action: under way or held; HOLD when none is; None while JOINTS targets are carried out.
        frames, errors, duplicates, refusals: counters of what the hand received, mod 2^16.
        joints_us: pulse lengths, as commanded to the servos (there is no position feedback).
    """

    type: ClassVar[MessageType] = MessageType.STATE
    state: HandState
    action: HandAction | None
    fault: Fault
    flags: StateFlag
    frames: int
    errors: int
    duplicates: int
    refusals: int
    joints_us: tuple[int, ...]

    @property
    def why(self) -> str:
        """The fault, for people."""
        return self.fault.name

    @property
    def attached(self) -> bool:
        """The outputs drive the servos."""
        return bool(int(self.flags) & int(StateFlag.ATTACHED))

    @property
    def goals(self) -> tuple[int, ...]:
        """`joints_us`."""
        return self.joints_us

    @property
    def positions(self) -> dict[int, int]:
        """Of joints with a pulse, by their place: where they are told to be."""
        return {place: us for place, us in enumerate(self.joints_us) if us}

    @property
    def temperatures_c(self) -> dict[int, int]:
        """Nobody measures them."""
        return {}

    def pack(self) -> bytes:
        action = JOINT_TARGETS if self.action is None else self.action
        counters = (self.frames, self.errors, self.duplicates, self.refusals)
        head = struct.pack(
            "<4B4HB", self.state, action, self.fault, self.flags, *counters, len(self.joints_us)
        )
        return head + struct.pack(f"<{len(self.joints_us)}H", *self.joints_us)

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        joints = payload[12] if len(payload) > 12 else 0
        check("number of joints in STATE", joints, 1, MAX_JOINTS)
        state, action, fault, flags, *rest = fields("STATE", f"<4B4HB{joints}H", payload)
        frames, errors, duplicates, refusals, _, *joints_us = rest
        return cls(
            enum(HandState, state),
            None if action == JOINT_TARGETS else enum(HandAction, action),
            enum(Fault, fault),
            StateFlag(flags),
            frames,
            errors,
            duplicates,
            refusals,
            tuple(joints_us),
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened; STATE would show it up to 50 ms later.

    Attributes:
        kind: what.
        state, fault: right after.
        detail: STATE_CHANGED: the state left; ACTION_EXPIRED: the action; OUTPUTS: 1 attached, 0 detached.
    """

    type: ClassVar[MessageType] = MessageType.EVENT
    kind: EventKind
    state: HandState
    fault: Fault
    detail: int

    def pack(self) -> bytes:
        return bytes([self.kind, self.state, self.fault, self.detail])

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        kind, state, fault, detail = fields("EVENT", "<4B", payload)
        return cls(enum(EventKind, kind), enum(HandState, state), enum(Fault, fault), detail)
