"""Chunks of frames in, decisions out: a pure object, the same in training, scoring and on the board."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.classifier import probabilities
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.decide import Decision, DecisionMachine
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.quality import QualityCounters, SignalQuality

T = TypeVar("T")
S = TypeVar("S")
Window = npt.NDArray[np.int8]
Scorer = Callable[[Window], npt.NDArray[np.float64]]
"""One window (window, n_channels) int8 to (n_actions,) float64 logits."""

STOP = "STOP"
"""The command that stops and disarms the hand; all others are names in `HandAction`."""

HOLD = "HOLD"
"""The command for an action whose signal is not to be believed any more: stay where you are."""


class WindowCutter:
    """Runs the filter over one contiguous stretch and cuts a window every `hop` filtered frames.

    Args:
        spec: the filter, window and hop.
        hop: filtered frames between windows, when another than the spec's (training cuts densely).
        early: cut from the first hop of a stretch on; what lies before the stretch is arbitrary.
    """

    def __init__(self, spec: SignalSpec, hop: int | None = None, *, early: bool = False) -> None:
        self.chain = FilterChain(spec)
        self.filter: Callable[[npt.NDArray[np.int32]], npt.NDArray[np.int8]] = self.chain.process
        self._window = spec.window
        self._hop = hop or spec.hop
        self._first = 1 if early else spec.window
        self._decimation = spec.decimation
        self._recent = np.zeros((spec.window, len(spec.channels)), np.int8)
        self._filtered = 0

    def reset(self) -> None:
        """Begin a new stretch; the next frame primes the filter."""
        self.chain.reset()
        self._filtered = 0

    def push(self, counts: npt.NDArray[np.int32]) -> Iterator[tuple[int, Window]]:
        """Take frames of the stretch.

        Args:
            counts: (n_frames, n_channels) int32.

        Yields:
            how many frames of the stretch had been taken at the window's end (inclusive), and the
            window (window, n_channels) int8, a fresh array.
        """
        filtered = self.filter(counts)
        line = np.concatenate((self._recent, filtered))
        before = self._filtered
        self._filtered += len(filtered)
        self._recent = line[len(filtered) :]
        first = max(before + 1, self._first)
        first += (self._window - first) % self._hop
        for count in range(first, self._filtered + 1, self._hop):
            end = count - before
            yield count * self._decimation, line[end : end + self._window].copy()


@dataclass
class StreamCounters:
    """What happened to the stream so far.

    Attributes:
        frames: taken.
        gaps: jumps of the frame counter.
        missing: frames that were jumped over.
        interpolated: of those, the ones that were filled in.
        repeated: frames dropped because their number had been there.
        stops: gaps, and stretches of too many bad channels, long enough to stop the hand.
    """

    frames: int = 0
    gaps: int = 0
    missing: int = 0
    interpolated: int = 0
    repeated: int = 0
    stops: int = 0


class Pipeline:
    """Filter, window, network and decision over a stream with gaps.

    Args:
        signal: the bundle's signal.
        decision: its thresholds.
        scorer: a window to logits; `Network.real_logits` on the board.
        restart: of a scorer that computes from hop to hop: called where a stretch begins. Such a scorer is
            given every hop, and what it says before the stretch fills a window is dropped.
        quality: looks at every hop's channels; while too many are bad, nothing starts and nothing goes on.
    """

    def __init__(
        self,
        signal: SignalSpec,
        decision: DecisionSpec,
        scorer: Scorer,
        restart: Callable[[], None] | None = None,
        quality: SignalQuality | None = None,
    ) -> None:
        self.counters = StreamCounters()
        self.quality = QualityCounters(signal.channels)
        self.doubt: str | None = None
        """Why the newest hop was not decided on, in words; None when it was."""
        self.signal = signal
        self._scorer = scorer
        self._restart = restart
        self._cutter = WindowCutter(signal, early=restart is not None)
        self._warm_up = signal.window * signal.decimation
        self._machine = DecisionMachine(decision, signal.actions)
        self._watch: Callable[[Window, Decision], None] | None = None
        self._last_frame: int | None = None
        self._last_counts = np.zeros(len(signal.channels), np.int32)
        self._stretch_first = 0
        self._judge = quality
        self._bad_since: float | None = None
        self._bad_stop = False

    @property
    def chain(self) -> FilterChain:
        return self._cutter.chain

    def time_stages(self, clock: Callable[[], float], report: Callable[[str, float], None]) -> None:
        """From now on, report the seconds of every call of the filter ("filter") and the scorer ("infer")."""

        def timed(name: str, inner: Callable[[T], S]) -> Callable[[T], S]:
            def call(given: T) -> S:
                begin = clock()
                try:
                    return inner(given)
                finally:
                    report(name, clock() - begin)

            return call

        self._cutter.filter = timed("filter", self._cutter.filter)
        self._scorer = timed("infer", self._scorer)

    def watch(self, watcher: Callable[[Window, Decision], None]) -> None:
        """From now on, show every decision on a signal that is believed, and its window (window,
        n_channels), to a watcher."""
        self._watch = watcher

    def push(self, counts: npt.NDArray[np.int32], frame_index: npt.NDArray[np.int64]) -> list[Decision]:
        """Take frames.

        Args:
            counts: (n_frames, n_channels) int32.
            frame_index: (n_frames,) int64, the source's frame counter, unwrapped.

        Returns:
            one decision for every hop that these frames complete.
        """
        decisions: list[Decision] = []
        if len(counts) == 0:
            return decisions
        if self._follows(frame_index):
            self._run(counts, int(frame_index[0]), decisions)
            return decisions
        fresh = self._not_repeated(frame_index)
        counts, frame_index = counts[fresh], frame_index[fresh]
        jumps = np.flatnonzero(np.diff(frame_index) != 1) + 1
        for stretch, numbers in zip(np.split(counts, jumps), np.split(frame_index, jumps)):
            if len(numbers):
                self._bridge(stretch[0], int(numbers[0]), decisions)
                self._run(stretch, int(numbers[0]), decisions)
        return decisions

    def _follows(self, frame_index: npt.NDArray[np.int64]) -> bool:
        """Whether nothing is missing, repeated or late, as in nearly every tick; found out without the
        dozen calls of numpy that the rest takes, each of them slow after 20 ms asleep."""
        if self._last_frame is None:
            return False
        numbers: list[int] = frame_index.tolist()
        first = self._last_frame + 1
        return numbers == list(range(first, first + len(numbers)))

    def _not_repeated(self, frame_index: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        last = frame_index[0] - 1 if self._last_frame is None else self._last_frame
        newest_before = np.maximum.accumulate(np.concatenate([[last], frame_index[:-1]]))
        fresh: npt.NDArray[np.bool_] = frame_index > newest_before
        self.counters.repeated += int(np.count_nonzero(~fresh))
        return fresh

    def _bridge(self, first: npt.NDArray[np.int32], number: int, decisions: list[Decision]) -> None:
        """Treat the gap before frame `number`, as the spec says."""
        if self._last_frame is None:
            self._begin_stretch(number)
            return
        if number == self._last_frame + 1:
            return
        missing = number - self._last_frame - 1
        self.counters.gaps += 1
        self.counters.missing += missing
        policy = self.signal.gap
        gap_s = missing / self.signal.rate_hz
        stops = policy.stop_after_s != "never" and gap_s > policy.stop_after_s
        if missing <= policy.interpolate_frames and not stops:
            steps = np.arange(1, missing + 1, dtype=np.int64)[:, None]
            last = self._last_counts.astype(np.int64)
            filled = last + (first - last) * steps // (missing + 1)
            self.counters.interpolated += missing
            self._run(filled.astype(np.int32), self._last_frame + 1, decisions)
            return
        self._begin_stretch(number)
        if stops:
            self.counters.stops += 1
            decisions.append(self._stop(number, f"{missing} frames ({gap_s:.2f} s) are missing"))

    def _begin_stretch(self, number: int) -> None:
        self._stretch_first = number
        self._cutter.reset()
        self._machine.reset()
        if self._judge is not None:
            self._judge.reset()
        if self._restart is not None:
            self._restart()

    def _stop(self, frame: int, reason: str) -> Decision:
        nothing = np.full(len(self.signal.actions.names), np.nan)
        time_s = frame / self.signal.rate_hz
        return Decision(time_s, frame, nothing, nothing, None, False, STOP, reason)

    def _run(self, counts: npt.NDArray[np.int32], first: int, decisions: list[Decision]) -> None:
        self.counters.frames += len(counts)
        self._last_frame = first + len(counts) - 1
        self._last_counts = counts[-1].copy()
        before, judged = first - self._stretch_first, 0
        for taken, window in self._cutter.push(counts):
            frame = self._stretch_first + taken - 1
            time_s = frame / self.signal.rate_hz
            if self._judge is not None:
                self._judge.push(counts[judged : taken - before])
                judged = taken - before
            logits = self._scorer(window)
            if taken < self._warm_up:
                continue
            faults, doubt = None, None
            if self._judge is not None:
                faults = self._judge.check(window)
                doubt = self._doubt(self._judge, faults, time_s)
            scores = probabilities(logits, self.signal.actions.output)
            names, commands = self.signal.actions.names, self.signal.actions.commands
            if doubt is not None:
                decisions.append(Decision(time_s, frame, logits, scores, None, False, *doubt, faults=faults))
                continue
            verdict = self._machine.step(time_s, scores)
            decision = Decision(
                time_s,
                frame,
                logits,
                scores,
                None if verdict.action is None else names[verdict.action],
                verdict.started,
                None if verdict.command is None else commands[verdict.command],
                verdict.reason,
                verdict.speed,
                verdict.force,
                faults,
            )
            decisions.append(decision)
            if self._watch is not None:
                self._watch(window, decision)
        if self._judge is not None:
            self._judge.push(counts[judged:])

    def _doubt(
        self, judge: SignalQuality, faults: npt.NDArray[np.int8], time_s: float
    ) -> tuple[str | None, str] | None:
        """What to send, and why, instead of a decision on a signal that is not to be believed."""
        bad = judge.too_many(faults)
        self.quality.add(faults, bad)
        if not bad:
            self.doubt, self._bad_since, self._bad_stop = None, None, False
            return None
        self.doubt = judge.describe(faults)
        if self._bad_since is None:
            self._bad_since = time_s
        was_active = self._machine.active is not None
        self._machine.reset()
        if time_s - self._bad_since >= judge.spec.stop_after_s and not self._bad_stop:
            self._bad_stop = True
            self.counters.stops += 1
            return STOP, f"{self.doubt} for {judge.spec.stop_after_s:g} s"
        return HOLD if was_active else None, self.doubt
