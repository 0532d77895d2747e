"""BDF+ and EDF+ files, continuous, written as the frames come.

Kemp & Olivan, "European data format 'plus' (EDF+)", Clinical Neurophysiology 114:1755-1761 (2003): samples of
16 bits; BDF is the same with 24 (biosemi.com/faq/file_format.htm). The last signal holds the annotations.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.recording.recorder import Stretch
from neurograsp.edge_runtime.recording.stream import Int32
from neurograsp.edge_runtime.sources.edf_file import LOST

PHYSICAL_MAX = 9_999_999
"""A header field has eight characters, one of them for the sign."""

NOTE_BYTES = 240
_N_RECORDS_AT = 236
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


@dataclass(frozen=True)
class CountScale:
    """What counts mean: `digital` of them are `physical`, and the range of the file ends there.

    Attributes:
        unit: "uV", or "" where the counts have none.
    """

    unit: str
    physical: int
    digital: int

    @classmethod
    def of(cls, lsb_uv: float | None, sample_bytes: int = 3) -> "CountScale":
        """The widest range in which a count is exactly `lsb_uv`.

        Raises:
            ConfigError: it is no ratio of two numbers that fit into the header.
        """
        highest = 2 ** (8 * sample_bytes - 1) - 1
        step = Fraction(1) if lsb_uv is None else Fraction(lsb_uv).limit_denominator(highest)
        times = 0 if step <= 0 else min(highest // step.denominator, PHYSICAL_MAX // step.numerator)
        if times < 1 or (lsb_uv is not None and float(step) != lsb_uv):
            kind, remedy = ("BDF", "use another source") if sample_bytes == 3 else ("EDF", "write BDF")
            raise ConfigError(f"counts of {lsb_uv!r} uV cannot be written to {kind} exactly; {remedy}")
        return cls("" if lsb_uv is None else "uV", step.numerator * times, step.denominator * times)


@dataclass(frozen=True)
class BdfHeader:
    """Attributes:
    subject: code of the person, without spaces.
    session: name of the session, without spaces.
    equipment: without spaces.
    started: local time of the first frame.
    channels: names, up to 16 ASCII characters each.
    rate_hz: frames a second; a data record is one second.
    scale: of the counts.
    sample_bytes: 3 of BDF, 2 of EDF.
    """

    subject: str
    session: str
    equipment: str
    started: datetime
    channels: tuple[str, ...]
    rate_hz: int
    scale: CountScale
    sample_bytes: int = 3

    def encode(self, n_records: int) -> bytes:
        """The header's bytes."""
        day = self.started
        kind = "BDF" if self.sample_bytes == 3 else "EDF"
        n = len(self.channels) + 1
        date = f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year}"
        fixed = (
            (b"\xffBIOSEMI" if self.sample_bytes == 3 else _field("0", 8))
            + _field(f"{self.subject} X X X", 80)
            + _field(f"Startdate {date} {self.session} X {self.equipment}", 80)
            + _field(f"{day:%d.%m.%y%H.%M.%S}", 16)
            + _field(str(256 * (n + 1)), 8)
            + _field(f"{kind}+C", 44)
            + _field(str(n_records), 8)
            + _field("1", 8)
            + _field(str(n), 4)
        )
        scale, end = self.scale, 2 ** (8 * self.sample_bytes - 1)
        columns: list[tuple[int, str, str]] = [  # width, of a channel, of the annotations
            (80, "", ""),
            (8, scale.unit, ""),
            (8, str(-scale.physical), "-1"),
            (8, str(scale.physical), "1"),
            (8, str(-scale.digital), str(-end)),
            (8, str(scale.digital), str(end - 1)),
            (80, "", ""),
            (8, str(self.rate_hz), str(NOTE_BYTES // self.sample_bytes)),
            (32, "", ""),
        ]
        names = b"".join(_field(name, 16) for name in (*self.channels, f"{kind} Annotations"))
        table = [_field(one, width) * (n - 1) + _field(notes, width) for width, one, notes in columns]
        return fixed + names + b"".join(table)

    def n_bytes(self, seconds: int) -> int:
        """Size of a file of so many seconds."""
        record = self.sample_bytes * len(self.channels) * self.rate_hz + NOTE_BYTES
        return 256 * (len(self.channels) + 2) + seconds * record


class BdfWriter:
    """Appends whole seconds; the header is true after each, so that the file is whole whenever it ends.

    What cannot be written for want of space is taken back to the last whole second.

    Args:
        file: new and empty, not buffered.
        header: see `BdfHeader`.

    Attributes:
        n_records: written seconds.
        n_clipped: values that were beyond the range and lie at its end.

    Raises:
        OSError: `write` and `finish`, when the file cannot be written.
    """

    def __init__(self, file: BinaryIO, header: BdfHeader) -> None:
        self.n_records = self.n_clipped = 0
        self._file, self._header = file, header
        self._notes: list[bytes] = []
        self._waiting = np.empty((0, len(header.channels)), np.int32)
        self._last = np.zeros(len(header.channels), np.int32)

    def annotate(self, stretches: Sequence[Stretch]) -> None:
        """Labels, in frames since the first; they go into the next records that have room."""
        self._notes += [self._encode(one) for one in stretches]

    def write(self, counts: Int32) -> None:
        """Frames (n_frames, n_channels); whole seconds of them go to the file."""
        self._waiting = np.concatenate([self._waiting, counts])
        while len(self._waiting) >= self._header.rate_hz:
            self._record(self._waiting[: self._header.rate_hz])
            self._waiting = self._waiting[self._header.rate_hz :]

    def finish(self) -> None:
        """Write what waits. What fills up the last second is labelled `LOST`."""
        rate = self._header.rate_hz
        while len(self._waiting) or (self._notes and self.n_records):
            left = len(self._waiting)
            start = self.n_records * rate
            fill = Stretch(start + left, start + rate, LOST)
            self._notes.insert(0, self._encode(fill))
            last = self._waiting[-1] if left else self._last
            self._waiting = np.concatenate([self._waiting, np.repeat(last[None], rate - left, axis=0)])
            self.write(self._waiting[:0])

    def _record(self, counts: Int32) -> None:
        limit = self._header.scale.digital
        self.n_clipped += int(np.count_nonzero(np.abs(counts.astype(np.int64)) > limit))
        samples = np.ascontiguousarray(np.clip(counts, -limit, limit).T, "<i4")
        notes = f"+{self.n_records}\x14\x14\0".encode()
        n_taken = 0
        while n_taken < len(self._notes) and len(notes) + len(self._notes[n_taken]) <= NOTE_BYTES:
            notes += self._notes[n_taken]
            n_taken += 1
        begin, n_bytes = self._header.n_bytes(self.n_records), self._header.sample_bytes
        try:
            if not self.n_records:
                _write_all(self._file, self._header.encode(0))
            _write_all(self._file, samples.view(np.uint8).reshape(-1, 4)[:, :n_bytes].tobytes())
            _write_all(self._file, notes.ljust(NOTE_BYTES, b"\0"))
            self._say_records(self.n_records + 1)
        except OSError:
            self._file.truncate(begin if self.n_records else 0)
            raise
        del self._notes[:n_taken]
        self._last = counts[-1]
        self.n_records += 1

    def _say_records(self, n_records: int) -> None:
        self._file.seek(_N_RECORDS_AT)
        _write_all(self._file, _field(str(n_records), 8))
        self._file.seek(0, os.SEEK_END)

    def _encode(self, one: Stretch) -> bytes:
        rate_hz = self._header.rate_hz
        onset, duration = _decimal(one.start, rate_hz), _decimal(one.stop - one.start, rate_hz)
        return f"+{onset}\x15{duration}\x14{one.label}\x14\0".encode()


def _decimal(n_frames: int, rate_hz: int) -> str:
    text = f"{n_frames / rate_hz:.9f}".rstrip("0")
    return text.rstrip(".")


def _field(text: str, width: int) -> bytes:
    if not text.isascii() or len(text) > width:
        raise ConfigError(
            f"{text!r} does not fit into the {width} ASCII characters of a header of this format; make it "
            "shorter, or take ASCII"
        )
    return text.encode().ljust(width)


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
