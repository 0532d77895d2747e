import json
from dataclasses import fields, is_dataclass
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

import pytest

from neurograsp.firmware_bridge import frames
from neurograsp.firmware_bridge.errors import ProtocolError
from neurograsp.firmware_bridge.frames import Frame, FrameDecoder, encode_frame
from neurograsp.firmware_bridge.protocol import MessageType, make_frame, parse

VECTORS = json.loads((Path(frames.__file__).parent / "vectors.json").read_text())
GOOD = encode_frame(Frame(7, 1, 2))


def named(vectors: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def plain(value: object) -> object:
    """A message as JSON would have it."""
    if isinstance(value, IntFlag):
        return int(value)
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, frozenset):
        return [plain(item) for item in sorted(value)]
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value


def decode_one(vector: dict[str, Any]) -> Frame:
    (frame,) = FrameDecoder().feed(bytes.fromhex(vector["hex"]))
    assert (frame.type, frame.session, frame.seq) == (vector["type"], vector["session"], vector["seq"])
    assert frame.payload.hex() == vector["payload"]
    return frame


def test_every_message_type_is_covered() -> None:
    assert {vector["type"] for vector in VECTORS["messages"]} == set(MessageType)


@pytest.mark.parametrize("vector", named(VECTORS["messages"]))
def test_message(vector: dict[str, Any]) -> None:
    frame = decode_one(vector)
    message = parse(frame)
    assert plain(message) == vector["message"]
    assert make_frame(message, frame.session, frame.seq) == frame
    assert encode_frame(frame).hex() == vector["hex"]


@pytest.mark.parametrize("vector", named(VECTORS["unacceptable"]))
def test_unacceptable(vector: dict[str, Any]) -> None:
    frame = decode_one(vector)
    assert frame.version == vector["version"]
    assert encode_frame(frame).hex() == vector["hex"]
    with pytest.raises(ProtocolError):
        parse(frame)


@pytest.mark.parametrize("vector", named(VECTORS["broken"]))
def test_broken(vector: dict[str, Any]) -> None:
    decoder = FrameDecoder()
    assert decoder.feed(bytes.fromhex(vector["hex"])) == []
    for counter in ("crc_errors", "overruns", "malformed"):
        assert getattr(decoder, counter) == (counter == vector["counter"])
    assert decoder.feed(GOOD) == [Frame(7, 1, 2)]
