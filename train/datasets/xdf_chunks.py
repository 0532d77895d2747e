"""Whether an XDF file is whole: each chunk as long as it says, each sample inside its chunk.

pyxdf makes what a length promises and reads on where a length is wrong, so the file is walked here first. The
layout is that of github.com/sccn/xdf/wiki/Specifications, version 1.0.
"""

import struct
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, fromstring

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets.raw_file import read_bytes

MAX_BYTES = 1 << 30
MAX_XML = 1 << 20
MAX_CHANNELS = 2048

_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _CLOCK_OFFSET, _BOUNDARY, _STREAM_FOOTER = range(1, 7)
_SAMPLE_BYTES = {"int8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4, "double64": 8, "string": 0}


class _Layout(NamedTuple):
    n_channels: int
    value_bytes: int  # 0 of texts


def check(path: Path) -> None:
    """Raises RecordingError unless pyxdf can read the file from end to end."""
    data = memoryview(read_bytes(path, MAX_BYTES, "record shorter sessions"))
    try:
        _walk(data)
    except (ValueError, IndexError, struct.error, ParseError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise RecordingError(
            f"{path}: damaged or no XDF file ({reason}); copy it again from its source"
        ) from error


def _walk(data: memoryview) -> None:
    if bytes(data[:4]) != b"XDF:":
        raise ValueError("it does not begin with XDF:")
    layouts: dict[int, _Layout] = {}
    at = 4
    while at < len(data):
        length, at = _length(data, at)
        end = at + length
        if length < 2 or end > len(data):
            raise ValueError(f"a chunk of {length} bytes at byte {at} of {len(data)}")
        (tag,) = struct.unpack_from("<H", data, at)
        content = data[at + 2 : end]
        if tag == _FILE_HEADER:
            _xml(content)
        elif tag in (_STREAM_HEADER, _SAMPLES, _CLOCK_OFFSET, _STREAM_FOOTER):
            (stream,) = struct.unpack_from("<I", content)
            if (stream in layouts) == (tag == _STREAM_HEADER):
                raise ValueError(f"stream {stream} is there twice, or not announced")
            _check_chunk(tag, stream, content[4:], layouts)
        at = end


def _check_chunk(tag: int, stream: int, content: memoryview, layouts: dict[int, _Layout]) -> None:
    if tag == _STREAM_HEADER:
        layouts[stream] = _layout(_xml(content))
    elif tag == _STREAM_FOOTER:
        _xml(content)
    elif tag == _CLOCK_OFFSET and len(content) != 16:
        raise ValueError(f"a clock offset of {len(content)} bytes")
    elif tag == _SAMPLES:
        _check_samples(content, layouts[stream])


def _layout(header: Element) -> _Layout:
    n_channels = int(header.findtext("channel_count") or "none")
    kind = header.findtext("channel_format") or "none"
    if not 0 < n_channels <= MAX_CHANNELS or kind not in _SAMPLE_BYTES:
        raise ValueError(f"a stream of {n_channels} channels of {kind!r}")
    return _Layout(n_channels, _SAMPLE_BYTES[kind])


def _check_samples(content: memoryview, layout: _Layout) -> None:
    n_samples, at = _length(content, 0)
    if n_samples > len(content):
        raise ValueError(f"{n_samples} samples in {len(content)} bytes")
    frame_bytes = layout.n_channels * layout.value_bytes
    for _ in range(n_samples):
        stamp_bytes = content[at]
        if stamp_bytes not in (0, 8):
            raise ValueError(f"a time stamp of {stamp_bytes} bytes")
        at += 1 + stamp_bytes + frame_bytes
        if layout.value_bytes == 0:
            for _ in range(layout.n_channels):
                length, at = _length(content, at)
                at += length
    if at != len(content):
        raise ValueError(f"samples of {at} bytes in {len(content)}")


def _length(data: memoryview, at: int) -> tuple[int, int]:
    """A number of 1, 4 or 8 bytes after their number, and where it ends."""
    n_bytes = data[at]
    if n_bytes not in (1, 4, 8):
        raise ValueError(f"a length of {n_bytes} bytes")
    end = at + 1 + n_bytes
    if end > len(data):
        raise ValueError("it ends early")
    return int.from_bytes(data[at + 1 : end], "little"), end


def _xml(content: memoryview) -> Element:
    if len(content) > MAX_XML:
        raise ValueError(f"a header of {len(content)} bytes")
    text = bytes(content).decode()
    if "<!DOCTYPE" in text:
        raise ValueError("a header with a document type")
    return fromstring(text)  # noqa: S314 - no entities without a document type
