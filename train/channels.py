"""Some of a recording's channels: those that a configuration chooses, those that a bundle was trained on."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neurograsp.edge_runtime.contract.channels import columns_of
from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.train.config import DataConfig
from neurograsp.train.datasets import Recording


def choose(recording: Recording, columns: Sequence[int]) -> Recording:
    """These channels alone, in this order."""
    if list(columns) == list(range(len(recording.channels))):
        return recording
    return replace(
        recording,
        counts=np.ascontiguousarray(recording.counts[:, columns]),
        channels=tuple(recording.channels[column] for column in columns),
    )


def chosen(recording: Recording, data: DataConfig) -> Recording:
    """The channels of `data.channels`, or all but those of `data.without`.

    Raises:
        ConfigError: a name is not the recording's, or none is left.
    """
    if data.channels is None and not data.without:
        return recording
    key, names = ("without", data.without) if data.channels is None else ("channels", data.channels)
    try:
        columns = columns_of(names, recording.channels)
    except ValueError as error:
        raise ConfigError(f"data.{key}: {recording.source}: {error}") from error
    if data.channels is None:
        columns = [column for column in range(len(recording.channels)) if column not in columns]
    if not columns:
        raise ConfigError(f"data.{key}: {recording.source}: no channel is left")
    return choose(recording, columns)


def fitted(recording: Recording, spec: SignalSpec) -> Recording:
    """The channels of a spec, by name and in its order.

    Raises:
        RecordingError: one is not there, or rate or unit are not those of the spec.
    """
    if recording.rate_hz != spec.rate_hz:
        raise RecordingError(f"{recording.source}: {recording.rate_hz:g} Hz, expected {spec.rate_hz:g} Hz")
    if recording.lsb_uv != spec.lsb_uv:
        raise RecordingError(
            f"{recording.source}: {recording.lsb_uv} microvolt a count, expected {spec.lsb_uv}; "
            "use recordings of the same amplifier and gain"
        )
    try:
        return choose(recording, columns_of(spec.channels, recording.channels))
    except ValueError as error:
        raise RecordingError(
            f"{recording.source}: {error}; record the electrodes that it was trained on"
        ) from error
