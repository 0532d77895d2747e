"""A training configuration for the recordings of a folder, to begin with."""

from collections.abc import Sequence
from typing import Literal

from neurograsp.edge_runtime.recording.schedule import REST
from neurograsp.firmware_bridge.codes import HandAction

Kind = Literal["eeg", "emg"]

_TEMPLATE = """\
# Written by `neurograsp record`, to begin with: docs/configuration.md says what the keys mean.
# One session: its first four fifths train, its last fifth validates. Several: the last one validates.

name = "{name}"

[data]
path = "."

[signal]
adc_bits = 24
window = {window}
hop = {hop}
filters = [
{filters}
]

[signal.gap]
interpolate_frames = 4
stop_after_s = 1.0

[labels]
kind = "states"
train_hop = {train_hop}
skip_s = {skip_s:g} # people follow a cue late

[actions]
names = [{names}]
# What the hand does for each; see docs/protocol.md. HOLD is to keep still.
commands = [{commands}]
output = "softmax"
rest = "{rest}"

[network]
name = "eegnet"
options = {{ head = "mean" }}

[fit]
epochs = 20
refit = true
seed = 0

[decision]
target_fa_per_min = 2.0
smooth = {smooth}
dwell = {dwell}
refractory_s = 1.0
"""


def command_of(action: str) -> str:
    """The hand's action of that name, or HOLD where it has none."""
    command = action.upper().replace("-", "_")
    return command if command in HandAction.__members__ else HandAction.HOLD.name


def configuration(name: str, kind: Kind, actions: Sequence[str], rate_hz: int, shortest_s: float) -> str:
    """Text of a TOML file for `neurograsp train`.

    EEG: 8-30 Hz, where movement shows over the motor cortex (Pfurtscheller & Lopes da Silva, Clinical
    Neurophysiology 110:1842-1857, 1999), windows of 1 s. EMG: above 20 Hz, windows of 0.25 s. Windows are
    shorter where the shortest cue or rest, `shortest_s`, would not leave room for some of them.
    """
    factor = max(1, rate_hz // 125) if kind == "eeg" else 1
    kept_hz = rate_hz / factor
    window_s, hop_s = (min(1.0, shortest_s / 2), 0.1) if kind == "eeg" else (min(0.25, shortest_s / 2), 0.05)
    hop = max(1, round(hop_s * kept_hz))
    filters = ['{ kind = "bandpass", hz = [8.0, 30.0], order = 2 }']
    if kind == "emg":
        filters = ['{ kind = "highpass", hz = [20.0], order = 2 }']
    if factor > 1:
        filters.append(f'{{ kind = "decimate", factor = {factor} }}')
    names = (REST, *actions)
    return _TEMPLATE.format(
        name=name,
        window=max(hop, round(window_s * kept_hz)),
        hop=hop,
        train_hop=max(1, hop // 2),
        filters="\n".join(f"  {one}," for one in filters),
        skip_s=min(0.5, shortest_s / 4),
        names=", ".join(f'"{one}"' for one in names),
        commands=", ".join(f'"{command_of(one)}"' for one in names),
        rest=REST,
        smooth=5 if kind == "eeg" else 3,
        dwell=3 if kind == "eeg" else 2,
    )
