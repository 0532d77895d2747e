"""XDF files by the specification (github.com/sccn/xdf/wiki/Specifications), as LabRecorder writes them."""

import struct
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy.typing as npt

FORMATS = {"int16": "<i2", "int32": "<i4", "float32": "<f4", "double64": "<f8"}


class Xdf:
    """A file in the making."""

    def __init__(self) -> None:
        self.data = b"XDF:" + chunk(1, b'<?xml version="1.0"?><info><version>1.0</version></info>')
        self._numbers = count(1)

    def signal(
        self,
        values: npt.NDArray[Any],
        stamps: Sequence[float],
        rate_hz: float = 250,
        kind: str = "EEG",
        form: str = "float32",
        channels: Iterable[tuple[str, str, str]] = (),
        name: str = "Amp",
        every_stamp: bool = True,
    ) -> "Xdf":
        """Frames (n, n_channels) at `stamps`, seconds; channels as (label, unit, type)."""
        desc = "".join(
            f"<channel><label>{label}</label><unit>{unit}</unit><type>{type_}</type></channel>"
            for label, unit, type_ in channels
        )
        stream = self._header(
            name, kind, values.shape[1], rate_hz, form, f"<channels>{desc}</channels>" if desc else ""
        )
        rows = values.astype(FORMATS[form])
        for first in range(0, len(rows), 32):
            numbers = range(first, min(first + 32, len(rows)))
            samples = [
                (struct.pack("<Bd", 8, stamps[i]) if every_stamp or i == first else b"\0") + rows[i].tobytes()
                for i in numbers
            ]
            self.data += chunk(3, stream + length(len(samples)) + b"".join(samples))
        return self

    def markers(
        self, marks: Iterable[tuple[float, str]], name: str = "Cues", offsets: Sequence[float] = ()
    ) -> "Xdf":
        """Texts at times; an offset is what to add to the stream's clock, measured every 5 s."""
        stream = self._header(name, "Markers", 1, 0, "string", "")
        for number, offset in enumerate(offsets):
            self.data += chunk(4, stream + struct.pack("<dd", 5.0 * number, offset))
        for time_s, text in marks:
            value = text.encode()
            self.data += chunk(
                3, stream + length(1) + struct.pack("<Bd", 8, time_s) + length(len(value)) + value
            )
        return self

    def write(self, path: Path) -> Path:
        path.write_bytes(self.data)
        return path

    def _header(self, name: str, kind: str, n_channels: int, rate_hz: float, form: str, desc: str) -> bytes:
        stream = struct.pack("<I", next(self._numbers))
        xml = (
            f'<?xml version="1.0"?><info><name>{name}</name><type>{kind}</type><channel_count>{n_channels}'
            f"</channel_count><nominal_srate>{rate_hz}</nominal_srate><channel_format>{form}</channel_format>"
            f"<desc>{desc}</desc></info>"
        )
        self.data += chunk(2, stream + xml.encode())
        return stream


def chunk(tag: int, content: bytes) -> bytes:
    return length(len(content) + 2) + struct.pack("<H", tag) + content


def length(n: int) -> bytes:
    return struct.pack("<BB", 1, n) if n < 256 else struct.pack("<BI", 4, n)
