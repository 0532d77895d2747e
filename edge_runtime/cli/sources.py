"""What `--source` names, opened."""

import zipfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
    from neurograsp.edge_runtime.sources.base import Source
    from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames


def open_source(text: str, spec: "SignalSpec", speed: float = 1.0, start_s: float = 0.0) -> "Source":
    """The source that `--source` names.

    Raises:
        UsageError: not of the form that the help names.
        ConfigError, RecordingError, SourceError: it does not fit the bundle or cannot be opened.
    """
    from neurograsp.edge_runtime.contract.errors import ConfigError, UsageError
    from neurograsp.edge_runtime.sources.brainflow_board import BrainFlowSource, PlaybackSource
    from neurograsp.edge_runtime.sources.synthetic import SyntheticSource

    kind, _, rest = text.partition(":")
    if kind == "playback" and rest:
        return PlaybackSource(skip(read_frames(Path(rest)), start_s), spec, speed)
    if kind == "synthetic" and not rest:
        return SyntheticSource(spec)
    if kind == "board" and rest:
        if spec.gap.stop_after_s == "never":
            raise ConfigError(
                f"--source {text}: the bundle never stops the hand at a gap, which is for recordings in "
                "pieces; set signal.gap.stop_after_s to seconds and train again"
            )
        name, _, port = rest.partition(":")
        return BrainFlowSource(name, port, spec)
    raise UsageError(f"--source {text}: expected playback:FILE, synthetic or board:NAME[:port]")


def read_frames(path: Path) -> "DeltaFrames":
    """A recording: delta-coded npz by this package, others by the readers that are installed.

    Readers are the entry points `neurograsp.readers`, functions of a path.
    """
    from neurograsp.edge_runtime.contract.errors import RecordingError
    from neurograsp.edge_runtime.sources.delta_npz import read_delta_npz

    try:
        return read_delta_npz(path)
    except RecordingError:
        if path.suffix == ".npz" and not zipfile.is_zipfile(path):
            raise
        reader = next(iter(entry_points(group="neurograsp.readers")), None)
        if reader is None:
            raise
        frames: DeltaFrames = reader.load()(path)
        return frames


def skip(frames: "DeltaFrames", start_s: float) -> "DeltaFrames":
    """The recording without its first seconds."""
    from dataclasses import replace

    from neurograsp.edge_runtime.contract.errors import UsageError

    length_s = len(frames.counts) / frames.rate_hz
    if not 0 <= start_s < length_s:
        raise UsageError(f"--start {start_s:g}: the recording has {length_s:.1f} s")
    first = int(start_s * frames.rate_hz)
    return replace(frames, counts=frames.counts[first:], frame_index=frames.frame_index[first:])
