"""Bytes of wire version 1: `00 | COBS(version, type, session, seq, payload, CRC) | 00`.

The CRC is CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xFFFF, check value 0x29B1), little-endian, over
everything before it. COBS is Cheshire and Baker, "Consistent overhead byte stuffing", IEEE/ACM
Transactions on Networking 7(2), 1999. `firmware/NeuroHand/src/hand_frames.c` is the other half.
"""

import binascii
from dataclasses import dataclass

from neurograsp.firmware_bridge.errors import ProtocolError

VERSION = 1
PAYLOAD_MAX = 32
OVERHEAD = 6
"""Header (4) and CRC (2)."""
COBS_MAX = PAYLOAD_MAX + OVERHEAD + 1
FRAME_MAX = COBS_MAX + 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One valid frame; every field is a byte but `payload`, which has 0 to 32 of them."""

    type: int
    session: int
    seq: int
    payload: bytes = b""
    version: int = VERSION


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE of `data`."""
    return binascii.crc_hqx(data, 0xFFFF)


def cobs_encode(data: bytes) -> bytes:
    """`data` without any zero byte in it.

    Raises:
        ProtocolError: 254 bytes or more; frames of this protocol never have as many.
    """
    if len(data) >= 254:
        raise ProtocolError(f"COBS: {len(data)} bytes given, frames are shorter than 254")
    return b"".join(bytes([len(block) + 1]) + block for block in data.split(b"\0"))


def cobs_decode(data: bytes) -> bytes:
    """The inverse of `cobs_encode`.

    Raises:
        ProtocolError: the codes do not add up to the length, or there is a zero byte.
    """
    blocks = []
    at = 0
    while at < len(data):
        code = data[at]
        if code == 0 or at + code > len(data):
            raise ProtocolError(f"COBS: code {code} at byte {at} of {len(data)} points outside the frame")
        blocks.append(data[at + 1 : at + code])
        at += code
    return b"\0".join(blocks)


def encode_frame(frame: Frame) -> bytes:
    """All bytes of `frame`, both delimiters included (9 to 41).

    Raises:
        ProtocolError: a field does not fit.
    """
    header = (frame.version, frame.type, frame.session, frame.seq)
    if not all(0 <= field <= 255 for field in header):
        raise ProtocolError(f"frame header {header}: every field must be 0 to 255")
    if len(frame.payload) > PAYLOAD_MAX:
        raise ProtocolError(f"payload of {len(frame.payload)} bytes: at most {PAYLOAD_MAX} fit")
    raw = bytes(header) + frame.payload
    return b"\0" + cobs_encode(raw + crc16(raw).to_bytes(2, "little")) + b"\0"


class FrameDecoder:
    """Finds frames in a stream cut anywhere, and finds back after garbage.

    Holds at most `COBS_MAX` bytes, whatever arrives.

    Attributes:
        frames: valid frames.
        crc_errors: well-formed frames with a wrong CRC.
        overruns: frames longer than any valid one.
        malformed: broken COBS, or too short to be a frame.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._overrun = False
        self.frames = 0
        self.crc_errors = 0
        self.overruns = 0
        self.malformed = 0

    @property
    def errors(self) -> int:
        """All that was not a frame."""
        return self.crc_errors + self.overruns + self.malformed

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by `data`, in order."""
        frames = []
        *ended, rest = data.split(b"\0")
        for piece in ended:
            self._keep(piece)
            frame = self._finish()
            if frame is not None:
                frames.append(frame)
        self._keep(rest)
        return frames

    def _keep(self, piece: bytes) -> None:
        room = COBS_MAX - len(self._buffer)
        self._overrun = self._overrun or len(piece) > room
        self._buffer += piece[:room]

    def _finish(self) -> Frame | None:
        encoded, overrun = bytes(self._buffer), self._overrun
        self._buffer.clear()
        self._overrun = False
        if not encoded:
            return None
        if overrun:
            self.overruns += 1
            return None
        try:
            raw = cobs_decode(encoded)
        except ProtocolError:
            raw = b""
        if len(raw) < OVERHEAD:
            self.malformed += 1
            return None
        if crc16(raw[:-2]) != int.from_bytes(raw[-2:], "little"):
            self.crc_errors += 1
            return None
        self.frames += 1
        version, kind, session, seq = raw[:4]
        return Frame(kind, session, seq, raw[4:-2], version)
