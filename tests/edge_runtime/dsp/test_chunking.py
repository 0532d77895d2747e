"""The same frames give the same bits: in any chunking, on either kernel, whatever comes after."""

import hashlib
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import CHAINS, chain_signal, chunks, eeg_like, toy_signal

from neurograsp.edge_runtime.contract.signal_spec import FirStage, SosStage
from neurograsp.edge_runtime.dsp import kernel, twin
from neurograsp.edge_runtime.dsp.chain import Clipped, FilterChain

KERNELS = [pytest.param(twin, id="twin")] + (
    [] if kernel.compiled is None else [pytest.param(kernel.compiled, id="compiled")]
)
FULL = st.integers(-(2**31), 2**31 - 1)
CUTS = st.lists(st.integers(0, 10_000), max_size=8)

NOTCH_ROWS = ((1051711606, -649993519, 1051711606, -649993519, 1029681389),)
BANDPASS_ROWS = (
    (154333963, 308667926, 154333963, -736157452, 279920233),
    (1064101712, -2128203424, 1064101712, -2128408356, 1054838434),
)
FROZEN: dict[str, tuple[SosStage | FirStage, ...]] = {
    "notch, band-pass, decimate": (
        SosStage("sos", "notch", (50.0,), 2, NOTCH_ROWS),
        SosStage("sos", "bandpass", (0.5, 40.0), 2, BANDPASS_ROWS),
        FirStage("fir", "decimate", 40.0, (256, 1792, 5376, 8960, 8960, 5376, 1792, 256), 2),
    ),
    "moving average": (FirStage("fir", "moving_average", None, (4681, 4681, 4681, 4682) * 2, 3),),
}
GOLDEN = {
    "notch, band-pass, decimate": "c34d18ca31b8943cfcc8dfbe86d33ee4acdd5de2650a75dfc46aac5f85fa7b03",
    "moving average": "a5d0f3cc28aa95f0aff6d3068b8f557379f38011f341ebd1e6a0902a2593ffd3",
}
"""SHA-256 of the filtered int32 samples (little-endian) and of the int8 output after them."""


def full_range(n_frames: int, n_channels: int, seed: int) -> npt.NDArray[np.int32]:
    """Any int32, the extremes often: far more than the headroom, so that every stage saturates."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(-(2**31), 2**31, (n_frames, n_channels), dtype=np.int64)
    extreme = rng.random(counts.shape) < 0.3
    counts[extreme] = rng.choice([-(2**31), 2**31 - 1, 0], int(extreme.sum()))
    return counts.astype(np.int32)


def in_chunks(chain: FilterChain, counts: npt.NDArray[np.int32], cuts: list[int]) -> npt.NDArray[np.int8]:
    return np.concatenate([chain.process(counts[part]) for part in chunks(len(counts), cuts)])


@pytest.mark.parametrize("module", KERNELS)
@pytest.mark.parametrize("name", CHAINS)
@settings(max_examples=40, deadline=None)
@given(cuts=CUTS, n_frames=st.integers(1, 120), seed=st.integers(0, 2**32 - 1), wild=st.booleans())
def test_any_chunking_gives_the_same_bits(
    name: str, module: ModuleType, cuts: list[int], n_frames: int, seed: int, wild: bool
) -> None:
    spec = chain_signal(name, n_channels=3)
    counts = full_range(n_frames, 3, seed) if wild else eeg_like(n_frames, 3, seed)
    whole, parts = FilterChain(spec, module), FilterChain(spec, module)
    assert np.array_equal(whole.process(counts), in_chunks(parts, counts, cuts))
    assert whole.clipped == parts.clipped


@pytest.mark.skipif(kernel.compiled is None, reason="the kernel is not compiled here")
@pytest.mark.parametrize("name", CHAINS)
@settings(max_examples=25, deadline=None)
@given(
    cuts=CUTS,
    n_frames=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
    n_channels=st.sampled_from([1, 2, 5, 8, 11, 16]),
)
def test_the_twin_gives_the_bits_of_the_compiled_kernel(
    name: str, cuts: list[int], n_frames: int, seed: int, n_channels: int
) -> None:
    spec = chain_signal(name, n_channels=n_channels)
    counts = full_range(n_frames, n_channels, seed)
    fast, slow = FilterChain(spec, kernel.compiled), FilterChain(spec, twin)
    for part in chunks(n_frames, cuts):
        assert np.array_equal(fast.filter(counts[part]), slow.filter(counts[part]))
    assert np.array_equal(fast.process(counts), slow.process(counts))
    assert fast.clipped == slow.clipped
    assert fast.clipped.input > 0 or n_frames < 10


@pytest.mark.parametrize("name", CHAINS)
def test_saturation_is_reached_and_counted(name: str) -> None:
    chain = FilterChain(chain_signal(name, n_channels=3))
    counts = full_range(2000, 3, 0)
    frames = chain.filter(counts)
    assert chain.clipped.input == np.count_nonzero((counts >= 2**15 - 1) | (counts <= -(2**15)))
    assert frames.min() >= -(2**30)
    assert frames.max() < 2**30
    if "average" not in name:
        assert chain.clipped.filter > 0
    assert chain.clipped.output == 0
    chain.process(counts)
    assert chain.clipped.output > 0


def test_an_ordinary_signal_clips_nowhere() -> None:
    chain = FilterChain(chain_signal("notch, band-pass, decimate"))
    out = chain.process(eeg_like(5000, 2, 0))
    assert chain.clipped == Clipped(0, 0, 0)
    assert np.abs(out).max() > 8


@pytest.mark.parametrize("module", KERNELS)
@pytest.mark.parametrize("name", FROZEN)
def test_golden_output(name: str, module: ModuleType) -> None:
    """Integers in, integers out: the same on every machine and with every version of SciPy."""
    steps = np.random.default_rng(1).integers(-2000, 2001, (1000, 3))
    counts = np.cumsum(steps, axis=0).astype(np.int32)
    spec = toy_signal(FROZEN[name], n_channels=3)
    digest = hashlib.sha256(FilterChain(spec, module).filter(counts).astype("<i4").tobytes())
    digest.update(FilterChain(spec, module).process(counts).tobytes())
    assert digest.hexdigest() == GOLDEN[name]


@pytest.mark.parametrize("name", CHAINS)
@settings(max_examples=25, deadline=None)
@given(split=st.integers(1, 300), seed=st.integers(0, 1000))
def test_the_future_does_not_change_the_past(name: str, split: int, seed: int) -> None:
    spec = chain_signal(name, n_channels=3)
    counts = full_range(400, 3, seed)
    other = counts.copy()
    other[split:] = full_range(400 - split, 3, seed + 1)
    n_past = split // spec.decimation
    assert np.array_equal(
        FilterChain(spec).process(counts)[:n_past], FilterChain(spec).process(other)[:n_past]
    )


@pytest.mark.parametrize("name", CHAINS)
def test_reset_forgets_everything(name: str) -> None:
    spec = chain_signal(name)
    counts = eeg_like(500, 2, 0)
    chain = FilterChain(spec)
    chain.process(eeg_like(501, 2, 1))
    chain.reset()
    assert np.array_equal(chain.process(counts), FilterChain(spec).process(counts))


def test_wrong_shapes_are_refused() -> None:
    chain = FilterChain(chain_signal("moving average"))
    with pytest.raises(ValueError, match="expected"):
        chain.process(np.zeros((5, 3), np.int32))
    with pytest.raises((ValueError, IndexError)):
        chain.process(np.zeros(10, np.int32))
