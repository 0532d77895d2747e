"""`Counts`: what a tick read, as the one message that is no JSON but protobuf, which log viewers decode.

    message Counts {
      double at_s = 1;
      uint32 channels = 2;
      repeated sfixed64 frame_index = 3;  // packed
      repeated sfixed32 counts = 4;       // packed, frame by frame
    }

Written by hand, all four fields, in this order and no other, so that the same counts are the same bytes
and a board needs no library for them.
"""

import base64
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ProtocolError
from neurograsp.edge_runtime.contract.signal_spec import MAX_CHANNELS

PROTO_NAME = "neurograsp.Counts"
PROTO_FILES = base64.b64decode(
    "CnEKDGNvdW50cy5wcm90bxIKbmV1cm9ncmFzcCJNCgZDb3VudHMSDAoEYXRfcxgBIAEoARIQCghjaGFubmVscxgCIAEo"
    "DRITCgtmcmFtZV9pbmRleBgDIAMoEBIOCgZjb3VudHMYBCADKA9iBnByb3RvMw=="
)
"""The `FileDescriptorSet` of the above."""

_AT, _CHANNELS, _INDEX, _COUNTS = b"\x09", b"\x10", b"\x1a", b"\x22"
"""Field number and wire type."""

_DOUBLE = struct.Struct("<d")


@dataclass(frozen=True, eq=False, slots=True)
class Counts:
    """What one tick read, as it came from the source; where that is much, in several of one `at_s`.

    Attributes:
        at_s: when the tick began.
        frame_index: (n_frames,) int64.
        counts: (n_frames, n_channels) int32.
    """

    at_s: float
    frame_index: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int32]


def pack_counts(message: Counts) -> bytes:
    index = message.frame_index.astype("<i8").tobytes()
    counts = message.counts.astype("<i4").tobytes()
    return b"".join(
        (
            *(_AT, _DOUBLE.pack(message.at_s)),
            *(_CHANNELS, _varint(message.counts.shape[1])),
            *(_INDEX, _varint(len(index)), index),
            *(_COUNTS, _varint(len(counts)), counts),
        )
    )


def unpack_counts(raw: bytes) -> Counts:
    """Raises ProtocolError when these are no counts."""
    try:
        at = _expect(raw, 0, _AT)
        (at_s,) = _DOUBLE.unpack_from(raw, at)
        n_channels, at = _read_varint(raw, _expect(raw, at + _DOUBLE.size, _CHANNELS))
        n_index, at = _read_varint(raw, _expect(raw, at, _INDEX))
        end = at + n_index
        n_counts, begin = _read_varint(raw, _expect(raw, end, _COUNTS))
    except (struct.error, IndexError) as error:
        raise ProtocolError(f"counts cut off after {len(raw)} bytes") from error
    n_frames = n_index // 8
    fits = n_index == 8 * n_frames and n_counts == 4 * n_frames * n_channels
    if not (1 <= n_channels <= MAX_CHANNELS and fits and len(raw) == begin + n_counts):
        raise ProtocolError(f"{len(raw)} bytes for counts of {n_frames} frames of {n_channels} channels")
    if not abs(at_s) <= 1e9:
        raise ProtocolError(f"counts at {at_s} s")
    index = np.frombuffer(raw, "<i8", n_frames, at)
    counts = np.frombuffer(raw, "<i4", offset=begin).reshape(n_frames, n_channels)
    return Counts(at_s, index.astype(np.int64), counts.astype(np.int32))


def _expect(raw: bytes, at: int, tag: bytes) -> int:
    if raw[at] != tag[0]:
        raise ProtocolError(f"counts with byte {raw[at]:#04x} where {tag[0]:#04x} belongs")
    return at + 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """The value, and where it ends."""
    value = 0
    for place in range(5):
        byte = raw[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ProtocolError("counts with a length that does not end")
