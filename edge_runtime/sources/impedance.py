"""Contact impedance of the electrodes, where a BrainFlow board measures it.

Most such boards do so in a mode of its own, without a signal, so this is for before a session. The commands
are those of BrainFlow's board pages; of the boards only BrainFlow's synthetic one was tried.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neurograsp.edge_runtime.contract.errors import ConfigError, SourceError
from neurograsp.edge_runtime.sources.board_port import PortLock, set_port
from neurograsp.edge_runtime.sources.brainflow_board import board_id_of
from neurograsp.edge_runtime.sources.brainflow_library import load_brainflow

SECONDS = 3.0


class Mode(NamedTuple):
    """Commands that begin and end the measurement, and whether the first one comes before the stream."""

    begin: str
    end: str
    before_stream: bool


MODES = {
    "GANGLION": Mode("z", "Z", False),
    "BRAINBIT": Mode("CommandStartResist", "CommandStopResist", False),
    "ANT_NEURO": Mode("impedance_mode:1", "impedance_mode:0", True),
}
"""By the beginning of the board's name; others measure all the time."""


def measure(name: str, port: str, sleep: Callable[[float], None] = time.sleep) -> dict[str, float]:
    """Ohms by electrode, the median of three seconds; what comes after the electrodes is reference or ground.

    Raises:
        ConfigError: an unknown board, or one that measures no impedance.
        MissingExtra, SourceError: BrainFlow is not there, or the board cannot be opened or is lost.
    """
    brainflow = load_brainflow()
    board_id = board_id_of(name, brainflow)
    try:
        description = brainflow.BoardShim.get_board_descr(board_id)
    except brainflow.BrainFlowError as error:
        raise ConfigError(f"board {name}: BrainFlow does not describe it; name the amplifier") from error
    rows = description.get("resistance_channels")
    if not rows:
        raise ConfigError(f"board {name}: measures no impedance; use the maker's program")
    full_name = brainflow.BoardIds(board_id).name
    mode = next((mode for family, mode in MODES.items() if full_name.startswith(family)), None)
    parameters = brainflow.BrainFlowInputParams()
    set_port(parameters, port)
    board, lock = brainflow.BoardShim(board_id, parameters), PortLock(port)
    lock.take()
    try:
        data = _take(board, mode, sleep)
    except brainflow.BrainFlowError as error:
        raise SourceError(f"board {name}: impedance cannot be measured: {error}") from error
    finally:
        if board.is_prepared():
            board.release_session()
        lock.release()
    names = _names(description, len(rows))
    values = np.where(data[rows] > 0, data[rows], np.nan)
    return {label: float(np.nanmedian(row)) for label, row in zip(names, values) if np.isfinite(row).any()}


def _take(board: Any, mode: Mode | None, sleep: Callable[[float], None]) -> Any:
    board.prepare_session()
    if mode is not None and mode.before_stream:
        board.config_board(mode.begin)
    board.start_stream()
    if mode is not None and not mode.before_stream:
        board.config_board(mode.begin)
    sleep(SECONDS)
    data = board.get_board_data()
    if mode is not None:
        board.config_board(mode.end)
    return data


def _names(description: dict[str, Any], n_rows: int) -> list[str]:
    named = [name.strip() for name in str(description.get("eeg_names", "")).split(",") if name.strip()]
    electrodes = description.get("eeg_channels") or description.get("emg_channels") or []
    if len(named) != len(electrodes):
        named = [f"E{number}" for number in range(1, len(electrodes) + 1)]
    if n_rows < len(electrodes):
        return [f"R{number}" for number in range(1, n_rows + 1)]
    return [*named, *(f"reference {number}" for number in range(1, n_rows - len(named) + 1))]
