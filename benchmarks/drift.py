"""When the drift monitor asks for another calibration, on recordings and on what was done to them.

    neurograsp demo rest && neurograsp demo emg
    python benchmarks/drift.py [--rest runs/rest/bundle] [--emg runs/emg/bundle] [--data DIR]

Prints the table of docs/calibration.md. A cell is the lowest and highest distance from the reference over all
looks, in octaves of power, in bold where one of them is beyond the limit. References are labelled rest, as
`neurograsp calibrate` takes it; of the GAL windows, which have no rest, all of them. Where recordings are
short the memory is. The last column is how far apart the scores lie, of the recordings as they are. `--data`
names a folder with the sets that the samples in examples/data were taken from: EEGMMIDB R01 and R02, a minute
of rest with open and with closed eyes, R08, and two of the people with an armband are only there. The last
line is the time that a hop takes, 64 electrodes.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.bundle import Bundle, open_bundle
from neurograsp.edge_runtime.calibration import Labelled, Listener
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.drift import MEMORY_S, DriftMonitor, make_reference
from neurograsp.edge_runtime.event_scores import ScoredStream
from neurograsp.train.labelled import read_labelled

REPOSITORY = Path(__file__).resolve().parents[1]
SAMPLES = REPOSITORY / "examples" / "data"
GAL = REPOSITORY / "edge_runtime" / "samples" / "bundles" / "grasp-and-lift"

Counts = npt.NDArray[np.int32]
Change = Callable[[Counts, int], Counts]
"""(n_frames, n_channels) counts and the bits of the converter to what is recorded otherwise."""


def scaled(factor: float) -> Change:
    def change(counts: Counts, bits: int) -> Counts:
        rail = 2 ** (bits - 1) - 1
        return np.clip(np.rint(counts * factor), -rail, rail).astype(np.int32)

    return change


def reordered(order: Callable[[int], npt.NDArray[np.int64]]) -> Change:
    return lambda counts, bits: np.ascontiguousarray(counts[:, order(counts.shape[1])])


def exchanged(first: Callable[[int], int], second: Callable[[int], int]) -> Change:
    def order(n_channels: int) -> npt.NDArray[np.int64]:
        one = np.arange(n_channels)
        a, b = first(n_channels), second(n_channels)
        one[[a, b]] = one[[b, a]]
        return one

    return reordered(order)


def without_one(counts: Counts, bits: int) -> Counts:
    changed = counts.copy()
    changed[:, counts.shape[1] // 2] = counts[0, counts.shape[1] // 2]
    return changed


CHANGES: dict[str, Change] = {
    "as recorded": lambda counts, bits: counts,
    "gain x 2": scaled(2),
    "gain / 2": scaled(0.5),
    "two neighbours exchanged": exchanged(lambda n: n // 2, lambda n: n // 2 + 1),
    "first and last exchanged": exchanged(lambda n: 0, lambda n: n - 1),
    "all one plug further": reordered(lambda n: np.roll(np.arange(n), 1)),
    "one electrode flat": without_one,
}


@dataclass(frozen=True)
class Job:
    """Attributes:
    name: of the signal.
    bundle: whose pipeline is watched.
    recordings: by session.
    memory_s: of the monitor.
    has_rest: whether references are labelled rest, or all of a recording.
    """

    name: str
    bundle: Bundle
    recordings: dict[int, Labelled]
    memory_s: float = MEMORY_S
    has_rest: bool = True

    def monitor(self, sessions: Sequence[int]) -> DriftMonitor:
        """With these sessions as its reference."""
        signal = self.bundle.manifest.signal
        hops = []
        for session in sessions:
            stream, listener = self.listen(session)
            hops.append(listener.hops(stream.in_rest if self.has_rest else stream.time_s >= 0))
        reference = make_reference(np.concatenate(hops), signal.hop_s)
        if reference is None:
            raise SystemExit(f"{self.name}: sessions {sessions} hold too little for a reference")
        return DriftMonitor(reference, len(signal.channels), signal.hop, signal.hop_s, self.memory_s)

    def listen(self, session: int) -> tuple[ScoredStream, Listener]:
        pipeline, listener = self.bundle.pipeline(), Listener(self.bundle.manifest.signal)
        pipeline.watch(listener.push)
        one = self.recordings[session]
        pipeline.push(one.frames.counts, one.frames.frame_index)
        return listener.stream(one.happened), listener

    def score_psi(self, reference: Sequence[int], watched: Sequence[int]) -> float:
        """Population stability index of the largest probability of a movement."""
        actions = self.bundle.manifest.signal.actions
        moving = [index for index in range(len(actions.names)) if index != actions.rest_index]
        before, after = (
            np.concatenate([self.listen(one)[0].probabilities[:, moving].max(axis=1) for one in sessions])
            for sessions in (reference, watched)
        )
        edges = np.quantile(before, np.arange(0.1, 0.95, 0.1))
        shares = np.bincount(np.searchsorted(edges, after), minlength=10) / len(after)
        shares = np.maximum(shares, 0.001)
        return float(((shares - 0.1) * np.log(shares / 0.1)).sum())

    def watch(self, monitor: DriftMonitor, sessions: Sequence[int], change: Change) -> str:
        """The cell of the table."""
        seen: set[float] = set()

        def push(window: npt.NDArray[np.int8], decision: Decision) -> None:
            monitor.push(decision.time_s, window)
            if monitor.octaves is not None:
                seen.add(monitor.octaves)

        for session in sessions:
            pipeline = self.bundle.pipeline()
            pipeline.watch(push)
            one = self.recordings[session].frames
            pipeline.push(change(one.counts, self.bundle.manifest.signal.adc_bits), one.frame_index)
        if not seen:
            return "too few hops"
        cell = f"{min(seen):+.2f} to {max(seen):+.2f}"
        return cell if monitor.asked_at_s is None else f"**{cell}**"


def read(name: str, bundle: Bundle, folder: Path, pattern: str, **options: Any) -> Job:
    found = {}
    for path in sorted(folder.glob(pattern)):
        (one,) = read_labelled(path, bundle.manifest, str(bundle.path))
        found[int(one.name.rpartition("/")[2])] = one
    return Job(name, bundle, found, **options)


def hop_us(job: Job, sessions: Sequence[int]) -> float:
    """Median microseconds of a hop."""
    monitor, signal = job.monitor(sessions), job.bundle.manifest.signal
    shape = signal.window, len(signal.channels)
    window = np.random.default_rng(0).integers(-64, 64, shape).astype(np.int8)
    taken = []
    for _ in range(20_000):
        begin = time.perf_counter()
        monitor.push(0.0, window)
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken)) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rest", type=Path, default=Path("runs/rest/bundle"))
    parser.add_argument("--emg", type=Path, default=Path("runs/emg/bundle"))
    parser.add_argument("--data", type=Path, default=SAMPLES)
    arguments = parser.parse_args()
    runs = arguments.data / "physionet-eegmmidb-s001"
    pattern = "*.npz" if any(runs.glob("*.npz")) else "*.edf"
    rest, emg = open_bundle(arguments.rest), open_bundle(arguments.emg)
    eeg = read("EEGMMIDB S001", rest, runs, pattern)
    short = replace(eeg, memory_s=MEMORY_S / 4)
    armbands = [
        read(f"Myo {person}", emg, arguments.data / "myo-readings", f"p{person}_*.npz")
        for person in (12345, 45612, 21547)
    ]
    windows = arguments.data / "way-eeg-gal-windows"
    gal = read("GAL 1", open_bundle(GAL), windows, "subj1_*.npz", memory_s=MEMORY_S / 2, has_rest=False)
    wanted: list[tuple[Job, Sequence[int], Sequence[int]]] = [
        *((eeg, (1,), (3, 4)), (eeg, (1,), (7, 8)), (eeg, (3, 4), (7, 8)), (short, (1,), (2,))),
        *(
            (job, reference, watched)
            for job in armbands
            for reference, watched in product([(1,), (2,)], repeat=2)
        ),
        (gal, (1, 2), (3, 4, 5, 6, 7)),
    ]
    print(f"| recordings | reference | watched | limit | {' | '.join(CHANGES)} | scores, PSI |")
    print(f"| --- | --- | --- | --- |{' --- |' * len(CHANGES)} --- |")
    for job, reference, watched in wanted:
        if not {*reference, *watched} <= set(job.recordings):
            continue
        cells = [job.watch(job.monitor(reference), watched, change) for change in CHANGES.values()]
        first = [job.name, listed(reference), listed(watched), f"{job.monitor(reference).limit:.2f}"]
        scores = f"{job.score_psi(reference, watched):.2f}"
        print(f"| {' | '.join([*first, *cells, scores])} |", flush=True)
    print(f"\n{hop_us(eeg, (3, 4)):.1f} us a hop")


def listed(sessions: Sequence[int]) -> str:
    return ", ".join(map(str, sessions))


if __name__ == "__main__":
    main()
