import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograsp.firmware_bridge import frames
from neurograsp.firmware_bridge.errors import ProtocolError
from neurograsp.firmware_bridge.frames import (
    COBS_MAX,
    FRAME_MAX,
    Frame,
    FrameDecoder,
    cobs_decode,
    cobs_encode,
    crc16,
    encode_frame,
)

byte = st.integers(0, 255)
frame = st.builds(Frame, byte, byte, byte, st.binary(max_size=32), byte)
VECTORS = json.loads((Path(frames.__file__).parent / "vectors.json").read_text())
SENT = [vector["hex"] for vector in VECTORS["messages"] + VECTORS["unacceptable"]]
GOOD = Frame(5, 42, 4, b"\x05\x50\x64\xf4\x01")


def test_crc_check_value() -> None:
    assert crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize(
    ("data", "encoded"),
    [("", "01"), ("00", "0101"), ("0000", "010101"), ("112200", "0311 2201"), ("11002233", "0211032233")],
)
def test_cobs_examples(data: str, encoded: str) -> None:
    assert cobs_encode(bytes.fromhex(data)) == bytes.fromhex(encoded)


@given(st.binary(max_size=253))
def test_cobs_round_trip(data: bytes) -> None:
    encoded = cobs_encode(data)
    assert 0 not in encoded
    assert len(encoded) == len(data) + 1
    assert cobs_decode(encoded) == data


@pytest.mark.parametrize("encoded", ["00", "02", "0511", "01ff11", "0211000111"])
def test_bad_cobs(encoded: str) -> None:
    with pytest.raises(ProtocolError, match="COBS"):
        cobs_decode(bytes.fromhex(encoded))


def test_cobs_refuses_what_no_frame_is() -> None:
    with pytest.raises(ProtocolError, match="254"):
        cobs_encode(b"\x01" * 254)


@given(frame)
def test_frame_round_trip(original: Frame) -> None:
    data = encode_frame(original)
    assert 9 <= len(data) <= FRAME_MAX
    assert data.count(0) == 2
    assert FrameDecoder().feed(data) == [original]


@given(st.lists(frame, max_size=8), st.lists(st.integers(0, 300), max_size=20))
def test_any_chunking(originals: list[Frame], cuts: list[int]) -> None:
    data = b"".join(map(encode_frame, originals))
    decoder = FrameDecoder()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = [one for start, stop in pairwise(edges) for one in decoder.feed(data[start:stop])]
    assert found == originals
    assert (decoder.frames, decoder.errors) == (len(originals), 0)


@given(st.lists(st.tuples(st.binary(max_size=120), frame), max_size=6))
def test_no_frame_is_lost_to_garbage_before_it(pieces: list[tuple[bytes, Frame]]) -> None:
    decoder = FrameDecoder()
    for garbage, original in pieces:
        found = decoder.feed(garbage + encode_frame(original))
        assert found[-1] == original


@pytest.mark.parametrize("sent", SENT)
def test_single_bit_flips_never_pass(sent: str) -> None:
    data = bytes.fromhex(sent)
    for bit in range(8, 8 * (len(data) - 1)):
        flipped = (int.from_bytes(data, "little") ^ 1 << bit).to_bytes(len(data), "little")
        assert FrameDecoder().feed(flipped) == []


@given(st.binary(max_size=5000))
def test_memory_is_bounded(noise: bytes) -> None:
    decoder = FrameDecoder()
    decoder.feed(noise)
    assert len(decoder._buffer) <= COBS_MAX


def test_counters() -> None:
    decoder = FrameDecoder()
    bad = bytearray(encode_frame(GOOD))
    bad[-2] ^= 1
    decoder.feed(bytes(bad) + b"\x55" * 100 + b"\0" + b"\x01\0" + encode_frame(GOOD) * 2)
    assert (decoder.crc_errors, decoder.overruns, decoder.malformed) == (1, 1, 1)
    assert (decoder.frames, decoder.errors) == (2, 3)


@pytest.mark.parametrize("bad", [Frame(256, 0, 0), Frame(0, -1, 0), Frame(0, 0, 0, b"x" * 33)])
def test_what_does_not_fit_is_refused(bad: Frame) -> None:
    with pytest.raises(ProtocolError):
        encode_frame(bad)
