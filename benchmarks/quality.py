"""How often healthy recordings are doubted, and how soon broken electrodes are, see docs/quality.md.

    python benchmarks/quality.py [--data DIR]

DIR holds whole sets of recordings; without it the samples in examples/data are looked at. The signal is
fitted to the sessions that the example configurations train on; each recording then goes through the board's
pipeline with the quality of a bundle, without a network. Faults are put into a later session, at the same
instant into one electrode more than may be bad, every two seconds, and timed from the first broken frame to
the first hop that is not decided on.
"""

import argparse
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.quality_spec import QualitySpec
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.quality import SignalQuality
from neurograsp.firmware_bridge.strict import decode
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Recording, open_recordings
from neurograsp.train.signal_fit import build_spec

REPOSITORY = Path(__file__).resolve().parents[1]
EVERY_S = 2.0
BROKEN_S = 0.8

Counts = npt.NDArray[np.int32]
Break = Callable[[Counts, SignalSpec], Counts]
"""A stretch (n_frames, n_channels) of electrodes that break, to what the amplifier then gives."""


@dataclass(frozen=True)
class Job:
    """Attributes:
    config: in examples/configs.
    folder: of recordings, in the data folder.
    later: a session that is not trained on, of one long piece; None where there is none.
    """

    config: str
    folder: str
    later: int | None


JOBS = (
    Job("gal_windows.toml", "way-eeg-gal-windows", None),
    Job("eegmmidb.toml", "physionet-eegmmidb-s001", 7),
    Job("myo.toml", "myo-readings", 2),
)


def railed(counts: Counts, signal: SignalSpec) -> Counts:
    return np.full_like(counts, 2 ** (signal.adc_bits - 1) - 1)


def flat(counts: Counts, signal: SignalSpec) -> Counts:
    return np.repeat(counts[:1], len(counts), axis=0)


def mains(counts: Counts, signal: SignalSpec) -> Counts:
    """An open input: the mains at a quarter of the range, instead of a signal."""
    time_s = np.arange(len(counts))[:, None] / signal.rate_hz
    wave = 2 ** (signal.adc_bits - 3) * np.sin(2 * np.pi * 50 * time_s)
    return np.broadcast_to(np.rint(wave), counts.shape).astype(np.int32)


def moving(counts: Counts, signal: SignalSpec) -> Counts:
    """A loose electrode: steps of a tenth of the range, ten a second."""
    random = np.random.default_rng(0)
    levels = random.normal(0, 2 ** (signal.adc_bits - 1) / 10, (len(counts), counts.shape[1]))
    steps = levels[np.arange(len(counts)) // max(1, round(signal.rate_hz / 10))]
    limit = 2 ** (signal.adc_bits - 1) - 1
    return np.clip(np.rint(counts + steps), -limit, limit).astype(np.int32)


BREAKS: dict[str, Break] = {"railed": railed, "flat": flat, "mains": mains, "loose": moving}


def pipeline_of(signal: SignalSpec) -> Pipeline:
    never = (1.0,) * len(signal.actions.names)
    nothing = np.zeros(len(never))
    quality = SignalQuality(signal, QualitySpec())
    return Pipeline(signal, DecisionSpec(never, never), lambda window: nothing, quality=quality)


def healthy(signal: SignalSpec, recording: Recording) -> str:
    pipeline = pipeline_of(signal)
    pipeline.push(recording.counts, recording.frame_index)
    seen = pipeline.quality
    faults = sum(seen.bad.values(), start=Counter[str]())
    channels = seen.checks * len(signal.channels)
    text = ", ".join(f"{name} {count / channels:.3%}" for name, count in sorted(faults.items()))
    return f"{seen.gated / seen.checks:.2%} of {seen.checks} hops; channels: {text or 'none'}"


def delays(signal: SignalSpec, recording: Recording, breaks: Break) -> list[float | None]:
    """Seconds from each break to the first hop that is not decided on; None where none was."""
    n_broken = int(QualitySpec().bad_channels * len(signal.channels)) + 1
    rate = signal.rate_hz
    counts = recording.counts.copy()
    firsts = range(round(EVERY_S * rate), len(counts) - round(rate), round(EVERY_S * rate))
    random = np.random.default_rng(1)
    for first in firsts:
        chosen = random.choice(len(signal.channels), n_broken, replace=False)
        rows = slice(first, first + round(BROKEN_S * rate))
        counts[rows, chosen] = breaks(counts[rows, chosen], signal)
    pipeline = pipeline_of(signal)
    found: list[float | None] = []
    hop = signal.hop * signal.decimation
    doubted = []
    for begin in range(0, len(counts), hop):
        rows = slice(begin, begin + hop)
        pipeline.push(counts[rows], np.arange(begin, min(begin + hop, len(counts))))
        doubted.append(pipeline.doubt is not None)
    for first in firsts:
        hops = [k for k in range(len(doubted)) if first <= (k + 1) * hop - 1 < first + round(BROKEN_S * rate)]
        late = next((((k + 1) * hop - first) / rate for k in hops if doubted[k]), None)
        found.append(late)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPOSITORY / "examples/data")
    arguments = parser.parse_args()
    for job in JOBS:
        tree = tomllib.loads((REPOSITORY / "examples/configs" / job.config).read_text())
        config = decode(TrainConfig, tree, job.config)
        folder = arguments.data / job.folder
        trained = open_recordings(folder, config.data.subjects, config.data.sessions)
        signal = build_spec(config, trained)
        print(f"{job.config}: {signal.rate_hz:g} Hz, {len(signal.channels)} electrodes")
        for recording in open_recordings(folder, config.data.subjects):
            print(f"  session {recording.session}: {healthy(signal, recording)}")
        if job.later is None:
            continue
        (later,) = open_recordings(folder, config.data.subjects, (job.later,))
        for name, breaks in BREAKS.items():
            found = delays(signal, later, breaks)
            times = sorted(one for one in found if one is not None)
            missed = len(found) - len(times)
            print(
                f"  {name}: found {len(times)} of {len(found)}"
                + (f", median {times[len(times) // 2]:.2f} s, latest {times[-1]:.2f} s" if times else "")
                + (f", missed {missed}" if missed else "")
            )


if __name__ == "__main__":
    main()
