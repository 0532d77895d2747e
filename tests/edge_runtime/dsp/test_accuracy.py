"""How near the integer filter is to the real one, and that nothing in it can overflow."""

import runpy
import tracemalloc
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import CHAINS, REPOSITORY, chain_signal, toy_signal

from neurograsp.edge_runtime.contract.signal_spec import FirStage, SosStage
from neurograsp.edge_runtime.dsp import kernel, twin
from neurograsp.edge_runtime.dsp.chain import FilterChain

BENCHMARK = runpy.run_path(str(REPOSITORY / "benchmarks/filter_error.py"))
KERNELS = [pytest.param(twin, id="twin")] + (
    [] if kernel.compiled is None else [pytest.param(kernel.compiled, id="compiled")]
)
LIMIT = 2**30
SUM_LIMIT = 2**33 - 2


@pytest.mark.parametrize("given_input", BENCHMARK["INPUTS"])
@pytest.mark.parametrize("rate_hz", BENCHMARK["RATES_HZ"])
def test_error_against_scipy(rate_hz: float, given_input: str) -> None:
    assert BENCHMARK["error_db"](rate_hz, *BENCHMARK["INPUTS"][given_input]) >= 95


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("level", [0, 1, -7, 20_000, -32_768])
def test_a_constant_gives_no_transient(name: str, level: int) -> None:
    """From the first frame on: what a constant becomes after the filter has settled."""
    spec = chain_signal(name)
    out = FilterChain(spec).filter(np.full((4000, 2), level, np.int32))
    gain = 1.0 if "pass" not in name else 0.0
    one_count = 2.0**spec.input_shift
    assert np.abs(out - gain * level * one_count).max() < one_count / 16


def test_without_priming_a_constant_would_ring() -> None:
    """The test above can fail: a step of the same size moves the output by most of its height."""
    counts = np.full((1000, 2), 20_000, np.int32)
    counts[0] = 0
    spec = chain_signal("notch, band-pass, decimate")
    assert np.abs(FilterChain(spec).filter(counts)).max() > 10_000 * 2**spec.input_shift


@pytest.mark.parametrize("bits", [8, 16, 24, 28])
def test_full_scale_fits_with_one_bit_to_spare(bits: int) -> None:
    chain = FilterChain(toy_signal(adc_bits=bits))
    top = 2 ** (bits - 1)
    rails = np.array([[top - 1, -top], [2 * top - 1, -2 * top], [2 * top, -2 * top - 1]], np.int32)
    assert chain.filter(rails).tolist() == [
        [(top - 1) * 2**29 // top, -(2**29)],
        [(2 * top - 1) * 2**29 // top, -(2**30)],
        [2**30 - 1, -(2**30)],
    ]


@pytest.mark.parametrize("bits", [8, 16, 24, 28])
def test_a_railed_amplifier_is_counted(bits: int) -> None:
    chain = FilterChain(toy_signal(adc_bits=bits))
    top = 2 ** (bits - 1)
    chain.filter(np.array([[top - 2, 1 - top]], np.int32))
    assert chain.clipped.input == 0
    chain.filter(np.array([[top - 1, 0], [0, -top], [2**31 - 1, -(2**31)]], np.int32))
    assert chain.clipped.input == 4


def exact_section(
    row: Sequence[int], state: Sequence[int], inputs: Sequence[int | None]
) -> tuple[list[int], list[int], int, int]:
    """The recurrence in whole numbers without any limit; None asks for the worst input.

    Returns:
        inputs taken, outputs, clipped samples, largest absolute accumulator.
    """
    b0, b1, b2, a1, a2 = row
    x1, x2, y1, y2, e1, e2 = state
    taken, outputs, clipped, largest = [], [], 0, 0
    for x in inputs:
        rest = 2 * e1 - e2 + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
        if x is None:
            x = max((-LIMIT, LIMIT - 1), key=lambda worst: abs(rest + b0 * worst))
        acc = rest + b0 * x
        y = min(max(acc >> 30, -LIMIT), LIMIT - 1)
        clipped += y != acc >> 30
        largest = max(largest, acc, -acc - 1)
        x1, x2, y1, y2, e1, e2 = x, x1, y, y1, acc & (LIMIT - 1), e1
        taken.append(x)
        outputs.append(y)
    return taken, outputs, clipped, largest


@st.composite
def extreme_rows(draw: st.DrawFn) -> tuple[int, ...]:
    """Coefficients at the edge of what SosStage accepts: the sum of their sizes is at its limit."""
    a2 = draw(st.integers(-LIMIT + 1, LIMIT - 1) | st.just(LIMIT - 1))
    most = LIMIT + a2 - 1
    a1 = draw(st.sampled_from([most, -most]) | st.integers(-most, most))
    left = SUM_LIMIT - abs(a1) - abs(a2)
    b = []
    for _ in range(3):
        size = min(left, 2**31 - 1)
        b.append(size * draw(st.sampled_from([1, -1])))
        left -= size
    return (*draw(st.permutations(b)), a1, a2)


EDGE = st.sampled_from([-LIMIT, LIMIT - 1])
STATES = st.tuples(EDGE, EDGE, EDGE, EDGE, *[st.sampled_from([0, LIMIT - 1]) | st.integers(0, LIMIT - 1)] * 2)


def check_section(
    row: tuple[int, ...], state: tuple[int, ...], inputs: Sequence[int | None], module: ModuleType
) -> None:
    SosStage("sos", "lowpass", (1.0,), 2, (row,))  # type: ignore[arg-type]
    taken, outputs, clipped, largest = exact_section(row, state, inputs)
    assert largest < 2**63
    frames = np.array(taken, np.int32)[:, None]
    memory = np.array(state, np.int32).reshape(1, 6, 1)
    counted = module.sos(frames, len(frames), 1, np.array([row], np.int32), 1, memory)
    assert frames[:, 0].tolist() == outputs
    assert counted == clipped


@pytest.mark.parametrize("module", KERNELS)
@settings(max_examples=150, deadline=None)
@given(extreme_rows(), STATES, st.lists(st.none() | st.integers(-LIMIT, LIMIT - 1), min_size=1, max_size=30))
def test_no_accepted_section_overflows(
    module: ModuleType, row: tuple[int, ...], state: tuple[int, ...], inputs: list[int | None]
) -> None:
    check_section(row, state, inputs, module)


@pytest.mark.parametrize("module", KERNELS)
def test_the_worst_section_of_all(module: ModuleType) -> None:
    a1, a2 = 2**31 - 2, 2**30 - 1
    row = (-(2**31), -(2**31), -(SUM_LIMIT - 2**32 - a1 - a2), a1, a2)
    state = (-LIMIT, -LIMIT, -LIMIT, -LIMIT, LIMIT - 1, 0)
    assert exact_section(row, state, [-LIMIT])[3] > 2**63 - 2**31
    check_section(row, state, [-LIMIT, None, None], module)
    with pytest.raises(ValueError, match="could overflow"):
        SosStage("sos", "lowpass", (1.0,), 2, ((row[0], row[1], row[2] - 1, a1, a2),))
    # One more, and the accumulator would not hold it.
    assert exact_section((row[0], row[1], row[2] - 1, a1, a2), state, [-LIMIT])[3] >= 2**63


@pytest.mark.parametrize("module", KERNELS)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_fir_saturates_to_the_right_side(module: ModuleType, sign: int) -> None:
    stage = FirStage("fir", "decimate", None, (2**16 * sign, (2**16 - 1) * sign), 1)
    chain = FilterChain(toy_signal((stage,), adc_bits=16), module)
    out = chain.filter(np.array([[2**16 - 1, -(2**16)]] * 3, np.int32))
    high, low = LIMIT - 1, -LIMIT
    assert out[-1].tolist() == ([high, low] if sign > 0 else [low, high])
    assert chain.clipped.filter == 6


@pytest.mark.parametrize("module", KERNELS)
@given(
    st.integers(-LIMIT, LIMIT - 1),
    st.integers(-LIMIT, LIMIT),
    st.integers(1, 2**31 - 1) | st.just(2**31 - 1),
    st.integers(1, 62),
)
def test_scaling_is_exact(module: ModuleType, sample: int, offset: int, multiplier: int, shift: int) -> None:
    out = np.empty((1, 1), np.int8)
    given_ints = [np.array([value], np.int32) for value in (offset, multiplier, shift)]
    clipped = module.scale(np.array([[sample]], np.int32), 1, 1, *given_ints, out)
    exact = ((sample - offset) * multiplier + (1 << (shift - 1))) >> shift
    assert out[0, 0] == min(max(exact, -128), 127)
    assert clipped == (not -128 <= exact <= 127)


def test_the_twin_needs_no_copy_of_every_window() -> None:
    """5000 frames of 32 channels are 1.3 MB in int64; 128 windows of them would be 164 MB."""
    n_frames, n_channels, n_taps = 5000, 32, 128
    frames = np.ones((n_frames, n_channels), np.int32)
    history, out = np.zeros((n_taps, n_channels), np.int32), np.empty_like(frames)
    taps = np.full(n_taps, 256, np.int32)
    tracemalloc.start()
    try:
        twin.fir(frames, n_frames, n_channels, taps, n_taps, 1, history, np.zeros(2, np.uint32), out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert out[-1].tolist() == [1] * n_channels
    assert peak < 20e6


@pytest.mark.skipif(kernel.compiled is None, reason="the kernel is not compiled here")
def test_the_binding_checks_its_buffers() -> None:
    compiled = kernel.compiled
    assert compiled is not None
    frames, coefs, state = (
        np.zeros((3, 2), np.int32),
        np.zeros((1, 5), np.int32),
        np.zeros((1, 6, 2), np.int32),
    )
    empty = np.empty(0, np.int32)
    with pytest.raises(ValueError, match="counts has 0 bytes"):
        compiled.load(empty, 2**62, 14, empty)  # 4 * 2^62 wraps to 0
    with pytest.raises(ValueError, match="counts has 3 bytes"):
        compiled.load(b"abc", 0, 14, empty)
    with pytest.raises(ValueError, match="shift"):
        compiled.load(empty, 0, 30, empty)
    with pytest.raises(ValueError, match="frames has 24 bytes, expected 8 items of 4"):
        compiled.sos(frames, 4, 2, coefs, 1, state)
    with pytest.raises(ValueError, match="state has"):
        compiled.sos(frames, 3, 2, coefs, 1, state[:, :5])
    with pytest.raises(ValueError, match="out of range"):
        compiled.sos(frames, -1, 2, coefs, 1, state)
    with pytest.raises((ValueError, BufferError), match="contiguous"):
        compiled.sos(frames[:, ::2], 3, 1, coefs, 1, state)
    history, out = np.zeros((4, 2), np.int32), np.zeros((3, 2), np.int32)
    taps = np.zeros(4, np.int32)
    with pytest.raises(ValueError, match="cursor"):
        compiled.fir(frames, 3, 2, taps, 4, 1, history, np.array([4, 0], np.uint32), out)
    with pytest.raises(ValueError, match="factor"):
        compiled.fir(frames, 3, 2, taps, 4, 0, history, np.zeros(2, np.uint32), out)
    with pytest.raises(ValueError, match="shift"):
        one = np.ones(2, np.int32)
        compiled.scale(frames, 3, 2, one, one, np.array([1, 63], np.int32), np.zeros((3, 2), np.int8))
