"""The watch over the signal: what it asks at, and what it leaves alone."""

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from neurograsp.edge_runtime.contract.calibration import DriftReference
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.drift import (
    LEAST_LIMIT,
    LOOKS,
    MOST_CHANNELS,
    SHORTEST_S,
    DriftMonitor,
    make_reference,
)

HOP, HOP_S, N_CHANNELS = 8, 0.1, 16
MEMORY_S = 20.0
PER_MEMORY = round(MEMORY_S / HOP_S)
ANGLES = np.arange(N_CHANNELS) * 2 * np.pi / N_CHANNELS
MIXING = np.stack([np.sin(order * ANGLES + order) for order in (1, 2, 3)])
Hops = npt.NDArray[np.int8]


def signal(n_hops: int, seed: int, gain: float = 1.0) -> Hops:
    """(n_hops, HOP, N_CHANNELS): electrodes in a ring that see the same three sources, and noise."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(n_hops, HOP, 3)) @ MIXING + 0.3 * rng.normal(size=(n_hops, HOP, N_CHANNELS))
    return np.clip(np.rint(gain * 8 * frames), -128, 127).astype(np.int8)


def reference(hops: Hops | None = None) -> DriftReference:
    made = make_reference(signal(600, seed=0) if hops is None else hops, HOP_S)
    assert made is not None
    return made


def monitor(one: DriftReference | None = None) -> DriftMonitor:
    return DriftMonitor(one or reference(), N_CHANNELS, HOP, HOP_S, MEMORY_S)


def watch(one: DriftMonitor, hops: Hops, begin: int = 0) -> list[int]:
    """The hops at which it asked; each stands at the end of a longer window."""
    before = np.full((3 * HOP, N_CHANNELS), 99, np.int8)
    return [
        begin + number
        for number, hop in enumerate(hops)
        if one.push((begin + number) * HOP_S, np.concatenate([before, hop]))
    ]


def test_the_same_signal_is_let_be() -> None:
    one = monitor()
    assert watch(one, signal(10 * PER_MEMORY, seed=2)) == []
    assert one.octaves == pytest.approx(0, abs=0.1)
    assert one.asked_at_s is None


def test_nothing_is_said_before_the_memory_is_full() -> None:
    one = monitor()
    assert watch(one, signal(PER_MEMORY - 1, seed=2, gain=2)) == []
    assert one.octaves is None
    assert watch(one, signal(PER_MEMORY // LOOKS, seed=3, gain=2), PER_MEMORY) != []


@pytest.mark.parametrize(("gain", "octaves"), [(2.0, 2), (0.5, -2), (1.3, 0.76), (0.8, -0.64)])
def test_another_gain_is_asked_about_once(gain: float, octaves: float) -> None:
    one = monitor()
    asked = watch(one, signal(4 * PER_MEMORY, seed=2, gain=gain))
    assert len(asked) == 1
    assert PER_MEMORY - 1 <= asked[0] <= PER_MEMORY + PER_MEMORY // LOOKS
    assert one.asked_at_s == pytest.approx(asked[0] * HOP_S)
    assert one.octaves == pytest.approx(octaves, abs=0.15)


def test_a_change_is_asked_about_within_one_memory() -> None:
    one = monitor()
    assert watch(one, signal(3 * PER_MEMORY, seed=2)) == []
    (asked,) = watch(one, signal(2 * PER_MEMORY, seed=3, gain=2))
    assert asked <= PER_MEMORY


def test_exchanged_electrodes_are_seen_though_the_power_is_the_same() -> None:
    hops = signal(2 * PER_MEMORY, seed=2)
    hops[:, :, [0, 5]] = hops[:, :, [5, 0]]
    assert len(watch(monitor(), hops)) == 1


def test_an_electrode_that_picks_up_something_else_is_seen() -> None:
    hops = signal(2 * PER_MEMORY, seed=2)
    hops[:, :, 2] = np.random.default_rng(0).normal(0, 16, hops.shape[:2]).astype(np.int8)
    assert len(watch(monitor(), hops)) == 1


def test_a_silent_signal_is_seen_and_is_no_fault() -> None:
    one = monitor()
    assert len(watch(one, np.zeros((2 * PER_MEMORY, HOP, N_CHANNELS), np.int8))) == 1
    assert json.loads(json.dumps(one.report(), allow_nan=False)) == one.report()


def test_somebody_who_moves_is_no_drift() -> None:
    """Half of the time four times the amplitude; the quiet rest is as it was."""
    hops = signal(4 * PER_MEMORY, seed=2)
    moving = np.arange(len(hops)) % 60 < 30
    hops[moving] = signal(int(moving.sum()), seed=3, gain=4)
    assert watch(monitor(), hops) == []


def test_a_restless_reference_widens_the_limit() -> None:
    assert monitor().limit == LEAST_LIMIT
    hops = np.concatenate([signal(300, seed=0), signal(300, seed=1, gain=3)])
    restless = reference(hops[np.random.default_rng(0).permutation(600)])
    assert restless.spread > 2
    assert monitor(restless).limit == restless.spread


def test_what_gives_no_reference() -> None:
    assert make_reference(signal(round(SHORTEST_S / HOP_S) - 1, seed=0), HOP_S) is None
    assert make_reference(np.zeros((600, 1, MOST_CHANNELS + 1), np.int8), HOP_S) is None


def test_of_a_long_rest_a_part_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reference()
    monkeypatch.setattr("neurograsp.edge_runtime.drift.MOST_HOPS", 250)
    part = reference()
    assert part.covariance != whole.covariance
    assert part.level == pytest.approx(whole.level, abs=0.1)


def test_a_silent_rest_gives_a_reference_all_the_same() -> None:
    one = monitor(reference(np.zeros((600, HOP, N_CHANNELS), np.int8)))
    assert watch(one, np.zeros((2 * PER_MEMORY, HOP, N_CHANNELS), np.int8)) == []
    assert len(watch(one, signal(2 * PER_MEMORY, seed=2))) == 1


def test_the_level_is_that_of_frames_the_covariance_was_not_fitted_to() -> None:
    """With few frames a channel a covariance that saw them would find them too quiet."""
    rng = np.random.default_rng(0)
    rest, later = (
        np.rint(rng.normal(0, 16, (600, 1, 100))).clip(-128, 127).astype(np.int8) for _ in range(2)
    )
    made = make_reference(rest, HOP_S)
    assert made is not None
    one = DriftMonitor(made, 100, 1, HOP_S, MEMORY_S)
    for number, hop in enumerate(later):
        one.push(number * HOP_S, hop)
    assert one.octaves == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-12, 1e12, 1e308])
def test_what_is_no_covariance_is_refused(value: float) -> None:
    odd = replace(reference(), covariance=tuple(np.eye(N_CHANNELS)[np.tril_indices(N_CHANNELS)] * value))
    with pytest.raises(ConfigError, match=r"drift\.covariance"):
        monitor(odd)


@pytest.mark.parametrize("change", [{"level": 101.0}, {"spread": -0.1}, {"spread": 101.0}])
def test_references_that_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="drift"):
        replace(reference(), **change)  # type: ignore[arg-type]
