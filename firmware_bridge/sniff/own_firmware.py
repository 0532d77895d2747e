"""Frames of our own firmware (docs/protocol.md), for people."""

from neurograsp.firmware_bridge.answers import Ack, Caps, Event, HandStatus, Limits, Nack
from neurograsp.firmware_bridge.codes import MessageType, Topic
from neurograsp.firmware_bridge.errors import ProtocolError
from neurograsp.firmware_bridge.frames import COBS_MAX, Frame, FrameDecoder
from neurograsp.firmware_bridge.protocol import Answer, Request, parse
from neurograsp.firmware_bridge.requests import Action, Config, Get, Joints
from neurograsp.firmware_bridge.sniff.pieces import Found, Meaning, Side
from neurograsp.firmware_bridge.sniff.words import delimited, hexed

FROM_HAND = 0x80
"""In the type of what the hand sends."""


class FirmwareReader:
    """See `Reader`."""

    def find(self, data: bytes, side: Side) -> Found | None:
        """Between zeros."""
        return delimited(data, 0, COBS_MAX, lambda inside: _frame(inside) is not None)

    def tell(self, packet: bytes, side: Side) -> Meaning:
        """The message, its session and its number."""
        frame = _frame(packet.strip(b"\0"))
        assert frame is not None
        said_by = Side.DEVICE if frame.type & FROM_HAND else Side.HOST
        return Meaning(f"{_message(frame)}  [session {frame.session}, {frame.seq}]", said_by)


def _frame(inside: bytes) -> Frame | None:
    frames = FrameDecoder().feed(inside + b"\0")
    return frames[0] if frames else None


def _message(frame: Frame) -> str:
    try:
        message = parse(frame)
    except ProtocolError as error:
        return f"type {frame.type:#04x} {hexed(frame.payload)}: {error}"
    return f"{message.type.name} {_content(message)}".rstrip()


def _content(message: Request | Answer) -> str:
    match message:
        case Config():
            return "; ".join(_limits(limits) for limits in message.limits)
        case Action():
            return (
                f"{message.action.name}, speed {message.speed} %, force {message.force} %, "
                f"for {message.ttl_ms} ms"
            )
        case Joints():
            targets = ", ".join(f"{joint} to {us} us" for joint, us in message.targets_us.items())
            return f"{targets}, speed {message.speed} %, for {message.ttl_ms} ms"
        case Get():
            return message.topic.name + (f" of {message.index}" if message.topic is Topic.LIMITS else "")
        case Limits():
            return _limits(message)
        case Caps():
            major, minor = message.firmware
            return (
                f"{message.name}, firmware {major}.{minor}, {message.joints} joints, watchdog "
                f"{message.watchdog_ms} ms, actions {', '.join(sorted(one.name for one in message.actions))}"
            )
        case Ack():
            return f"{message.request.name}, now {message.state.name}"
        case Nack():
            return f"{message.code.name} to {_type(message.request)}, detail {hexed(bytes(message.detail))}"
        case HandStatus():
            return _status(message)
        case Event():
            return f"{message.kind.name}, {message.state.name}, fault {message.fault.name}, {message.detail}"
        case _:
            return ""


def _type(number: int) -> str:
    try:
        return MessageType(number).name
    except ValueError:
        return f"type {number:#04x}"


def _limits(limits: Limits) -> str:
    return f"joint {limits.joint}: {limits.min_us} to {limits.max_us} us, {limits.rate_us} us a frame"


def _status(status: HandStatus) -> str:
    action = "joints" if status.action is None else status.action.name
    flags = f", {status.flags!r}".replace("StateFlag.", "") if status.flags else ""
    return (
        f"{status.state.name} {action}, fault {status.fault.name}{flags}, joints "
        f"{' '.join(map(str, status.joints_us))} us, took {status.frames}, {status.errors} broken, "
        f"{status.duplicates} twice, {status.refusals} refused"
    )
