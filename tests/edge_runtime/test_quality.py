from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from toys import RATE_HZ, chain_signal, eeg_like, toy_signal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.quality_spec import QualitySpec
from neurograsp.edge_runtime.contract.signal_spec import Scale, SignalSpec
from neurograsp.edge_runtime.dsp.chain import FilterChain
from neurograsp.edge_runtime.pipeline import HOLD, STOP, Decision, Pipeline
from neurograsp.edge_runtime.quality import Fault, SignalQuality, response
from neurograsp.train.filter_design import FilterConfig, design

N_CHANNELS = 4
RAIL = 2**15 - 1
Counts = npt.NDArray[np.int32]


def signal_of(name: str = "notch, band-pass, decimate", unit: float = 200.0) -> SignalSpec:
    """A filtered sample of `unit` counts is 1 at the network's input."""
    spec = chain_signal(name, n_channels=N_CHANNELS, window=50, hop=5)
    multiplier = round(2**30 / unit)
    scale = Scale((0,) * N_CHANNELS, (multiplier,) * N_CHANNELS, (30 + 14 - 4,) * N_CHANNELS)
    return replace(spec, scale=scale)


def faults_of(spec: SignalSpec, counts: Counts) -> list[Fault]:
    """After all of it."""
    quality = SignalQuality(spec, QualitySpec())
    quality.push(counts)
    filtered = FilterChain(spec).process(counts)
    return [Fault(int(fault)) for fault in quality.check(filtered[-spec.window :])]


def healthy(n_frames: int = 500) -> Counts:
    return eeg_like(n_frames, N_CHANNELS, seed=3)


def test_a_healthy_signal() -> None:
    assert faults_of(signal_of(), healthy()) == [Fault.NONE] * N_CHANNELS


def test_each_fault_is_named_on_its_channel() -> None:
    counts = healthy()
    time_s = np.arange(len(counts)) / RATE_HZ
    counts[-60:, 0] = RAIL
    counts[-60:, 1] = 1234
    counts[:, 2] += np.rint(8000 * np.sin(2 * np.pi * 23 * time_s)).astype(np.int32)
    assert faults_of(signal_of(), counts) == [Fault.RAILED, Fault.FLAT, Fault.SATURATED, Fault.NONE]


def test_a_dead_input_is_quiet() -> None:
    counts = healthy()
    counts[:, 3] = np.random.default_rng(0).integers(-2, 3, len(counts))
    assert faults_of(signal_of(), counts)[3] is Fault.QUIET


@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_mains_counts_by_what_reaches_the_network(hz: float) -> None:
    """With a notch for it a large sine does no harm; the other one is let through."""
    counts = healthy()
    time_s = np.arange(len(counts)) / RATE_HZ
    counts[:, 1] += np.rint(600 * np.sin(2 * np.pi * hz * time_s)).astype(np.int32)
    stages = (FilterConfig("notch", (50.0,)), FilterConfig("bandpass", (2.0, 90.0), order=2))
    spec = signal_of(unit=300.0)
    spec = replace(spec, stages=design(stages, RATE_HZ, lambda *_: None))  # type: ignore[arg-type]
    assert faults_of(spec, counts)[1] is (Fault.NONE if hz == 50 else Fault.MAINS)


def test_common_mains_is_judged_behind_the_spatial_filter() -> None:
    """What whitening takes away is no fault; alone on one channel it is."""
    spec = signal_of("band-pass, whitening", unit=300.0)
    time_s = np.arange(500)[:, None] / RATE_HZ
    wave = np.rint(6000 * np.sin(2 * np.pi * 50 * time_s)).astype(np.int32)
    weights = np.array(spec.stages[-1].weights) / 2**30  # type: ignore[union-attr]
    direction = np.linalg.svd(weights)[2]
    loud, silent = direction[0], direction[-1]
    gain = np.linalg.norm(weights @ loud) / np.linalg.norm(weights @ silent)
    assert gain > 2
    by_direction = [
        sum(fault is Fault.MAINS for fault in faults_of(spec, np.rint(wave * one).astype(np.int32)))
        for one in (loud, silent)
    ]
    assert by_direction[0] > by_direction[1]


@pytest.mark.parametrize("name", ["notch, band-pass, decimate", "moving average", "band-pass, whitening"])
@pytest.mark.parametrize("hz", [7.0, 31.0, 50.0])
def test_response_is_that_of_the_filter(name: str, hz: float) -> None:
    spec = signal_of(name)
    spec = replace(spec, stages=tuple(stage for stage in spec.stages if stage.type != "spatial"))
    time_s = np.arange(4000) / RATE_HZ
    wave = np.rint(20_000 * np.sin(2 * np.pi * hz * time_s)).astype(np.int32)
    filtered = FilterChain(spec).filter(np.repeat(wave[:, None], N_CHANNELS, axis=1))[:, 0] / 2.0**14
    settled = filtered[len(filtered) // 2 :]
    assert np.sqrt(2 * np.mean(settled**2)) == pytest.approx(20_000 * response(spec, hz), rel=0.02, abs=5)


def test_before_a_span_is_full_only_the_input_is_judged() -> None:
    spec = signal_of()
    quality = SignalQuality(spec, QualitySpec())
    quality.push(np.full((10, N_CHANNELS), RAIL, np.int32))
    assert not quality.check(np.full((50, N_CHANNELS), 40, np.int8)).any()


def test_a_tenth_of_the_channels_may_be_bad() -> None:
    spec = toy_signal(n_channels=32)
    quality = SignalQuality(spec, QualitySpec())
    faults = np.zeros(32, np.int8)
    faults[:3] = Fault.FLAT
    assert not quality.too_many(faults)
    faults[31] = Fault.RAILED
    assert quality.too_many(faults)
    assert quality.describe(faults) == "4 of 32 electrodes bad (C0, C1, C2 flat; C31 railed)"
    faults[4:20] = Fault.FLAT
    assert quality.describe(faults).endswith("C4 flat; 16 more)")


def run(counts: Counts, **limits: float) -> tuple[list[Decision], Pipeline]:
    spec = signal_of()
    fist = np.array([0.0, 5.0])
    judge = SignalQuality(spec, QualitySpec(**limits))
    pipeline = Pipeline(spec, DecisionSpec((0.6, 0.6), (0.4, 0.4)), lambda window: fist, quality=judge)
    return pipeline.push(counts, np.arange(len(counts))), pipeline


def test_an_electrode_that_comes_off_holds_the_hand_at_once_and_stops_it_later() -> None:
    counts = healthy(2000)
    counts[1000:, 2] = RAIL
    made, pipeline = run(counts)
    doubted = [one for one in made if "bad" in one.reason]
    assert doubted[0].command == HOLD
    assert (doubted[0].frame - 999) / RATE_HZ < 0.1
    assert [one.command for one in doubted[1:] if one.command] == [STOP]
    stop = next(one for one in doubted if one.command == STOP)
    assert (stop.frame - doubted[0].frame) / RATE_HZ == pytest.approx(1.0)
    assert pipeline.counters.stops == 1
    assert pipeline.quality.gated == len(doubted)
    assert set(pipeline.quality.bad) == {"C2"}
    assert all(one.action is None and not one.started for one in doubted)


def test_an_action_starts_anew_when_the_electrode_is_back() -> None:
    counts = healthy(2000)
    counts[1000:1100, 2] = RAIL
    made, pipeline = run(counts)
    doubted = [k for k, one in enumerate(made) if "bad" in one.reason]
    assert sum(one.started for one in made[: doubted[0]]) == 1
    assert sum(one.started for one in made[doubted[-1] :]) == 1
    assert pipeline.doubt is None
    assert pipeline.counters.stops == 0


def test_the_same_in_any_chunking() -> None:
    counts = healthy(2000)
    counts[700:1200, 1] = 7
    whole, _ = run(counts)
    spec = signal_of()
    judge = SignalQuality(spec, QualitySpec())
    fist = np.array([0.0, 5.0])
    pipeline = Pipeline(spec, DecisionSpec((0.6, 0.6), (0.4, 0.4)), lambda window: fist, quality=judge)
    numbers = np.arange(len(counts))
    pieces = [pipeline.push(counts[k : k + 7], numbers[k : k + 7]) for k in range(0, len(counts), 7)]
    assert [(one.frame, one.command, one.reason) for made in pieces for one in made] == [
        (one.frame, one.command, one.reason) for one in whole
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("span_s", 0.0), ("railed", 0.0), ("saturated", 1.5), ("mains", 9.0)),
        *(("bad_channels", 1.0), ("stop_after_s", -1.0)),
    ],
)
def test_impossible_limits_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        QualitySpec(**{name: value})
