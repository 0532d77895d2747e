"""Messages from the host to the hand."""

import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from neurograsp.firmware_bridge.answers import Limits
from neurograsp.firmware_bridge.codes import HandAction, MessageType, Topic
from neurograsp.firmware_bridge.payloads import MAX_JOINTS, check, enum, fields

CONFIG_MAX_ENTRIES = 4


class _Empty:
    """A message without payload."""

    def pack(self) -> bytes:
        return b""

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        fields(cls.__name__.upper(), "<", payload)
        return cls()


@dataclass(frozen=True, slots=True)
class Hello(_Empty):
    """Begin the session in the frame's header; answered by CAPS."""

    type: ClassVar[MessageType] = MessageType.HELLO


@dataclass(frozen=True, slots=True)
class Arm(_Empty):
    """Attach the outputs and allow motion."""

    type: ClassVar[MessageType] = MessageType.ARM


@dataclass(frozen=True, slots=True)
class Beat(_Empty):
    """The host is alive and well. Never answered."""

    type: ClassVar[MessageType] = MessageType.BEAT


@dataclass(frozen=True, slots=True)
class Stop(_Empty):
    """Stop at once; obeyed whatever the session and the sequence number."""

    type: ClassVar[MessageType] = MessageType.STOP


@dataclass(frozen=True, slots=True)
class Clear(_Empty):
    """Zero the counters. Opens no latch."""

    type: ClassVar[MessageType] = MessageType.CLEAR


@dataclass(frozen=True, slots=True)
class Config:
    """Narrow the limits of 1 to 4 joints until the session ends; refused as a whole if one is wider or
    named twice."""

    type: ClassVar[MessageType] = MessageType.CONFIG
    limits: tuple[Limits, ...]

    def __post_init__(self) -> None:
        check("number of joints in CONFIG", len(self.limits), 1, CONFIG_MAX_ENTRIES)

    def pack(self) -> bytes:
        return b"".join(limits.pack() for limits in self.limits)

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        entries = [payload[at : at + 7] for at in range(0, len(payload), 7)]
        return cls(tuple(Limits.unpack(entry) for entry in entries))


@dataclass(frozen=True, slots=True)
class Action:
    """Go for a pose.

    Attributes:
        action: which one.
        speed: 1 to 100 percent of each joint's rate limit.
        force: 1 to 100 percent; without effect on a device that lacks `Feature.FORCE`.
        ttl_ms: the hand holds still after this long, unless a newer request came.
    """

    type: ClassVar[MessageType] = MessageType.ACTION
    action: HandAction
    speed: int
    force: int
    ttl_ms: int

    def __post_init__(self) -> None:
        check("speed", self.speed, 1, 100)
        check("force", self.force, 1, 100)
        check("ttl_ms", self.ttl_ms, 1, 0xFFFF)

    def pack(self) -> bytes:
        return struct.pack("<BBBH", self.action, self.speed, self.force, self.ttl_ms)

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        action, speed, force, ttl_ms = fields("ACTION", "<BBBH", payload)
        return cls(enum(HandAction, action), speed, force, ttl_ms)


@dataclass(frozen=True, slots=True)
class Joints:
    """Go for joint positions; the joints not named stay where they are.

    Attributes:
        targets_us: joint -> pulse length; at least one.
        speed, ttl_ms: as in `Action`.
    """

    type: ClassVar[MessageType] = MessageType.JOINTS
    targets_us: dict[int, int]
    speed: int
    ttl_ms: int

    def __post_init__(self) -> None:
        check("number of joints in JOINTS", len(self.targets_us), 1, MAX_JOINTS)
        for joint, target_us in self.targets_us.items():
            check("joint", joint, 0, MAX_JOINTS - 1)
            check(f"target of joint {joint}", target_us, 0, 0xFFFF)
        check("speed", self.speed, 1, 100)
        check("ttl_ms", self.ttl_ms, 1, 0xFFFF)

    def pack(self) -> bytes:
        joints = sorted(self.targets_us)
        head = struct.pack("<BBH", sum(1 << joint for joint in joints), self.speed, self.ttl_ms)
        return head + b"".join(struct.pack("<H", self.targets_us[joint]) for joint in joints)

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        joints = [joint for joint in range(MAX_JOINTS) if payload[:1] and payload[0] >> joint & 1]
        _, speed, ttl_ms, *targets_us = fields("JOINTS", f"<BBH{len(joints)}H", payload)
        return cls(dict(zip(joints, targets_us, strict=True)), speed, ttl_ms)


@dataclass(frozen=True, slots=True)
class Get:
    """Ask for STATE (sent at once, then ACK), CAPS, or one joint's LIMITS (`index`)."""

    type: ClassVar[MessageType] = MessageType.GET
    topic: Topic
    index: int = 0

    def __post_init__(self) -> None:
        check("index", self.index, 0, MAX_JOINTS - 1 if self.topic is Topic.LIMITS else 0)

    def pack(self) -> bytes:
        return bytes([self.topic, self.index])

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        topic, index = fields("GET", "<BB", payload)
        return cls(enum(Topic, topic), index)
