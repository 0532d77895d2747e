"""Read a run folder, the file interface between training and conversion."""

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.run_folder import RunFacts
from neurograsp.edge_runtime.lazy_windows import LazyWindows
from neurograsp.firmware_bridge.strict import decode


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
    truth: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Refit:
    """Attributes:
    model_path: the Keras network after it was trained on the validation recordings too.
    x, y: windows and targets of these and of the training recordings.
    """

    model_path: Path
    x: LazyWindows
    y: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Run:
    """Attributes:
    facts: run.json.
    model_path: the Keras network that was not trained on the validation recordings.
    linear: bytes of linear.npz.
    x_train, y_train, x_validation, y_validation: windows (n, window, n_channels) int8, cut when asked for,
        and targets (n, n_actions) float32.
    streams: the validation recordings.
    refit: what to convert in the end, if it is not that network.
    golden_counts: (n_frames, n_channels) int32.
    """

    path: Path
    facts: RunFacts
    model_path: Path
    linear: bytes
    x_train: LazyWindows
    y_train: npt.NDArray[np.float32]
    x_validation: LazyWindows
    y_validation: npt.NDArray[np.float32]
    streams: tuple[ValidationStream, ...]
    refit: Refit | None
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
        model_path, validated_path = path / "model.keras", path / "validated.keras"
        for needed in (model_path, validated_path)[: 2 if facts.refit else 1]:
            if not needed.is_file():
                raise ConfigError(f"{path}: {needed.name} is missing; train again")
        signal = facts.signal
        window, n_channels, n_actions = signal.window, len(signal.channels), len(signal.actions.names)
        windows, streams = _Arrays(path / "windows.npz"), _Arrays(path / "streams.npz")
        sets: dict[str, Any] = {}
        for part in ("train", "validation", "refit")[: 3 if facts.refit else 2]:
            frames = _frames(path / f"frames_{part}.npy", n_channels)
            last = windows.take(f"last_{part}", np.int64, (None,), below=len(frames))
            x = LazyWindows(frames, last, window)
            y = windows.take(f"y_{part}", np.float32, (len(x), n_actions))
            sets |= {f"x_{part}": x, f"y_{part}": y}
        refit = Refit(model_path, sets.pop("x_refit"), sets.pop("y_refit")) if facts.refit else None
        return Run(
            path=path,
            facts=facts,
            model_path=validated_path if facts.refit else model_path,
            refit=refit,
            linear=(path / "linear.npz").read_bytes(),
            **sets,
            streams=tuple(_stream(streams, i, facts) for i in range(len(facts.validation))),
            golden_counts=streams.take("golden_counts", np.int32, (None, n_channels)),
        )
    except (OSError, ValueError, EOFError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
        raise ConfigError(f"{path}: incomplete or damaged run ({error}); train again") from error


def _frames(path: Path, n_channels: int) -> npt.NDArray[np.int8]:
    frames = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(frames, np.ndarray) or frames.dtype != np.int8 or frames.shape[1:] != (n_channels,):
        raise ValueError(f"{path.name} is not int8 n x {n_channels}")
    return frames


def _stream(streams: "_Arrays", number: int, facts: RunFacts) -> ValidationStream:
    signal = facts.signal
    n_actions = len(signal.actions.names)

    def take(name: str, kind: type[np.generic], *shape: int | None, below: int | None = None) -> Any:
        return streams.take(f"{number}.{name}", kind, shape, below)

    windows = take("windows", np.int8, None, signal.window, len(signal.channels))
    event_start_s = take("event_start_s", np.float64, None)
    rest_start_s = take("rest_start_s", np.float64, None)
    picked = take("picked", np.int64, None, below=len(windows))
    return ValidationStream(
        windows=windows,
        time_s=take("time_s", np.float64, len(windows)),
        restart=take("restart", np.bool_, len(windows)),
        event_start_s=event_start_s,
        event_stop_s=take("event_stop_s", np.float64, len(event_start_s)),
        event_action=take("event_action", np.int64, len(event_start_s), below=n_actions),
        rest_start_s=rest_start_s,
        rest_stop_s=take("rest_stop_s", np.float64, len(rest_start_s)),
        picked=picked,
        truth=take("truth", np.uint8, len(picked), n_actions, below=2),
    )


class _Arrays:
    """An archive whose arrays are as asked for, or a ValueError that names the one that is not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError(f"{path.name} is not an archive of arrays")
        with archive:
            self._arrays = {name: archive[name] for name in archive.files}

    def take(
        self, name: str, kind: type[np.generic], shape: tuple[int | None, ...], below: int | None = None
    ) -> npt.NDArray[Any]:
        """The array of that type and shape (None: any length), finite, and within 0 to `below`."""
        array = self._arrays.get(name)
        if array is None:
            raise ValueError(f"{self._path.name}: {name} is missing")
        fits = len(shape) == array.ndim and all(n in (None, m) for n, m in zip(shape, array.shape))
        if array.dtype != kind or not fits:
            wanted = " x ".join("n" if n is None else str(n) for n in shape)
            raise ValueError(
                f"{self._path.name}: {name} is {array.dtype} {array.shape}, not {np.dtype(kind)} {wanted}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{self._path.name}: {name} holds values that are no numbers")
        if below is not None and array.size and not 0 <= array.min() <= array.max() < below:
            raise ValueError(f"{self._path.name}: {name} is not within 0 to {below - 1}")
        return array
