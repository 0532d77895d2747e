"""What SignalSpec and DecisionSpec refuse, and that JSON carries them unchanged."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import CHAINS, chain_signal, toy_signal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec, Proportional
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.signal_spec import (
    ActionSet,
    FirStage,
    GapPolicy,
    Scale,
    SignalSpec,
    SosStage,
)
from neurograsp.firmware_bridge.strict import decode, encode

ONE = 2**30


def sos(*row: int) -> SosStage:
    return SosStage("sos", "lowpass", (10.0,), 2, (row,))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CHAINS)
def test_a_designed_signal_survives_json(name: str) -> None:
    spec = chain_signal(name, stop_after_s="never")
    assert decode(SignalSpec, json.loads(json.dumps(encode(spec))), "x") == spec


def test_derived_figures() -> None:
    spec = chain_signal("high-pass, moving average, decimate", window=30, hop=6)
    assert spec.decimation == 3
    assert spec.hop_s == pytest.approx(6 * 3 / 250)
    assert spec.window_s == pytest.approx(30 * 3 / 250)
    assert spec.input_shift == 14


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ((2**31, 0, 0, 0, 0), "does not fit into Q30"),
        ((-(2**31) - 1, 0, 0, 0, 0), "does not fit into Q30"),
        ((-(2**31), -(2**31), -(2**31), 2**31 - 2, ONE - 1), "could overflow"),
        ((ONE, 0, 0, 0, ONE), "unstable"),
        ((ONE, 0, 0, 0, -ONE), "unstable"),
        ((ONE, 0, 0, -2 * ONE, ONE - 1), "unstable"),
        ((ONE, 0, 0, ONE + 5, 5), "unstable"),
        ((ONE, 0, 0, -ONE, 0), "unstable"),
    ],
)
def test_sections_that_are_refused(row: tuple[int, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        sos(*row)


@given(st.integers(-2 * ONE, 2 * ONE - 1), st.integers(-ONE, ONE))
def test_the_guard_is_the_triangle_of_stability(a1: int, a2: int) -> None:
    """Accepted sections have both poles inside the unit circle, refused ones don't."""
    poles = np.abs(np.roots([1.0, a1 / ONE, a2 / ONE]))
    try:
        sos(0, 0, 0, a1, a2)
    except ValueError:
        assert poles.max() > 1 - 1e-6
    else:
        assert poles.max() < 1 + 1e-6


@pytest.mark.parametrize(
    ("taps", "factor", "text"),
    [
        ((), 1, "1 to 1024 taps"),
        ((1,) * 1025, 1, "1 to 1024 taps"),
        ((2**16, -(2**16)), 1, "gain of 4"),
        ((1,), 0, "factor"),
        ((1,), 257, "factor"),
    ],
)
def test_fir_that_is_refused(taps: tuple[int, ...], factor: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        FirStage("fir", "decimate", None, taps, factor)


@pytest.mark.parametrize(
    "change",
    [
        {"offset": (0,)},
        {"offset": (ONE + 1, 0)},
        {"multiplier": (0, 1)},
        {"multiplier": (2**31, 1)},
        {"shift": (0, 1)},
        {"shift": (63, 1)},
    ],
)
def test_scale_that_is_refused(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {"offset": (0, 0), "multiplier": (1, 1), "shift": (1, 1)}
    with pytest.raises(ValueError, match="scale"):
        Scale(**{**good, **change})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"channels": ("a", "a")}, "same name"),
        ({"channels": ()}, "channels"),
        ({"rate_hz": 0.5}, "rate_hz"),
        ({"rate_hz": float("nan")}, "rate_hz"),
        ({"lsb_uv": 0.0}, "lsb_uv"),
        ({"lsb_uv": -1.0}, "lsb_uv"),
        ({"adc_bits": 7}, "adc_bits"),
        ({"adc_bits": 29}, "adc_bits"),
        ({"stages": (sos(ONE, 0, 0, 0, 0),) * 33}, "stages"),
        ({"stages": (SosStage("sos", "lowpass", (1.0,), 2, ((ONE, 0, 0, 0, 0),) * 17),) * 2}, "34 sections"),
        ({"stages": (FirStage("fir", "decimate", None, (1,) * 1024, 1),) * 5}, "5120 taps in all"),
        ({"stages": (FirStage("fir", "decimate", None, (1,), 256),) * 32}, "one frame in .* is kept"),
        ({"stages": (FirStage("fir", "decimate", None, (1,), 32),) * 2, "rate_hz": 500.0}, "10.24 s between"),
        ({"scale": Scale((0,), (1,), (1,))}, "scale"),
        ({"window": 0}, "window"),
        ({"window": 16_385}, "window"),
        ({"hop": 0}, "hop"),
        ({"hop": 11}, "hop"),
    ],
)
def test_signals_that_are_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        replace(toy_signal(), **change)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((("a", "a"), ("REST", "FIST"), "sigmoid", None), "same name"),
        (((), (), "sigmoid", None), "1 to 64"),
        ((("a", "b"), ("REST",), "sigmoid", None), "as many commands"),
        ((("a", "b"), ("REST", "WAVE"), "sigmoid", None), "unknown command 'WAVE'; known are .*FIST"),
        ((("a", "b"), ("REST", "STOP"), "sigmoid", None), "unknown command 'STOP'"),
        ((("a", "b"), ("REST", "FIST"), "sigmoid", "c"), "not among the names"),
        ((("a", ""), ("REST", "FIST"), "sigmoid", None), "has none"),
        ((("rest", "fist"), ("LIFT", "FIST"), "softmax", "rest"), "HOLD, REST or OPEN, not LIFT"),
    ],
)
def test_actions_that_are_refused(arguments: tuple[Any, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ActionSet(*arguments)


@pytest.mark.parametrize("command", ["HOLD", "REST", "OPEN"])
def test_rest_may_let_go(command: str) -> None:
    assert ActionSet(("rest", "fist"), (command, "FIST"), "softmax", "rest").rest_index == 0


@pytest.mark.parametrize("arguments", [(-1,), (1001,), (0, -0.5)])
def test_gap_policies_that_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="gap"):
        GapPolicy(*arguments)


@pytest.mark.parametrize(
    "change",
    [
        {"on": (0.5,)},
        {"on": (0.5, 0.2), "off": (0.5, 0.3)},
        {"off": (0.0, 0.5)},
        {"on": (0.5, 1.1)},
        {"on": (0.5, float("nan"))},
        {"smooth": 0},
        {"dwell": 0},
        {"dwell": 1001},
        {"refractory_s": -1.0},
        {"refractory_s": 61.0},
    ],
)
def test_decisions_that_are_refused(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {"on": (0.5, 0.5), "off": (0.5, 0.5)}
    with pytest.raises(ValueError, match="decision"):
        DecisionSpec(**{**good, **change})


@pytest.mark.parametrize("proportional", [None, Proportional("force", 20, 60, 0.9)])
def test_a_decision_survives_json(proportional: Proportional | None) -> None:
    spec = DecisionSpec(
        (0.9, 0.8), (0.5, 0.4), 3, 2, 0.25, {"fist": ("", "rest")}, "session 6", 2.0, proportional
    )
    assert decode(DecisionSpec, json.loads(json.dumps(encode(spec))), "x") == spec


def test_a_decision_of_before_proportional_commands_sends_them_whole() -> None:
    tree = encode(DecisionSpec((0.9, 0.8), (0.5, 0.4)))
    del tree["proportional"]
    assert decode(DecisionSpec, tree, "x").proportional is None


def test_a_refused_value_names_file_and_place() -> None:
    tree = encode(chain_signal("moving average"))
    tree["stages"][0]["taps"] = [2**17]
    with pytest.raises(ConfigError, match=r"^manifest\.stages\[0\]: moving_average: .* gain of 4"):
        decode(SignalSpec, tree, "manifest")
