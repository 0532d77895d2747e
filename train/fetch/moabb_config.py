"""A training configuration for a data set that nobody wrote one for."""

import json
from collections.abc import Sequence

from neurograsp.train.datasets import Recording

REST = "rest"
COMMANDS = ("FIST", "OPEN", "GRIP", "TOUCH", "WRIST_FLEX", "WRIST_EXTEND", "WRIST_PRONATE", "WRIST_SUPINATE")
"""Of the hand, for the states in the order of their names: no data set says what a hand should do."""

LOWEST_RATE_HZ = 100.0
"""Frames a second to be left by decimation, at least: three times the band's edge."""


def config_text(name: str, recordings: Sequence[Recording], labelled_s: float) -> str:
    """A configuration in TOML: band-pass from 8 to 30 Hz, windows of a second or of half a label.

    Args:
        name: of the data set.
        recordings: of it, for their rate and the names of their labels.
        labelled_s: how long a label lasts.
    """
    states = sorted({state for recording in recordings for state in recording.labels.names})
    moving = [state for state in states if state != REST]
    commands = [
        "REST" if state == REST else COMMANDS[moving.index(state) % len(COMMANDS)] for state in states
    ]
    rate_hz = recordings[0].rate_hz
    factor = max(1, min(32, int(rate_hz // LOWEST_RATE_HZ)))
    kept_hz = rate_hz / factor
    hop = max(1, round(0.1 * kept_hz))
    decimate = f'\n  {{ kind = "decimate", factor = {factor} }},' if factor > 1 else ""
    rest = f'rest = "{REST}"\n' if REST in states else ""
    return f"""\
name = {json.dumps(name.lower(), ensure_ascii=False)}

[data]
path = "."

[signal]
adc_bits = 28
window = {max(hop, round(min(1.0, labelled_s / 2) * kept_hz))}
hop = {hop}
filters = [
  {{ kind = "bandpass", hz = [8.0, 30.0], order = 2 }},{decimate}
]

[signal.gap]
stop_after_s = "never"

[labels]
kind = "states"
train_hop = {hop}

[actions]
names = {json.dumps(states, ensure_ascii=False)}
commands = {json.dumps(commands)}
output = "softmax"
{rest}
[fit]
epochs = 20

[decision]
smooth = 10
dwell = 5
refractory_s = 2.0
"""
