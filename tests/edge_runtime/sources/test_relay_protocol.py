"""Bytes of a relay: what fits is read in any pieces, anything else is refused and never too large."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import chunks

from neurograsp.edge_runtime.contract.errors import ProtocolError
from neurograsp.edge_runtime.sources.base import Block, Layout
from neurograsp.edge_runtime.sources.relay_protocol import (
    MAX_PAYLOAD,
    VERSION,
    Codec,
    Role,
    State,
    Type,
    decode_frames,
    decode_layout,
    decode_text,
    encode_frames,
    encode_layout,
    encode_text,
    is_loopback,
)

TOKEN = b"a secret of both"
LAYOUT = Layout(("C3", "Cz"), 250.0, 0.25)


def pair(token: bytes = TOKEN, other: bytes | None = None) -> tuple[Codec, Codec]:
    """Relay and receiver, with their openings exchanged."""
    relay = Codec(Role.RELAY, token, bytes(range(16)))
    receiver = Codec(Role.RECEIVER, token if other is None else other, bytes(range(100, 116)))
    assert relay.feed(receiver.opening) == []
    assert receiver.feed(relay.opening) == []
    return relay, receiver


def block_of(index: Sequence[int], n_channels: int = 2) -> Block:
    counts = np.random.default_rng(0).integers(-(2**31), 2**31, (len(index), n_channels))
    return Block(counts.astype(np.int32), np.array(index, np.int64))


@given(
    st.lists(st.tuples(st.sampled_from([Type.LAYOUT, Type.FRAMES, Type.END]), st.binary(max_size=300))),
    st.lists(st.integers(0, 5000), max_size=20),
)
def test_messages_arrive_whole_in_any_pieces(messages: list[tuple[Type, bytes]], cuts: list[int]) -> None:
    relay, receiver = pair()
    data = b"".join(relay.message(kind, payload) for kind, payload in messages)
    found = [message for part in chunks(len(data), cuts) for message in receiver.feed(data[part])]
    assert found == messages


@given(st.data())
def test_a_changed_byte_is_never_taken(data: st.DataObject) -> None:
    relay, receiver = pair()
    sent = bytearray(b"".join(relay.message(Type.FRAMES, bytes([i]) * 20) for i in range(3)))
    at = data.draw(st.integers(0, len(sent) - 1))
    sent[at] ^= data.draw(st.integers(1, 255))
    found = []
    try:
        found = receiver.feed(bytes(sent))
    except ProtocolError:
        pass
    else:
        assert len(found) <= at // (len(sent) // 3)  # waits for more than there is
    assert all(payload == bytes([i]) * 20 for i, (_, payload) in enumerate(found))


@given(st.binary(max_size=2000), st.booleans())
def test_anything_else_is_refused_or_waited_for(data: bytes, opened: bool) -> None:
    receiver = pair()[1] if opened else Codec(Role.RECEIVER, TOKEN, bytes(16))
    try:
        assert receiver.feed(data) == []
    except ProtocolError as error:
        assert "\n" not in str(error)
    assert len(receiver._buffer) <= 2000


def test_messages_repeated_left_out_or_turned_round_are_refused() -> None:
    relay, receiver = pair()
    first, second = relay.message(Type.LAYOUT, b"1"), relay.message(Type.FRAMES, b"2")
    with pytest.raises(ProtocolError, match="another token, or the bytes were changed"):
        receiver.feed(second)
    relay, receiver = pair()
    first = relay.message(Type.LAYOUT, b"1")
    receiver.feed(first)
    with pytest.raises(ProtocolError, match="changed on the way"):
        receiver.feed(first)
    relay, receiver = pair()
    with pytest.raises(ProtocolError, match="unknown type 1"):
        receiver.feed(receiver.message(Type.PROOF))


def test_another_session_with_the_same_token_cannot_be_played_again() -> None:
    relay, receiver = pair()
    recorded = relay.opening, relay.message(Type.LAYOUT, encode_layout(LAYOUT))
    receiver.feed(recorded[1])
    later = Codec(Role.RECEIVER, TOKEN, bytes(16))
    later.feed(recorded[0])
    with pytest.raises(ProtocolError, match="another token"):
        later.feed(recorded[1])


@pytest.mark.parametrize("other", [b"", b"another secret 12"])
def test_another_token_proves_nothing(other: bytes) -> None:
    relay, receiver = pair(TOKEN, other)
    with pytest.raises(ProtocolError, match="another token"):
        relay.feed(receiver.message(Type.PROOF))
    relay, receiver = pair(TOKEN, other)
    with pytest.raises(ProtocolError, match="another token"):
        receiver.feed(relay.message(Type.LAYOUT))


def test_openings() -> None:
    receiver = Codec(Role.RECEIVER, b"", bytes(16))
    with pytest.raises(ProtocolError, match=r"no relay of neurograsp"):
        receiver.feed(b"HTTP/1.1 400 Bad Request")
    receiver = Codec(Role.RECEIVER, b"", bytes(16))
    assert receiver.feed(b"NG") == []
    with pytest.raises(ProtocolError, match=rf"speaks version {VERSION + 1} and this one {VERSION}"):
        receiver.feed(bytes([ord("R"), VERSION + 1]))
    busy = Codec(Role.RELAY, b"", bytes(16), State.BUSY)
    with pytest.raises(ProtocolError, match="has another receiver"):
        Codec(Role.RECEIVER, b"", bytes(16)).feed(busy.opening)


def test_a_length_is_refused_before_its_bytes_come() -> None:
    relay, receiver = pair()
    head = relay.message(Type.FRAMES)[:1] + (MAX_PAYLOAD + 1).to_bytes(4, "little")
    with pytest.raises(ProtocolError, match="at most"):
        receiver.feed(head)


@pytest.mark.parametrize("n_frames", [1, 1000, 60_000])
def test_frames_are_the_same_and_never_too_long(n_frames: int) -> None:
    block = block_of(range(5, 5 + n_frames))
    payloads = encode_frames(block)
    assert max(map(len, payloads)) <= MAX_PAYLOAD
    found = [decode_frames(payload, 2) for payload in payloads]
    assert np.array_equal(np.concatenate([one.counts for one in found]), block.counts)
    assert np.array_equal(np.concatenate([one.frame_index for one in found]), block.frame_index)
    assert encode_frames(Block.empty(2)) == []


@given(st.binary(max_size=200), st.integers(1, 1024))
def test_frames_that_are_none_are_refused(payload: bytes, n_channels: int) -> None:
    try:
        block = decode_frames(payload, n_channels)
    except ProtocolError:
        return
    assert block.counts.shape == (len(block.frame_index), n_channels)
    assert block.counts.nbytes + block.frame_index.nbytes == len(payload) - 4


def test_impossible_frame_numbers_are_refused() -> None:
    for number in (-1, 2**53 + 1):
        (payload,) = encode_frames(block_of([number]))
        with pytest.raises(ProtocolError, match="number"):
            decode_frames(payload, 2)
    (payload,) = encode_frames(block_of([1, 2]))
    with pytest.raises(ProtocolError, match="2 frames of 3 channels"):
        decode_frames(payload, 3)


def test_layouts() -> None:
    for layout in (LAYOUT, Layout(("E1",), 512.0, None), Layout(tuple(map(str, range(1024))), 1.0, 1e-3)):
        assert decode_layout(encode_layout(layout)) == layout


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 5000,
        json.dumps({"channels": ["a"], "rate_hz": 250.0}).encode(),
        *(
            json.dumps({"channels": channels, "rate_hz": rate_hz, "lsb_uv": lsb_uv}).encode()
            for channels, rate_hz, lsb_uv in (
                ([], 250.0, 1.0),
                (["a", "a"], 250.0, 1.0),
                (["a" * 65], 250.0, 1.0),
                (["a\n"], 250.0, 1.0),
                ([str(i) for i in range(1025)], 250.0, 1.0),
                (["a"], 0.0, 1.0),
                (["a"], float("inf"), 1.0),
                (["a"], float("nan"), 1.0),
                (["a"], 250.0, 0.0),
                (["a"], 250.0, float("inf")),
                (["a"], "250", 1.0),
            )
        ),
    ],
)
def test_impossible_layouts_are_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_layout(payload)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.binary(max_size=2000))
def test_texts_of_strangers_are_one_short_line(payload: bytes) -> None:
    text = decode_text(payload)
    assert len(text) <= 200
    assert text.isprintable()


def test_texts() -> None:
    assert decode_text(encode_text("the board is lost")) == "the board is lost"


def test_loopback() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("192.168.1.20")
