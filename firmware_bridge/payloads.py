"""What all message classes share."""

import struct
from enum import IntEnum
from typing import ClassVar, Protocol, TypeVar

from neurograsp.firmware_bridge.codes import MessageType
from neurograsp.firmware_bridge.errors import ProtocolError
from neurograsp.firmware_bridge.frames import VERSION

MAX_JOINTS = 8


class Message(Protocol):
    """What every message class has."""

    type: ClassVar[MessageType]

    def pack(self) -> bytes:
        """The payload."""


EnumT = TypeVar("EnumT", bound=IntEnum)


def check(what: str, value: int, low: int, high: int) -> None:
    """Raise ProtocolError unless `low <= value <= high`."""
    if not low <= value <= high:
        raise ProtocolError(f"{what} is {value}, must be {low} to {high}")


def fields(what: str, layout: str, payload: bytes) -> tuple[int, ...]:
    """The numbers in a payload that has exactly this `struct` layout."""
    if len(payload) != struct.calcsize(layout):
        raise ProtocolError(
            f"{what} has {len(payload)} bytes of payload, must have {struct.calcsize(layout)}"
        )
    return struct.unpack(layout, payload)


def enum(kind: type[EnumT], value: int) -> EnumT:
    """The member of `kind`."""
    try:
        return kind(value)
    except ValueError:
        raise ProtocolError(f"{value} is no {kind.__name__} of protocol version {VERSION}") from None
