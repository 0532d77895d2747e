"""The frames of the C core, compared with Python's: lengths, every value of a CRC's bytes, each counter."""

import ctypes
import json
import random
from pathlib import Path

import pytest

from neurograsp.firmware_bridge import frames
from neurograsp.firmware_bridge.frames import OVERHEAD, PAYLOAD_MAX, Frame, cobs_encode, crc16, encode_frame

BROKEN = json.loads((Path(frames.__file__).parent / "vectors.json").read_text())["broken"]
COUNTERS = ("frames", "crc_errors", "overruns", "malformed")


class CFrame(ctypes.Structure):
    """hand_frame"""

    _fields_ = (
        *((name, ctypes.c_uint8) for name in ("version", "type", "session", "seq", "size")),
        ("payload", ctypes.c_uint8 * PAYLOAD_MAX),
        ("crc", ctypes.c_uint16),
    )


class CDecoder(ctypes.Structure):
    """hand_decoder"""

    _fields_ = (
        ("buffer", ctypes.c_uint8 * (PAYLOAD_MAX + OVERHEAD + 1)),
        ("size", ctypes.c_uint8),
        ("overrun", ctypes.c_bool),
        *((name, ctypes.c_uint16) for name in COUNTERS),
    )


class Decoder:
    """hand_decoder_push, a run of bytes at a time; it starts in memory that is not zero."""

    def __init__(self, core: ctypes.CDLL) -> None:
        self._core = core
        self._decoder = CDecoder.from_buffer_copy(b"\xa5" * ctypes.sizeof(CDecoder))
        core.hand_decoder_push.restype = ctypes.c_bool
        core.hand_decoder_init(ctypes.byref(self._decoder))

    def feed(self, data: bytes) -> list[Frame]:
        found = []
        frame = CFrame()
        for byte in data:
            pushed = ctypes.byref(self._decoder), ctypes.c_uint8(byte), ctypes.byref(frame)
            if self._core.hand_decoder_push(*pushed):
                payload = bytes(frame.payload[: frame.size])
                found.append(Frame(frame.type, frame.session, frame.seq, payload, frame.version))
        return found

    def counts(self) -> dict[str, int]:
        """The counters that are not zero."""
        counted = {name: getattr(self._decoder, name) for name in COUNTERS}
        return {name: count for name, count in counted.items() if count}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken["name"])
def test_what_is_broken_is_counted_as_what_it_is(core: ctypes.CDLL, broken: dict[str, str | None]) -> None:
    decoder = Decoder(core)
    assert decoder.feed(bytes.fromhex(str(broken["hex"]))) == []
    assert decoder.counts() == ({broken["counter"]: 1} if broken["counter"] else {})


@pytest.mark.parametrize("size", range(OVERHEAD))
def test_a_frame_too_short_is_malformed_though_its_crc_is_right(core: ctypes.CDLL, size: int) -> None:
    raw = bytes(range(1, size - 1)) if size >= 2 else b""
    raw = (raw + crc16(raw).to_bytes(2, "little"))[:size]
    decoder = Decoder(core)
    assert decoder.feed(b"\0" + cobs_encode(raw) + b"\0") == []
    assert decoder.counts() == {"malformed": 1}


@pytest.mark.parametrize("size", [0, 1, 2, 31, 32])
def test_any_frame_is_decoded_and_encoded_again(core: ctypes.CDLL, size: int) -> None:
    """As many as it takes until both bytes of the CRC have had every value."""
    rng = random.Random(size)
    decoder = Decoder(core)
    low: set[int] = set()
    high: set[int] = set()
    sent = 0
    while min(len(low), len(high)) < 256:
        frame = Frame(rng.randrange(256), rng.randrange(256), rng.randrange(256), rng.randbytes(size))
        data = encode_frame(frame)
        assert decoder.feed(data) == [frame]
        raw = bytes([frame.version, frame.type, frame.session, frame.seq]) + frame.payload
        out = ctypes.create_string_buffer(64)
        given = CFrame.from_buffer_copy(raw[:4] + bytes([size]) + raw[4:].ljust(35, b"\x55"))
        length = core.hand_frame_encode(ctypes.byref(given), out)
        assert out.raw[:length] == data
        crc = crc16(raw)
        low.add(crc & 0xFF)
        high.add(crc >> 8)
        sent += 1
    assert decoder.counts() == {"frames": sent}


def test_counters_are_cleared_within_a_frame(core: ctypes.CDLL) -> None:
    data = encode_frame(Frame(1, 42, 1))
    decoder = Decoder(core)
    decoder.feed(b"\1\0" + data + data[:5])
    core.hand_decoder_clear_counters(ctypes.byref(decoder._decoder))
    assert decoder.counts() == {}
    assert len(decoder.feed(data[5:])) == 1
    assert decoder.counts() == {"frames": 1}
