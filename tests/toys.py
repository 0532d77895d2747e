"""Small real things for tests: signals, recordings and a training configuration, all seeded."""

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from neurograsp.edge_runtime.contract.signal_spec import (
    ActionSet,
    GapPolicy,
    Scale,
    SignalSpec,
    Stage,
)
from neurograsp.edge_runtime.lazy_windows import LazyWindows
from neurograsp.train import spatial
from neurograsp.train.filter_design import FilterConfig, FitSpatial, design

REPOSITORY = Path(__file__).resolve().parents[1]
RATE_HZ = 250.0
CHANNELS = tuple(f"E{number}" for number in range(1, 17))
BLOCK_S = 2.0
RECORDING_S = 24.0

NOTCH = FilterConfig("notch", (50.0,))
BANDPASS = FilterConfig("bandpass", (0.5, 40.0), order=2)

CHAINS: dict[str, tuple[FilterConfig, ...]] = {
    "notch, band-pass, decimate": (NOTCH, BANDPASS, FilterConfig("decimate", (40.0,), factor=2)),
    "moving average": (FilterConfig("moving_average", length=7, factor=3),),
    "high-pass, moving average, decimate": (
        FilterConfig("highpass", (0.5,), order=1),
        FilterConfig("moving_average", length=4),
        FilterConfig("decimate", factor=3),
    ),
    "band-pass, whitening": (BANDPASS, FilterConfig("whitening", shrinkage=0.1)),
}

CONFIG = """
name = "toy"

[data]
path = "data"
subjects = [1]
sessions = [1, 2]

[signal]
adc_bits = 16
window = 50
hop = 5
filters = [
  { kind = "notch", hz = [50.0] },
  { kind = "bandpass", hz = [2.0, 40.0], order = 2 },
  { kind = "decimate", hz = [40.0], factor = 2 },
]

[signal.gap]
interpolate_frames = 4
stop_after_s = 1.0

[labels]
kind = "states"
train_hop = 10

[actions]
names = ["rest", "fist"]
commands = ["REST", "FIST"]
output = "softmax"
rest = "rest"

[actions.labels]
rest = ["T0"]
fist = ["T1"]

[network]
name = "eegnet"
options = { filters = 4, mixed_filters = 8, head = "mean" }

[fit]
epochs = 4
learning_rate = 1e-2

[decision]
smooth = 2
dwell = 2
refractory_s = 0.5

[convert]
method = "ptq"
gates = { agreement = 0.9, decisions = 0.5 } # after seconds of training much is a near thing
"""


OPEN_GATES = tuple(
    part for key in ("agreement=0", "decisions=0", "auc_loss=1") for part in ("--set", f"gates.{key}")
)
"""For networks that were hardly trained: int8 and float then part over nothing."""


@dataclass(frozen=True)
class Toy:
    """Attributes:
    config: configuration file, beside the folder `data` with sessions 1 to 3.
    data: recordings; sessions 1 and 2 were trained and validated on.
    run: run folder.
    bundle: bundle folder.
    """

    config: Path
    data: Path
    run: Path
    bundle: Path


def toy_signal(
    stages: tuple[Stage, ...] = (),
    *,
    n_channels: int = 2,
    rate_hz: float = RATE_HZ,
    adc_bits: int = 16,
    window: int = 10,
    hop: int = 5,
    interpolate_frames: int = 0,
    stop_after_s: Any = 1.0,
    output: Any = "softmax",
) -> SignalSpec:
    """A signal of `n_channels`, by default without any filter and with two actions, rest and fist."""
    return SignalSpec(
        channels=tuple(f"C{number}" for number in range(n_channels)),
        rate_hz=rate_hz,
        lsb_uv=1.0,
        adc_bits=adc_bits,
        stages=stages,
        scale=Scale((0,) * n_channels, (2**30,) * n_channels, (44,) * n_channels),
        window=window,
        hop=hop,
        actions=ActionSet(("rest", "fist"), ("REST", "FIST"), output, "rest"),
        gap=GapPolicy(interpolate_frames, stop_after_s),
    )


def chain_signal(name: str, **options: Any) -> SignalSpec:
    """The signal of one of CHAINS; the test is skipped on a board, where no filters are designed."""
    pytest.importorskip("scipy")
    spec = toy_signal(**options)
    return replace(spec, stages=design(CHAINS[name], spec.rate_hz, whiten(len(spec.channels))))


def whiten(n_channels: int) -> FitSpatial:
    """Whitening of noise that is mixed between the channels."""
    rng = np.random.default_rng(7)
    frames = rng.normal(size=(500, n_channels)) @ rng.normal(size=(n_channels, n_channels))
    return lambda config, before: spatial.whitening(frames, config.shrinkage)


def lazy(x: npt.NDArray[np.int8]) -> LazyWindows:
    """Windows (n, n_time, n_channels) that are there already, one after the other."""
    n, n_time, n_channels = x.shape
    return LazyWindows(np.reshape(x, (n * n_time, n_channels)), np.arange(1, n + 1) * n_time - 1, n_time)


def chunks(n_frames: int, cuts: Iterable[int]) -> list[slice]:
    """[0, n_frames) divided at the cuts (any numbers; repeated ones give empty chunks)."""
    edges = [0, *sorted(cut % (n_frames + 1) for cut in cuts), n_frames]
    return [slice(a, b) for a, b in pairwise(edges)]


def eeg_like(n_frames: int, n_channels: int, seed: int, amplitude: float = 40.0) -> npt.NDArray[np.int32]:
    """(n_frames, n_channels) int32 counts: noise, drift, mains and an offset."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(n_frames)[:, None] / RATE_HZ
    noise = rng.normal(0, amplitude, (n_frames, n_channels))
    drift = 5 * amplitude * np.sin(2 * np.pi * 0.1 * time_s + rng.uniform(0, 6, n_channels))
    mains = amplitude * np.sin(2 * np.pi * 50 * time_s)
    return np.rint(noise + drift + mains + rng.normal(0, 10 * amplitude, n_channels)).astype(np.int32)


def write_recordings(folder: Path, sessions: Iterable[int] = (1, 2, 3)) -> None:
    """Recordings of 16 electrodes at 250 Hz, 2 s of rest and 2 s of a 12 Hz rhythm by turns."""
    folder.mkdir(parents=True, exist_ok=True)
    n_frames = round(RECORDING_S * RATE_HZ)
    onset_s = np.arange(0, RECORDING_S, BLOCK_S)
    code = np.arange(len(onset_s)) % 2
    moving = np.repeat(code, round(BLOCK_S * RATE_HZ))[:, None]
    rhythm = 60 * np.sin(2 * np.pi * 12 * np.arange(n_frames) / RATE_HZ)[:, None]
    for session in sessions:
        counts = eeg_like(n_frames, len(CHANNELS), session, amplitude=20.0)
        counts = counts + np.rint(moving * rhythm).astype(np.int32)
        delta = np.diff(counts.T.astype(np.int16), prepend=np.int16(0), axis=1)
        np.savez_compressed(
            folder / f"S001R{session:02d}.npz",
            eeg_delta=delta.astype(np.int16),
            sfreq=np.float64(RATE_HZ),
            channels=np.array(CHANNELS),
            event_onset_s=onset_s,
            event_duration_s=np.full(len(onset_s), BLOCK_S),
            event_code=code,
        )


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
