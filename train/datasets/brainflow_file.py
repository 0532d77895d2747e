"""Files that BrainFlow wrote (`DataFilter.write_file`, a `file://` streamer), with a description beside.

BrainFlow writes a line a frame and a column a row of the board, without saying which board it was. So
`NAME.brainflow.json` stands for the recording, and the signal is in `NAME.csv`, `NAME.tsv` or `NAME.txt`:

    {"board": "cyton", "labels": {"1": "rest", "2": "fist", "9": ""}, "channels": ["C3", "Cz", "C4", ...]}

Markers of `BoardShim.insert_marker` are the labels; `labels` names them by their numbers. See
https://brainflow.readthedocs.io (data format description).
"""

import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.edge_runtime.contract.units import LSB_UV
from neurograsp.edge_runtime.sources.base import CounterUnwrapper
from neurograsp.edge_runtime.sources.brainflow_board import COUNTER_MODULUS, board_id_of
from neurograsp.edge_runtime.sources.brainflow_library import load_brainflow
from neurograsp.firmware_bridge.strict import decode
from neurograsp.train.datasets import markers
from neurograsp.train.datasets.gaps import counter_of
from neurograsp.train.datasets.kept import kept
from neurograsp.train.datasets.microvolts import to_counts
from neurograsp.train.datasets.raw_file import parse_table, read_bytes
from neurograsp.train.datasets.recording import Recording, split_at_jumps

log = logging.getLogger(__name__)

FILE_NAME = re.compile(r"(.+)\.brainflow\.json", re.IGNORECASE)
SUFFIXES = (".csv", ".tsv", ".txt")
MAX_BYTES = 1 << 30
MAX_DESCRIPTION = 1 << 16
GAP_S = 0.25

_VERSION = 1


@dataclass(frozen=True)
class Description:
    """Attributes:
    board: BrainFlow's name for it, as in `--source board:NAME`.
    labels: what a marker means, by its number as text; of others the number is the label. An empty one ends
        the label before it and labels nothing.
    channels: names of the electrodes; those of BrainFlow where left out.
    """

    board: str
    labels: dict[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Layout:
    """Which columns of a file are what."""

    n_columns: int
    electrodes: tuple[int, ...]
    names: tuple[str, ...]
    counter: int
    stamp: int
    marker: int
    rate_hz: float


def identify(path: Path) -> tuple[str, str]:
    """Subject and session from the name, see `markers.names_in`."""
    return markers.names_in(_stem(path))


def read(path: Path, subject: str, session: str) -> Recording:
    """One recording; a marker labels what follows until the next marker. The second time from a cache.

    Microvolts become counts of `microvolts.LSB_UV`. The board's frame counter tells the gaps, as in the
    control loop; repeated and late frames are dropped. Where it cannot be understood, the time stamps tell
    gaps of `GAP_S` or more. A last line without an end, of an interrupted recording, is left out.

    Args:
        path: the description; the signal lies beside it.
        subject, session: as `identify` gives them.

    Raises:
        MissingExtra: BrainFlow is not installed, or does not load on this machine.
        RecordingError: a file is missing or damaged, or the description does not fit the signal.
    """
    table = _table_of(path)
    return kept(path, (path, table), _VERSION, lambda: _read(path, table, subject, session), subject, session)


def _stem(path: Path) -> str:
    match = FILE_NAME.fullmatch(path.name)
    return match[1] if match else path.stem


def _table_of(path: Path) -> Path:
    there = [path.with_name(_stem(path) + suffix) for suffix in SUFFIXES]
    found = [one for one in there if one.is_file()]
    if len(found) != 1:
        raise RecordingError(
            f"{path}: {len(found)} of {', '.join(one.name for one in there)} beside it, which has the "
            "signal; put the one that BrainFlow wrote there"
        )
    return found[0]


def _read(path: Path, table: Path, subject: str, session: str) -> Recording:
    description = _description(path)
    layout = _layout(path, description)
    columns = _columns(table, layout)
    electrodes, (counter, stamps, marker) = columns[:, :-3], columns[:, -3:].T
    rows, frame_index = _frames(table, counter, stamps, layout.rate_hz)
    marked = np.flatnonzero(marker)
    numbers = [f"{value:g}" for value in marker[marked].tolist()]
    texts = [markers.printable(description.labels.get(number, number)) for number in numbers]
    return Recording(
        counts=to_counts(table, electrodes[rows]),
        rate_hz=layout.rate_hz,
        channels=layout.names,
        lsb_uv=LSB_UV,
        pieces=split_at_jumps(frame_index),
        frame_index=frame_index,
        labels=markers.until_next([(np.searchsorted(rows, marked), texts)], len(rows)),
        subject=subject,
        session=session,
        source=str(path),
    )


def _description(path: Path) -> Description:
    text = read_bytes(path, MAX_DESCRIPTION, "it names a board and its markers")
    try:
        return decode(Description, json.loads(text), str(path))
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{path}: not valid JSON ({str(error)[:100]}); write it again") from error
    except ConfigError as error:
        raise RecordingError(f"{error}; docs/formats.md says what it may hold") from error


def _layout(path: Path, description: Description) -> _Layout:
    brainflow = load_brainflow()
    try:
        board: dict[str, Any] = brainflow.BoardShim.get_board_descr(board_id_of(description.board, brainflow))
        electrodes = tuple(board.get("eeg_channels") or board.get("emg_channels") or ())
        own = tuple(str(board.get("eeg_names", "")).split(","))
        layout = _Layout(
            n_columns=int(board["num_rows"]),
            electrodes=electrodes,
            names=description.channels
            or (own if len(own) == len(electrodes) else tuple(f"E{i + 1}" for i in range(len(electrodes)))),
            counter=int(board["package_num_channel"]),
            stamp=int(board["timestamp_channel"]),
            marker=int(board["marker_channel"]),
            rate_hz=float(board["sampling_rate"]),
        )
    except ConfigError as error:
        raise RecordingError(f"{path}: {error}") from error
    except (brainflow.BrainFlowError, KeyError) as error:
        raise RecordingError(
            f"{path}: board {description.board}: BrainFlow gives it no columns of its own; name the "
            "amplifier that was recorded"
        ) from error
    if not electrodes or len(layout.names) != len(electrodes):
        raise RecordingError(
            f"{path}: {len(layout.names)} names of channels, but the board {description.board} has "
            f"{len(electrodes)} electrodes; name each once"
        )
    return layout


def _columns(table: Path, layout: _Layout) -> NDArray[np.float64]:
    """(n_frames, n_electrodes + 3): electrodes, counter, stamp and marker."""
    text = read_bytes(table, MAX_BYTES, "record shorter sessions")
    text = text[: text.rfind(b"\n") + 1]
    n_columns = text[: text.find(b"\n")].rstrip(b"\r\t").count(b"\t") + 1
    if n_columns != layout.n_columns:
        raise RecordingError(
            f"{table}: {n_columns} columns between tabs, but this board has {layout.n_columns}; name the "
            "board that was recorded, or give the file as BrainFlow wrote it"
        )
    columns = (*layout.electrodes, layout.counter, layout.stamp, layout.marker)
    found = parse_table(table, text, np.float64, "\t", columns).astype(np.float64)
    if not np.isfinite(found[:, -3:]).all() or np.abs(found[:, -3:]).max() > 2**53:
        raise RecordingError(
            f"{table}: a frame counter, time stamp or marker is no number; copy it again from its source"
        )
    return found


def _frames(
    table: Path, counter: NDArray[np.float64], stamps: NDArray[np.float64], rate_hz: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to keep, and their frame counter."""
    unwrapper = CounterUnwrapper(COUNTER_MODULUS)
    index = unwrapper.unwrap(counter.astype(np.int64))
    if 2 * unwrapper.n_jumps > unwrapper.n_steps:
        log.warning("%s: its frame counter is not understood; gaps are those of its time stamps", table)
        return np.arange(len(stamps)), counter_of(stamps, rate_hz, GAP_S)
    before = np.concatenate([[index[0] - 1], np.maximum.accumulate(index)[:-1]])
    rows = np.flatnonzero(index > before)
    return rows, index[rows]
