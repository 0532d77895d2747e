"""Read a run folder, the file interface between training and conversion."""

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.codec import decode
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.run_folder import RunFacts


@dataclass(frozen=True, eq=False)
class ValidationStream:
    """One validation recording; fields as in `neurograsp.edge_runtime.contract.run_folder`."""

    windows: npt.NDArray[np.int8]
    time_s: npt.NDArray[np.float64]
    restart: npt.NDArray[np.bool_]
    event_start_s: npt.NDArray[np.float64]
    event_stop_s: npt.NDArray[np.float64]
    event_action: npt.NDArray[np.int64]
    rest_start_s: npt.NDArray[np.float64]
    rest_stop_s: npt.NDArray[np.float64]
    picked: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Run:
    """Attributes:
    facts: run.json.
    model_path: the Keras network.
    linear: bytes of linear.npz.
    x_train, y_train, x_validation, y_validation: windows (n, window, n_channels) int8 and targets
        (n, n_actions) float32.
    streams: the validation recordings.
    golden_counts: (n_frames, n_channels) int32.
    """

    path: Path
    facts: RunFacts
    model_path: Path
    linear: bytes
    x_train: npt.NDArray[np.int8]
    y_train: npt.NDArray[np.float32]
    x_validation: npt.NDArray[np.int8]
    y_validation: npt.NDArray[np.float32]
    streams: tuple[ValidationStream, ...]
    golden_counts: npt.NDArray[np.int32]


def read_run(path: Path) -> Run:
    """Read a run folder.

    Raises:
        ConfigError: it is missing, incomplete or damaged.
    """
    facts_path = path / "run.json"
    if not facts_path.is_file():
        raise ConfigError(f"{path}: no run.json there; name the folder that `neurograsp train --out` wrote")
    try:
        facts = decode(RunFacts, json.loads(facts_path.read_bytes()), str(facts_path))
        windows = _arrays(path / "windows.npz")
        streams = _arrays(path / "streams.npz")
        linear = (path / "linear.npz").read_bytes()
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ConfigError(f"{path}: incomplete or damaged run ({error}); train again") from error
    model_path = path / "model.keras"
    if not model_path.is_file():
        raise ConfigError(f"{path}: model.keras is missing; train again")
    try:
        run = Run(
            path=path,
            facts=facts,
            model_path=model_path,
            linear=linear,
            streams=tuple(_stream(streams, number) for number in range(len(facts.validation))),
            golden_counts=streams["golden_counts"],
            **windows,
        )
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{path}: an array is missing ({error}); train again") from error
    if not all(np.isfinite(array).all() for array in (run.y_train, run.y_validation)):
        raise ConfigError(f"{path}: windows.npz holds values that are no numbers; train again")
    return run


def _stream(arrays: dict[str, npt.NDArray[Any]], number: int) -> ValidationStream:
    prefix = f"{number}."
    fields = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    return ValidationStream(**fields)


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
