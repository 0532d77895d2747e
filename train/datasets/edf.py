"""EDF, EDF+, BDF and BDF+ files: the integers as stored, labels from the annotations.

MNE decodes the annotations. The samples are taken from the file as they are, since MNE hands out
scaled floats only. Kemp & Olivan, "European data format 'plus' (EDF+)", Clinical Neurophysiology
114:1755-1761 (2003). BDF is the same with 24-bit samples: biosemi.com/faq/file_format.htm.
"""

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import MissingExtra, RecordingError
from neurograsp.edge_runtime.contract.units import UV_PER_UNIT
from neurograsp.edge_runtime.recording import place
from neurograsp.edge_runtime.recording.recorder import LOST
from neurograsp.train.datasets import eegmmidb
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps

FILE_NAME = re.compile(r".+\.(?:edf|bdf)", re.IGNORECASE)
ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
TRIGGERS = "Status"
"""Of a BioSemi amplifier: bits, no signal."""

MAX_SIGNALS = 2048
_EEGMMIDB_NAME = re.compile(r"S(\d{3})R(\d{2})", re.IGNORECASE)
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
class _Signal:
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
class _Header:
    patient: str
    variant: str
    n_records: int
    record_s: float
    n_bytes: int
    sample_bytes: int
    signals: tuple[_Signal, ...]  # with the annotation signals, in file order

    def is_channel(self, signal: _Signal) -> bool:
        return signal.name not in ANNOTATIONS and not (self.sample_bytes == 3 and signal.name == TRIGGERS)


def identify(path: Path) -> tuple[str, str]:
    """Subject and session: from the name where it is an EEGMMIDB run or by `neurograsp record`, else header
    code and file stem.

    Raises:
        RecordingError: the file cannot be read or its header is damaged.
    """
    run = _EEGMMIDB_NAME.fullmatch(path.stem)
    if run:
        return run[1], run[2]
    own = place.FILE_NAME.fullmatch(path.name)
    if own:
        return own[1], own[2]
    code = _read_header(path).patient.split(" ")[0]
    return ("unknown" if code in ("", "X") else code), path.stem


def read(path: Path, subject: str, session: str) -> Recording:
    """One file; every signal but annotations and triggers is a channel.

    Counts are the digital values stored. Physical zero need not be digital zero: the offset is constant.
    `lsb_uv` is None where a unit is not a voltage or the channels do not share one scale. An
    annotation without duration labels one frame; one that runs over the end is cut there. Frames that
    `neurograsp record` put in place of lost ones are left out: they are a gap.

    Raises:
        MissingExtra: MNE is not installed.
        RecordingError: the file is truncated, damaged, discontinuous, or its channels differ in rate.
    """
    header = _read_header(path)
    if header.variant.startswith(("EDF+D", "BDF+D")):
        raise RecordingError(
            f"{path}: discontinuous EDF+ or BDF+ ({header.variant[:5]}) is not read; export it as one "
            "continuous file a piece"
        )
    signals = [signal for signal in header.signals if header.is_channel(signal)]
    _check_rates(path, header, signals)
    counts = _read_counts(path, header)
    rate_hz = signals[0].samples / header.record_s
    labels = _read_labels(path, header.sample_bytes, rate_hz, len(counts))
    frame_index, labels = _without_lost(labels, len(counts))
    if not len(frame_index):
        raise RecordingError(
            f"{path}: all its frames are labelled {LOST}: nothing was received; record again"
        )
    return Recording(
        counts=np.ascontiguousarray(counts[frame_index]) if len(frame_index) < len(counts) else counts,
        rate_hz=rate_hz,
        channels=_channels(path, signals),
        lsb_uv=_common_lsb_uv(path, signals),
        pieces=split_at_jumps(frame_index),
        frame_index=frame_index,
        labels=labels,
        subject=subject,
        session=session,
        source=str(path),
    )


def _read_header(path: Path) -> _Header:
    try:
        with path.open("rb") as stream:
            fixed = stream.read(256).decode("latin-1")
            n_signals = int(fixed[252:256])
            is_bdf = fixed[:8] == "\xffBIOSEMI"
            if (fixed[:8].strip() != "0" and not is_bdf) or not 0 < n_signals <= MAX_SIGNALS:
                raise ValueError(f"version {fixed[:8].strip()!r} with {n_signals} signals")
            table = stream.read(256 * n_signals).decode("latin-1")
        header = _Header(
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


def _parse_signals(table: str, n_signals: int) -> tuple[_Signal, ...]:
    columns: dict[str, list[str]] = {}
    at = 0
    for key, width in _FIELDS.items():
        columns[key] = [table[at + i * width : at + (i + 1) * width].strip() for i in range(n_signals)]
        at += n_signals * width
    signals = tuple(
        _Signal(
            name=columns["label"][i],
            unit=columns["unit"][i],
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


def _check_rates(path: Path, header: _Header, signals: list[_Signal]) -> None:
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


def _read_counts(path: Path, header: _Header) -> NDArray[np.int32]:
    per_record = sum(signal.samples for signal in header.signals)
    expected = header.n_bytes + header.sample_bytes * per_record * header.n_records
    found = path.stat().st_size
    if found != expected:
        raise RecordingError(
            f"{path}: truncated or damaged: its header promises {expected} bytes and it has {found}; "
            "copy it again from its source"
        )
    records = _read_samples(path, header).reshape(header.n_records, per_record)
    columns, at = [], 0
    for signal in header.signals:
        if header.is_channel(signal):
            columns.append(records[:, at : at + signal.samples].reshape(-1))
        at += signal.samples
    return np.ascontiguousarray(np.stack(columns, axis=1), dtype=np.int32)


def _read_samples(path: Path, header: _Header) -> NDArray[np.int16] | NDArray[np.int32]:
    if header.sample_bytes == 2:
        return np.fromfile(path, dtype="<i2", offset=header.n_bytes)
    three = np.fromfile(path, dtype=np.uint8, offset=header.n_bytes).reshape(-1, 3)
    wide = np.zeros((len(three), 4), np.uint8)
    wide[:, 1:] = three
    return wide.view("<i4")[:, 0] >> 8


def _channels(path: Path, signals: list[_Signal]) -> tuple[str, ...]:
    names = tuple(signal.name.rstrip(".") for signal in signals)
    twice = sorted({name for name in names if not name or names.count(name) > 1})
    if twice:
        raise RecordingError(
            f"{path}: channel names {twice} are empty or there twice; rename them in the file"
        )
    return names


def _common_lsb_uv(path: Path, signals: list[_Signal]) -> float | None:
    steps = [signal.lsb_uv() for signal in signals]
    inverted = [
        signal.name for signal, step in zip(signals, steps, strict=True) if step is not None and step < 0
    ]
    if inverted:
        raise RecordingError(
            f"{path}: {', '.join(inverted)} stored with inverted polarity; "
            "export with physical minimum below maximum"
        )
    return steps[0] if len(set(steps)) == 1 else None


def _read_labels(path: Path, sample_bytes: int, rate_hz: float, n_frames: int) -> Labels:
    try:
        import mne
    except ImportError as error:
        raise MissingExtra("MNE", "train") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="Omitted .* outside data range")
            read = mne.io.read_raw_bdf if sample_bytes == 3 else mne.io.read_raw_edf
            notes = read(path, stim_channel=None, preload=False, verbose="WARNING").annotations
    except RuntimeWarning as error:
        raise RecordingError(
            f"{path}: a label does not match: it lies outside the {n_frames / rate_hz:g} s recorded; "
            "use the annotations of this recording"
        ) from error
    # MNE lets anything out on a damaged file: assertion, value, index and bare Exception were seen.
    except Exception as error:
        raise RecordingError(
            f"{path}: MNE cannot read its labels, the annotations "
            f"({' '.join(str(error).split()) or type(error).__name__}); export the file again"
        ) from error
    texts = [str(text) for text in notes.description]
    is_eegmmidb = _EEGMMIDB_NAME.fullmatch(path.stem) and set(texts) <= set(eegmmidb.NAMES)
    names = eegmmidb.NAMES if is_eegmmidb else tuple(sorted(set(texts)))
    onset_s = np.asarray(notes.onset, dtype=np.float64)
    start = np.minimum(np.rint(onset_s * rate_hz).astype(np.int64), n_frames - 1)
    stop = np.rint((onset_s + np.asarray(notes.duration, dtype=np.float64)) * rate_hz).astype(np.int64)
    return Labels(
        names=names,
        start=start,
        stop=np.clip(stop, start + 1, n_frames),
        code=np.array([names.index(text) for text in texts], dtype=np.int64),
    )


def _without_lost(labels: Labels, n_frames: int) -> tuple[NDArray[np.int64], Labels]:
    """The frames (n,) that are not labelled `LOST`, and the other labels in rows of these."""
    if LOST not in labels.names:
        return np.arange(n_frames, dtype=np.int64), labels
    is_lost = labels.code == labels.names.index(LOST)
    received = np.ones(n_frames, bool)
    for start, stop in zip(labels.start[is_lost], labels.stop[is_lost]):
        received[start:stop] = False
    row_of = np.concatenate([[0], np.cumsum(received)])
    start, stop = row_of[labels.start], row_of[labels.stop]
    kept = ~is_lost & (stop > start)
    names = tuple(name for name in labels.names if name != LOST)
    code = np.array([names.index(labels.names[one]) for one in labels.code[kept]], np.int64)
    return np.flatnonzero(received), Labels(names, start[kept], stop[kept], code)
