"""PhysioNet EEG Motor Movement/Imagery runs: `S001R03.npz`, 64 channels at 160 Hz, 1 uV a count.

T0 is rest; T1 and T2 are the left and the right fist in the runs held (3, 4, 7, 8).

Schalk et al., "BCI2000: A General-Purpose Brain-Computer Interface (BCI) System",
IEEE Trans. Biomed. Eng. 51(6):1034-1043 (2004); Goldberger et al., Circulation 101(23):e215-e220 (2000).
"""

import re
from pathlib import Path

import numpy as np

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.edge_runtime.sources.delta_npz import read_delta_npz, read_npz
from neurograsp.train.datasets.recording import Labels, Recording, split_at_jumps

FILE_NAME = re.compile(r"S(\d+)R(\d+)\.npz", re.IGNORECASE)
NAMES = ("T0", "T1", "T2")
LSB_UV = 1.0


def read(path: Path, subject: str, session: str) -> Recording:
    """One run; labels are the rest and movement blocks.

    Raises:
        RecordingError: the file is damaged, or an event lies outside the recording.
    """
    frames = read_delta_npz(path)
    return Recording(
        counts=frames.counts,
        rate_hz=frames.rate_hz,
        channels=frames.channels,
        lsb_uv=LSB_UV,
        pieces=split_at_jumps(frames.frame_index),
        frame_index=frames.frame_index,
        labels=_labels(path, frames.rate_hz, len(frames.counts)),
        subject=subject,
        session=session,
        source=frames.path,
    )


def _labels(path: Path, rate_hz: float, n_frames: int) -> Labels:
    arrays = read_npz(path, ("event_onset_s", "event_duration_s", "event_code"))
    onset_s, duration_s, code = arrays["event_onset_s"], arrays["event_duration_s"], arrays["event_code"]
    if code.ndim != 1 or not (onset_s.shape == duration_s.shape == code.shape):
        raise RecordingError(
            f"{path}: label arrays of {onset_s.shape}, {duration_s.shape} and {code.shape} events "
            "do not match; use the labels of this recording"
        )
    if onset_s.dtype.kind != "f" or duration_s.dtype.kind != "f" or code.dtype.kind not in "iu":
        raise RecordingError(
            f"{path}: labels need seconds as floats and integer codes, not {onset_s.dtype}, "
            f"{duration_s.dtype} and {code.dtype}; copy the recording again from its source"
        )
    length_s = n_frames / rate_hz
    in_time = (
        (onset_s >= 0) & (duration_s > 0.5 / rate_hz) & (onset_s + duration_s <= length_s + 0.5 / rate_hz)
    )
    bad = np.flatnonzero(~in_time | (code < 0) | (code >= len(NAMES)))
    if bad.size:
        i = int(bad[0])
        raise RecordingError(
            f"{path}: label {i} (code {int(code[i])}, {float(onset_s[i])} s for {float(duration_s[i])} s) "
            f"does not match a recording of {length_s:g} s with codes 0..{len(NAMES) - 1}; "
            "use the labels of this recording"
        )
    start = np.rint(onset_s * rate_hz).astype(np.int64)
    stop = np.minimum(np.rint((onset_s + duration_s) * rate_hz).astype(np.int64), n_frames)
    return Labels(names=NAMES, start=start, stop=stop, code=code.astype(np.int64))
