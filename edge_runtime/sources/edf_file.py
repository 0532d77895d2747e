"""EDF, EDF+, BDF and BDF+ files: the integers as stored, with numpy alone.

Kemp & Olivan, "European data format 'plus' (EDF+)", Clinical Neurophysiology 114:1755-1761 (2003). BDF is the
same with 24-bit samples: biosemi.com/faq/file_format.htm.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.contract.units import UV_PER_UNIT
from neurograsp.edge_runtime.sources.delta_npz import MAX_BYTES, DeltaFrames

LOST = "BAD_lost"
"""What `neurograsp record` labels frames that stand for lost ones. MNE leaves out what begins with BAD."""

ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
TRIGGERS = "Status"
"""Of a BioSemi amplifier: bits, no signal."""

MAX_SIGNALS = 2048
# Annotation with onset and duration.
_LOST_NOTE = re.compile(
    rb"\+(\d{1,9}(?:\.\d{1,9})?)\x15(\d{1,9}(?:\.\d{1,9})?)\x14" + LOST.encode() + rb"\x14"
)
# Width of each per-signal header field, in the order in which they are stored.
_FIELDS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "physical_min": 8,
    "physical_max": 8,
    "digital_min": 8,
    "digital_max": 8,
    "prefilter": 80,
    "samples": 8,
    "reserved": 32,
}


@dataclass(frozen=True)
class EdfSignal:
    """One signal's part of the header."""

    name: str
    unit: str
    physical_min: float
    physical_max: float
    digital_min: int
    digital_max: int
    samples: int  # a data record

    def lsb_uv(self) -> float | None:
        factor = UV_PER_UNIT.get(self.unit.lower())
        if factor is None:
            return None
        return factor * (self.physical_max - self.physical_min) / (self.digital_max - self.digital_min)


@dataclass(frozen=True)
class EdfHeader:
    """The header; `signals` in file order, with those of annotations."""

    patient: str
    variant: str
    n_records: int
    record_s: float
    n_bytes: int
    sample_bytes: int
    signals: tuple[EdfSignal, ...]

    def is_channel(self, signal: EdfSignal) -> bool:
        return signal.name not in ANNOTATIONS and not (self.sample_bytes == 3 and signal.name == TRIGGERS)


class EdfFile:
    """A file of one rate, without gaps of its own.

    Attributes:
        header: of the file.
        rate_hz: frames a second.

    Raises:
        RecordingError: not such a file, discontinuous, without signals, or with signals of several rates.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.header = read_header(path)
        if self.header.variant.startswith(("EDF+D", "BDF+D")):
            raise RecordingError(
                f"{path}: discontinuous EDF+ or BDF+ ({self.header.variant[:5]}) is not read; export it as "
                "one continuous file a piece"
            )
        self._signals = [signal for signal in self.header.signals if self.header.is_channel(signal)]
        _check_rates(path, self.header, self._signals)
        self.rate_hz = self._signals[0].samples / self.header.record_s

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the signals but annotations and triggers. RecordingError when two are the same."""
        names = tuple(signal.name.rstrip(".") for signal in self._signals)
        twice = sorted({name for name in names if not name or names.count(name) > 1})
        if twice:
            raise RecordingError(
                f"{self._path}: channel names {twice} are empty or there twice; rename them in the file"
            )
        return names

    @property
    def lsb_uv(self) -> float | None:
        """Microvolt a count; None where a unit is no voltage or the channels do not share one scale.

        Raises:
            RecordingError: a channel is inverted.
        """
        steps = [signal.lsb_uv() for signal in self._signals]
        inverted = [
            signal.name for signal, step in zip(self._signals, steps) if step is not None and step < 0
        ]
        if inverted:
            raise RecordingError(
                f"{self._path}: {', '.join(inverted)} stored with inverted polarity; "
                "export with physical minimum below maximum"
            )
        return steps[0] if len(set(steps)) == 1 else None

    def counts(self) -> NDArray[np.int32]:
        """(n_frames, n_channels), the digital values stored. RecordingError when the file is truncated."""
        header, records = self.header, self._records()
        columns = [
            _integers(records[:, part], header.sample_bytes)
            for signal, part in self._parts()
            if header.is_channel(signal)
        ]
        return np.ascontiguousarray(np.stack(columns, axis=1), dtype=np.int32)

    def lost(self, n_frames: int) -> NDArray[np.bool_]:
        """(n_frames,) whether `neurograsp record` put the frame in place of a lost one."""
        lost = np.zeros(n_frames, bool)
        records = self._records()
        for signal, part in self._parts():
            if signal.name in ANNOTATIONS:
                for note in _LOST_NOTE.finditer(records[:, part].tobytes()):
                    onset_s, duration_s = float(note[1]), float(note[2])
                    start, stop = round(onset_s * self.rate_hz), round((onset_s + duration_s) * self.rate_hz)
                    lost[start:stop] = True
        return lost

    def _records(self) -> NDArray[np.uint8]:
        """(n_records, n_bytes) of the file after its header, read as it is used."""
        header = self.header
        n_bytes = header.sample_bytes * sum(signal.samples for signal in header.signals)
        expected = header.n_bytes + n_bytes * header.n_records
        found = self._path.stat().st_size
        if found != expected:
            raise RecordingError(
                f"{self._path}: truncated or damaged: its header promises {expected} bytes and it has "
                f"{found}; copy it again from its source"
            )
        data: NDArray[np.uint8] = np.memmap(self._path, np.uint8, "r", header.n_bytes)
        return data.reshape(header.n_records, n_bytes)

    def _parts(self) -> Iterator[tuple[EdfSignal, slice]]:
        """Each signal with its bytes in a record."""
        at = 0
        for signal in self.header.signals:
            n_bytes = self.header.sample_bytes * signal.samples
            yield signal, slice(at, at + n_bytes)
            at += n_bytes


def read_edf(path: Path) -> DeltaFrames:
    """One file as frames for playback; what stands for lost frames is left out, which is a gap.

    Raises:
        RecordingError: see `EdfFile`; or the file is truncated or too large, or nothing was received.
    """
    file = EdfFile(path)
    if path.stat().st_size > MAX_BYTES:
        raise RecordingError(f"{path}: more than {MAX_BYTES / 2**20:.0f} MiB; cut it into shorter files")
    counts = file.counts()
    frame_index = np.flatnonzero(~file.lost(len(counts)))
    if not len(frame_index):
        raise nothing_received(path)
    if len(frame_index) < len(counts):
        counts = np.ascontiguousarray(counts[frame_index])
    return DeltaFrames(counts, frame_index, file.rate_hz, file.channels, file.lsb_uv, str(path))


def nothing_received(path: Path) -> RecordingError:
    return RecordingError(f"{path}: all its frames are labelled {LOST}: nothing was received; record again")


def read_header(path: Path) -> EdfHeader:
    try:
        with path.open("rb") as stream:
            fixed = stream.read(256).decode("latin-1")
            n_signals = int(fixed[252:256])
            is_bdf = fixed[:8] == "\xffBIOSEMI"
            if (fixed[:8].strip() != "0" and not is_bdf) or not 0 < n_signals <= MAX_SIGNALS:
                raise ValueError(f"version {fixed[:8].strip()!r} with {n_signals} signals")
            table = stream.read(256 * n_signals).decode("latin-1")
        header = EdfHeader(
            patient=fixed[8:88].strip(),
            variant=fixed[192:236].strip(),
            n_records=int(fixed[236:244]),
            record_s=float(fixed[244:252]),
            n_bytes=int(fixed[184:192]),
            sample_bytes=3 if is_bdf else 2,
            signals=_parse_signals(table, n_signals),
        )
        if header.n_bytes != 256 * (n_signals + 1):
            raise ValueError(f"header of {header.n_bytes} bytes for {n_signals} signals")
        return header
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: no such recording; check the path") from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise RecordingError(
            f"{path}: not an EDF or BDF file, or its header is damaged ({error}); copy it again from its "
            "source"
        ) from error


def _printable(text: str) -> str:
    """Names end up in messages of one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _parse_signals(table: str, n_signals: int) -> tuple[EdfSignal, ...]:
    columns: dict[str, list[str]] = {}
    at = 0
    for key, width in _FIELDS.items():
        columns[key] = [table[at + i * width : at + (i + 1) * width].strip() for i in range(n_signals)]
        at += n_signals * width
    signals = tuple(
        EdfSignal(
            name=_printable(columns["label"][i]),
            unit=_printable(columns["unit"][i]),
            physical_min=float(columns["physical_min"][i]),
            physical_max=float(columns["physical_max"][i]),
            digital_min=int(columns["digital_min"][i]),
            digital_max=int(columns["digital_max"][i]),
            samples=int(columns["samples"][i]),
        )
        for i in range(n_signals)
    )
    for signal in signals:
        span = signal.physical_max - signal.physical_min
        if (
            not math.isfinite(span)
            or span == 0
            or signal.digital_max <= signal.digital_min
            or signal.samples <= 0
        ):
            raise ValueError(f"signal {signal.name!r} has an empty range or no samples")
    return signals


def _check_rates(path: Path, header: EdfHeader, signals: list[EdfSignal]) -> None:
    if not signals:
        raise RecordingError(f"{path}: has annotations but no signal; give the file that holds the signals")
    if not (math.isfinite(header.record_s) and header.record_s > 0 and header.n_records > 0):
        raise RecordingError(
            f"{path}: declares {header.n_records} data records of {header.record_s:g} s; "
            "the recording was not closed: export it again"
        )
    rates: dict[int, list[str]] = {}
    for signal in signals:
        rates.setdefault(signal.samples, []).append(signal.name)
    if len(rates) > 1:
        groups = "; ".join(
            f"{n / header.record_s:g} Hz: {', '.join(names)}" for n, names in sorted(rates.items())
        )
        raise RecordingError(
            f"{path}: channels differ in rate ({groups}); export a file with the channels of one rate"
        )


def _integers(records: NDArray[np.uint8], sample_bytes: int) -> NDArray[np.int16] | NDArray[np.int32]:
    """(n_records, n_bytes) to one row of samples."""
    if sample_bytes == 2:
        return records.reshape(-1).view("<i2")
    three = records.reshape(-1, 3)
    wide = np.zeros((len(three), 4), np.uint8)
    wide[:, 1:] = three
    return wide.view("<i4")[:, 0] >> 8
