"""Messages of wire version 1: what the payloads mean. No I/O; `docs/protocol.md` has the tables.

Every message is a frozen dataclass with `type`, `pack() -> bytes` and `unpack(bytes)`, strict both ways:
what does not fit raises ProtocolError. `firmware/NeuroHand/src/hand_protocol.c` is the other half.
"""

from neurograsp.firmware_bridge.answers import Ack, Caps, Event, HandStatus, Limits, Nack
from neurograsp.firmware_bridge.codes import (
    EventKind,
    Fault,
    Feature,
    HandAction,
    HandState,
    MessageType,
    NackCode,
    StateFlag,
    Topic,
)
from neurograsp.firmware_bridge.errors import ProtocolError
from neurograsp.firmware_bridge.frames import VERSION, Frame
from neurograsp.firmware_bridge.payloads import Message, enum
from neurograsp.firmware_bridge.requests import Action, Arm, Beat, Clear, Config, Get, Hello, Joints, Stop

__all__ = [
    "Ack",
    "Action",
    "Answer",
    "Arm",
    "Beat",
    "Caps",
    "Clear",
    "Config",
    "Event",
    "EventKind",
    "Fault",
    "Feature",
    "Get",
    "HandAction",
    "HandState",
    "HandStatus",
    "Hello",
    "Joints",
    "Limits",
    "Message",
    "MessageType",
    "Nack",
    "NackCode",
    "Request",
    "StateFlag",
    "Stop",
    "Topic",
    "make_frame",
    "parse",
]

Request = Hello | Config | Arm | Beat | Action | Joints | Stop | Clear | Get
Answer = Caps | Ack | Nack | HandStatus | Event | Limits

_CLASSES: tuple[type[Request] | type[Answer], ...] = (
    *(Hello, Config, Arm, Beat, Action, Joints, Stop, Clear, Get),
    *(Caps, Ack, Nack, HandStatus, Event, Limits),
)
_BY_TYPE = {message.type: message for message in _CLASSES}


def make_frame(message: Message, session: int, seq: int) -> Frame:
    """The frame that carries `message`."""
    return Frame(message.type, session, seq, message.pack())


def parse(frame: Frame) -> Request | Answer:
    """The message in `frame`. A NACK is one in every version, or nobody could be told of another version.

    Raises:
        ProtocolError: unknown version or type, or a payload that breaks the rules.
    """
    if frame.version != VERSION and frame.type != MessageType.NACK:
        raise ProtocolError(f"frame of protocol version {frame.version}, this side speaks {VERSION}")
    return _BY_TYPE[enum(MessageType, frame.type)].unpack(frame.payload)
