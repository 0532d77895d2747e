"""Any known recording as plain frames, for playback on the device's side (`neurograsp.readers`)."""

from pathlib import Path

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames
from neurograsp.train.datasets import open_recordings


def read_frames(path: Path) -> DeltaFrames:
    """Read one recording file, without its labels."""
    if path.is_dir():
        raise RecordingError(f"{path}: a folder; name one recording in it")
    (recording,) = open_recordings(path)
    return DeltaFrames(
        counts=recording.counts,
        frame_index=recording.frame_index,
        rate_hz=recording.rate_hz,
        channels=recording.channels,
        lsb_uv=recording.lsb_uv,
        path=str(path),
    )
