"""The bytes of a relay, version 1 (docs/relay.md): no sockets, no clock.

    opening  "NGR" | version u8 | state u8 | nonce 16 bytes            first, once each way
    message  type u8 | length u32 | payload | tag 16 bytes             little-endian

A tag is the beginning of an HMAC-SHA256 over direction, message number, head and payload, under a key made
of the shared token and both nonces. Without a token it is a checksum and nothing more.
"""

import enum
import hmac
import ipaddress
import json
import math
import struct

import numpy as np

from neurograsp.edge_runtime.contract.errors import ConfigError, ProtocolError
from neurograsp.edge_runtime.contract.signal_spec import MAX_CHANNELS
from neurograsp.edge_runtime.sources.base import Block, Layout
from neurograsp.firmware_bridge.strict import decode, encode

MAGIC = b"NGR"
VERSION = 1
NONCE_BYTES = 16
TAG_BYTES = 16
MAX_PAYLOAD = 2**18
MAX_TEXT = 200
MAX_NAME = 64
MAX_FRAME = 2**53
_OPENING = struct.Struct("<3sBB16s")
_HEAD = struct.Struct("<BI")
_N_FRAMES = struct.Struct("<I")


class Role(enum.Enum):
    """Who sends: the relay the frames, the receiver its requests."""

    RELAY = b"r"
    RECEIVER = b"s"


class State(enum.IntEnum):
    """What a relay says of itself in its opening; a receiver sends FREE."""

    FREE = 0
    BUSY = 1


class Type(enum.IntEnum):
    PROOF = 1
    """Of the receiver, empty: it knows the token."""
    LAYOUT = 2
    """Of the relay: what it delivers, as JSON."""
    START = 3
    """Of the receiver, empty: send frames."""
    FRAMES = 4
    END = 5
    """Of the relay, empty: its recording is over."""
    FAULT = 6
    """Of the relay: why no more frames come, in UTF-8."""


_FROM = {
    Role.RELAY: frozenset((Type.LAYOUT, Type.FRAMES, Type.END, Type.FAULT)),
    Role.RECEIVER: frozenset((Type.PROOF, Type.START)),
}


class Codec:
    """One end of one connection.

    Args:
        role: whose end.
        token: shared secret, or b"".
        nonce: fresh random bytes.
        state: to say in the opening.

    Attributes:
        opening: bytes to send first.
        opened: whether the other end's opening is here, so that messages can be sent.
    """

    def __init__(self, role: Role, token: bytes, nonce: bytes, state: State = State.FREE) -> None:
        self.opening = _OPENING.pack(MAGIC, VERSION, state, nonce)
        self._role, self._peer = role, Role.RECEIVER if role is Role.RELAY else Role.RELAY
        self._token, self._nonce = token, nonce
        self._key: bytes | None = None
        self._n_sent = self._n_received = 0
        self._buffer = bytearray()

    @property
    def opened(self) -> bool:
        return self._key is not None

    def message(self, kind: Type, payload: bytes = b"") -> bytes:
        """The bytes of the next message to send."""
        head = _HEAD.pack(kind, len(payload))
        tag = self._tag(self._role, self._n_sent, head, payload)
        self._n_sent += 1
        return head + payload + tag

    def feed(self, data: bytes) -> list[tuple[Type, bytes]]:
        """Take bytes; what is not whole yet is kept, at most one message.

        Returns:
            the messages that are whole now, type and payload, proven by their tags.

        Raises:
            ProtocolError: what came is no such message, or the relay has another receiver; nothing more can
                be read then.
        """
        self._buffer += data
        if not self.opened and not self._open():
            return []
        messages = []
        while len(self._buffer) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._buffer)
            if kind not in _FROM[self._peer]:
                raise ProtocolError(f"a message of the unknown type {kind}")
            if length > MAX_PAYLOAD:
                raise ProtocolError(f"a message of {length} bytes, at most {MAX_PAYLOAD} are possible")
            end = _HEAD.size + length
            if len(self._buffer) < end + TAG_BYTES:
                break
            payload = bytes(self._buffer[_HEAD.size : end])
            wanted = self._tag(self._peer, self._n_received, bytes(self._buffer[: _HEAD.size]), payload)
            if not hmac.compare_digest(wanted, bytes(self._buffer[end : end + TAG_BYTES])):
                raise ProtocolError(
                    "the other end has another token, or the bytes were changed on the way"
                    if not self._n_received
                    else "the bytes were changed on the way"
                )
            self._n_received += 1
            del self._buffer[: end + TAG_BYTES]
            messages.append((Type(kind), payload))
        return messages

    def _open(self) -> bool:
        there = bytes(self._buffer[: _OPENING.size])
        if there[: len(MAGIC)] != MAGIC[: len(there)]:
            raise ProtocolError("this is no relay of neurograsp")
        if len(there) > len(MAGIC) and there[len(MAGIC)] != VERSION:
            raise ProtocolError(
                f"the other end speaks version {there[len(MAGIC)]} and this one {VERSION}; "
                "install the same neurograsp on both"
            )
        if len(there) < _OPENING.size:
            return False
        _, _, state, nonce = _OPENING.unpack(there)
        if state != State.FREE:
            raise ProtocolError("it has another receiver; close that one first")
        nonces = nonce + self._nonce if self._role is Role.RECEIVER else self._nonce + nonce
        self._key = hmac.digest(self._token, b"neurograsp relay 1" + nonces, "sha256")
        del self._buffer[: _OPENING.size]
        return True

    def _tag(self, role: Role, number: int, head: bytes, payload: bytes) -> bytes:
        assert self._key is not None, "messages follow the openings"
        data = role.value + number.to_bytes(8, "little") + head + payload
        return hmac.digest(self._key, data, "sha256")[:TAG_BYTES]


def encode_layout(layout: Layout) -> bytes:
    return json.dumps(encode(layout)).encode()


def decode_layout(payload: bytes) -> Layout:
    """Raises ProtocolError when it is not a possible layout."""
    try:
        layout = decode(Layout, json.loads(payload), "layout")
    except (ValueError, RecursionError, ConfigError) as error:
        raise ProtocolError(f"a layout that cannot be read ({error!s:.100})") from error
    names, rate_hz, lsb_uv = layout.channels, layout.rate_hz, layout.lsb_uv
    if not 1 <= len(names) <= MAX_CHANNELS or len(set(names)) != len(names):
        raise ProtocolError(f"{len(names)} channels, or two of one name; 1 to {MAX_CHANNELS} are possible")
    if not all(0 < len(name) <= MAX_NAME and name.isprintable() for name in names):
        raise ProtocolError(f"a channel's name is not 1 to {MAX_NAME} printable characters")
    if not 1 <= rate_hz <= 100_000 or not (lsb_uv is None or (math.isfinite(lsb_uv) and lsb_uv > 0)):
        raise ProtocolError(f"a rate of {rate_hz:g} Hz with counts of {lsb_uv} uV")
    return layout


def frame_bytes(n_channels: int) -> int:
    """Of one frame in a message."""
    return 8 + 4 * n_channels


def encode_frames(block: Block) -> list[bytes]:
    """The payloads of as many messages as a block needs."""
    n_frames, n_channels = block.counts.shape
    most = (MAX_PAYLOAD - _N_FRAMES.size) // frame_bytes(n_channels)
    return [
        _N_FRAMES.pack(len(block.frame_index[part]))
        + block.frame_index[part].astype("<i8").tobytes()
        + block.counts[part].astype("<i4").tobytes()
        for part in (slice(at, at + most) for at in range(0, n_frames, most))
    ]


def decode_frames(payload: bytes, n_channels: int) -> Block:
    """Raises ProtocolError when it is not as long as it says, or a frame's number is impossible."""
    n_frames = _N_FRAMES.unpack_from(payload)[0] if len(payload) >= _N_FRAMES.size else 0
    if not n_frames or len(payload) != _N_FRAMES.size + n_frames * frame_bytes(n_channels):
        raise ProtocolError(f"{len(payload)} bytes for {n_frames} frames of {n_channels} channels")
    index = np.frombuffer(payload, "<i8", n_frames, _N_FRAMES.size)
    if index.min() < 0 or index.max() > MAX_FRAME:
        raise ProtocolError("a frame's number is not 0 to 2^53")
    counts = np.frombuffer(payload, "<i4", offset=_N_FRAMES.size + 8 * n_frames)
    return Block(counts.reshape(n_frames, n_channels).astype(np.int32), index.astype(np.int64))


def encode_text(text: str) -> bytes:
    return text[:MAX_TEXT].encode()


def decode_text(payload: bytes) -> str:
    """For a message to a person: one line, printable, short."""
    text = payload[: 4 * MAX_TEXT].decode(errors="replace")[:MAX_TEXT]
    return "".join(one if one.isprintable() else "?" for one in text)


def is_loopback(address: str) -> bool:
    """Whether a numeric address can only be reached from its own machine."""
    return ipaddress.ip_address(address).is_loopback
