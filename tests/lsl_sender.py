"""A program with an LSL stream, for tests: `python lsl_sender.py NAME FORMAT UNIT RATE [SECOND_NAME]`.

Two electrodes C0 and C1 and a trigger. Frame k holds (k, -k, 1) and the stamp k / RATE; frames 150 to 249 are
left out. With a second name it opens another stream of that name.
"""

import sys
import time

from neurograsp.edge_runtime.sources.lsl_stream import load_pylsl

pylsl = load_pylsl()
LOST = range(150, 250)


def stream_info(name: str, kind: str, unit: str, rate_hz: float) -> object:
    info = pylsl.StreamInfo(name, "EEG", 3, rate_hz, kind, f"test {name}")
    channels = info.desc().append_child("channels")
    for label, what in (("C0", "EEG"), ("C1", "EEG"), ("Trigger", "STIM")):
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("type", what)
        if unit:
            channel.append_child_value("unit", unit)
    return info


def main(name: str, kind: str, unit: str, rate: str, *more: str) -> None:
    rate_hz = float(rate)
    outlets = [pylsl.StreamOutlet(stream_info(one, kind, unit, rate_hz), 0, 5) for one in (name, *more)]
    print("ready", flush=True)
    while not outlets[0].have_consumers():
        time.sleep(0.01)
    begin, n_frames = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - begin) * (rate_hz or 100))
        frames = [k for k in range(n_frames, due) if k not in LOST]
        if frames:
            values = [[k, -k, 1] for k in frames]
            outlets[0].push_chunk(values, [1000 + k / (rate_hz or 100) for k in frames])
        n_frames = due
        time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
