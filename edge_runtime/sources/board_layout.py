"""What a board delivers, from BrainFlow's description of it, before there is a bundle that it must fit."""

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.sources.base import Layout
from neurograsp.edge_runtime.sources.brainflow_board import board_id_of
from neurograsp.edge_runtime.sources.brainflow_library import load_brainflow

_STEP_OF_24_BITS = 1 / (2**23 - 1)
LSB_UV = {
    "CYTON_BOARD": 187_500 * _STEP_OF_24_BITS,  # 4.5 V at a gain of 24
    "CYTON_DAISY_BOARD": 187_500 * _STEP_OF_24_BITS,
    "FREEEEG32_BOARD": 312_500 * _STEP_OF_24_BITS,  # 2.5 V at a gain of 8
}
"""Microvolt a count, where BrainFlow multiplies 24-bit integers by it: `eeg_scale` in the board's source, at
the gain that it starts with."""

OTHER_LSB_UV = 1 / 32
"""Of other boards, whose values are rounded to it: 24 bits of it reach 262 mV."""


def board_layout(name: str) -> Layout:
    """Layout of a board by its name in BrainFlow's `BoardIds`.

    Raises:
        ConfigError: an unknown name, or no board of its own.
        MissingExtra: BrainFlow is not installed, or does not load on this machine.
    """
    brainflow = load_brainflow()
    board_id = board_id_of(name, brainflow)
    try:
        board = brainflow.BoardShim.get_board_descr(board_id)
        rate_hz = float(board["sampling_rate"])
        n_channels = len(board.get("eeg_channels") or board["emg_channels"])
    except (brainflow.BrainFlowError, KeyError) as error:
        raise ConfigError(
            f"board {name}: BrainFlow gives it no rate or no EEG or EMG channels; name the amplifier"
        ) from error
    names = tuple(text.strip() for text in str(board.get("eeg_names", "")).split(","))
    if len(set(names)) != n_channels or len(names) != n_channels:
        names = tuple(f"E{number}" for number in range(1, n_channels + 1))
    return Layout(names, rate_hz, LSB_UV.get(brainflow.BoardIds(board_id).name, OTHER_LSB_UV))
