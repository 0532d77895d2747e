"""Frames from any BrainFlow board, and recordings played back through BrainFlow's playback board."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ConfigError, SourceError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.files import temporary_folder
from neurograsp.edge_runtime.sources.base import Block, CounterUnwrapper
from neurograsp.edge_runtime.sources.board_port import REMEDIES, PortLock, set_port
from neurograsp.edge_runtime.sources.brainflow_library import load_brainflow
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.edge_runtime.sources.fit import electrode_columns, fitting_columns, to_counts
from neurograsp.firmware_bridge.strict import nearest

log = logging.getLogger(__name__)

RING_FRAMES = 450_000
COUNTER_MODULUS = 256
COUNTER_CHECK_S = 2.0
PLAYBACK_LAYOUTS = ((32, "FREEEEG32_BOARD"), (128, "FREEEEG128_BOARD"))


class BrainFlowSource:
    """A live board.

    Args:
        name: of the board as in BrainFlow's `BoardIds`, any case, `_BOARD` optional.
        port: path of its serial port, MAC address, IP address, or name; "" where it needs none.
        spec: the bundle's signal; the board must fit it.

    Raises:
        ConfigError: an unknown name, no board of its own, or one with other channels (see `rows_of`) or
            another rate.
    """

    def __init__(self, name: str, port: str, spec: SignalSpec) -> None:
        brainflow = load_brainflow()
        board_id = board_id_of(name, brainflow)
        try:
            description = brainflow.BoardShim.get_board_descr(board_id)
            rate, counter_row = float(description["sampling_rate"]), int(description["package_num_channel"])
        except (brainflow.BrainFlowError, KeyError) as error:
            raise ConfigError(
                f"board {name}: BrainFlow gives it no rate or frame counter of its own; name the amplifier, "
                "or play a recording with --source playback:FILE"
            ) from error
        rows = rows_of(description, spec.channels)
        if rows is None or rate != spec.rate_hz:
            raise ConfigError(
                f"board {name}: {len(_rows_there(description))} channels at {rate:g} Hz, but the bundle was "
                f"trained on {len(spec.channels)} channels ({', '.join(spec.channels[:4])}, ...) at "
                f"{spec.rate_hz:g} Hz; use that amplifier, or train on this one"
            )
        if spec.lsb_uv is None:
            raise ConfigError(
                f"board {name}: the bundle was trained on counts of unknown unit, which a live board's "
                "microvolts cannot be turned into; train on recordings with a unit"
            )
        parameters = brainflow.BrainFlowInputParams()
        set_port(parameters, port)
        self.description = f"BrainFlow {name}" + (f" on {port}" if port else "")
        self._lock = PortLock(port)
        self._board = _Board(brainflow, board_id, parameters, self.description)
        self._rows = _without_copying(rows)
        self._counter_row = counter_row
        self._lsb_uv = spec.lsb_uv
        self._counter = CounterUnwrapper(COUNTER_MODULUS)
        self._n_checked = round(COUNTER_CHECK_S * rate)
        self._checked = False

    def start(self) -> None:
        self._lock.take()
        self._counter = CounterUnwrapper(COUNTER_MODULUS)
        try:
            self._board.start()
        except SourceError:
            self._lock.release()
            raise

    def read(self) -> Block:
        data = self._board.read()
        counter = self._counter.unwrap(data[self._counter_row].astype(np.int64))
        if not self._checked and self._counter.n_steps >= self._n_checked:
            self._checked = True
            self._check_counter()
        return Block(to_counts(data[self._rows], self._lsb_uv), counter)

    def _check_counter(self) -> None:
        n_jumps, n_steps = self._counter.n_jumps, self._counter.n_steps
        if 2 * n_jumps > n_steps:
            log.warning(
                "%s: %d of the first %d frames do not follow the one before by their counter; "
                "this board's counter may not be understood, and then nothing is decided",
                self.description,
                n_jumps,
                n_steps,
            )

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        try:
            self._board.stop()
        finally:
            self._lock.release()


class PlaybackSource:
    """A recording through BrainFlow's PLAYBACK_FILE_BOARD, as if a 32- or 128-electrode FreeEEG sent it.

    The frame counter of the recording travels in the board's package-number row, so gaps arrive as
    jumps of the counter. The stamps in the file run on without gaps, so no time is spent in them.

    Args:
        frames: the recording.
        spec: the bundle's signal.
        speed: 1 plays in real time.

    Raises:
        ConfigError: the recording lacks a channel of the bundle, or has another rate or unit.
    """

    def __init__(self, frames: DeltaFrames, spec: SignalSpec, speed: float = 1.0) -> None:
        columns = fitting_columns(frames, spec)
        layouts = [name for capacity, name in PLAYBACK_LAYOUTS if len(frames.channels) <= capacity]
        if not layouts:
            raise ConfigError(f"{frames.path}: BrainFlow's playback takes at most 128 channels")
        brainflow = load_brainflow()
        master = brainflow.BoardIds[layouts[0]].value
        layout = brainflow.BoardShim.get_board_descr(master)
        self._folder = temporary_folder("neurograsp-playback-")
        file = Path(self._folder.name) / "recording.tsv"
        write_playback_file(file, frames, layout, speed)
        parameters = brainflow.BrainFlowInputParams()
        parameters.file = str(file)
        parameters.master_board = master
        self.description = f"{frames.path} through BrainFlow's playback board ({layouts[0]} layout)"
        self._board = _Board(
            brainflow, brainflow.BoardIds.PLAYBACK_FILE_BOARD.value, parameters, self.description
        )
        self._rows = _without_copying([layout["eeg_channels"][column] for column in columns])
        self._counter_row = int(layout["package_num_channel"])
        self._left = len(frames.counts)

    def start(self) -> None:
        self._board.start()

    def read(self) -> Block:
        data = self._board.read()
        self._left -= data.shape[1]
        counter = np.rint(data[self._counter_row]).astype(np.int64)
        return Block(to_counts(data[self._rows], 1.0), counter)

    def finished(self) -> bool:
        return self._left <= 0

    def stop(self) -> None:
        self._board.stop()
        self._folder.cleanup()


class _Board:
    """One prepared BrainFlow session; maps its errors."""

    def __init__(self, brainflow: Any, board_id: int, parameters: Any, description: str) -> None:
        self._error = brainflow.BrainFlowError
        self._board = brainflow.BoardShim(board_id, parameters)
        self._description = description
        self._running = False

    def start(self) -> None:
        try:
            self._board.prepare_session()
            self._running = True
            self._board.start_stream(RING_FRAMES)
        except self._error as error:
            self.stop()
            code = str(error).partition(":")[0]
            raise SourceError(
                f"{self._description}: cannot be opened: {REMEDIES.get(code, 'look at it')} ({code})"
            ) from error

    def read(self) -> npt.NDArray[np.float64]:
        try:
            data: npt.NDArray[np.float64] = self._board.get_board_data()
        except self._error as error:
            raise SourceError(f"{self._description}: lost: {error}") from error
        return data

    def stop(self) -> None:
        if self._running:
            self._running = False
            try:
                self._board.release_session()
            except self._error as error:
                raise SourceError(f"{self._description}: could not be released: {error}") from error


def board_id_of(name: str, brainflow: Any) -> int:
    """Id of a board by its name in `BoardIds`, any case, with or without `_BOARD`.

    Raises:
        ConfigError: naming the nearest board.
    """
    known = {board.name: int(board.value) for board in brainflow.BoardIds}
    wanted = name.upper().replace("-", "_")
    for candidate in (wanted, f"{wanted}_BOARD"):
        if candidate in known:
            return known[candidate]
    near = nearest(f"{wanted.removesuffix('_BOARD')}_BOARD", known)
    raise ConfigError(f"board {name!r} is not one of BrainFlow's{near}")


def rows_of(description: dict[str, Any], channels: Sequence[str]) -> list[int] | None:
    """The board's rows of these channels.

    By name where BrainFlow names the board's electrodes and all of these are among them; else all rows as
    they come, where there are as many. None: neither.
    """
    rows = _rows_there(description)
    names = [name.strip() for name in str(description.get("eeg_names", "")).split(",")]
    columns = electrode_columns(channels, names, len(rows))
    return None if columns is None else [rows[column] for column in columns]


def _without_copying(rows: list[int]) -> slice | list[int]:
    """Rows that follow each other as a slice, which numpy takes without a copy."""
    first, n = rows[0], len(rows)
    return slice(first, first + n) if rows == list(range(first, first + n)) else rows


def _rows_there(description: dict[str, Any]) -> list[int]:
    return list(description.get("eeg_channels") or description.get("emg_channels") or [])


def write_playback_file(path: Path, frames: DeltaFrames, layout: dict[str, Any], speed: float) -> None:
    """A BrainFlow recording: tab separated, one line a frame, as many columns as the layout has rows.

    BrainFlow takes the pace from the stamps alone and keeps six decimals, so counts are stored as
    they are, as if one were a microvolt.
    """
    rows = np.zeros((len(frames.counts), int(layout["num_rows"])))
    rows[:, list(layout["eeg_channels"])[: frames.counts.shape[1]]] = frames.counts
    rows[:, layout["package_num_channel"]] = frames.frame_index
    rows[:, layout["timestamp_channel"]] = 1e9 + np.arange(len(rows)) / (frames.rate_hz * speed)
    np.savetxt(path, rows, fmt="%.6f", delimiter="\t")
