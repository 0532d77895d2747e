"""What a calibration file may hold, and which bundle takes it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograsp.edge_runtime.cli.demo import SAMPLES
from neurograsp.edge_runtime.contract.calibration import (
    Calibration,
    DriftReference,
    parse_calibration,
    render_calibration,
)
from neurograsp.edge_runtime.contract.decision_spec import Proportional
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.manifest import parse_manifest

MANIFEST = parse_manifest((SAMPLES / "bundles" / "grasp-and-lift" / "manifest.json").read_bytes(), "sample")
N_ACTIONS, N_CHANNELS = len(MANIFEST.decision.on), len(MANIFEST.signal.channels)
SHA = "0123456789abcdef" * 4
DRIFT = DriftReference((1.0,) * (N_CHANNELS * (N_CHANNELS + 1) // 2), -0.2, 0.4)
GOOD = Calibration(
    schema="neurograsp.calibration/1",
    bundle_sha256=SHA,
    made_at="2026-11-29T16:00:00+00:00",
    source="60 s of rest from board:cyton",
    target_fa_per_min=2.0,
    rest_s=60.0,
    false_activations=0,
    n_events=0,
    hits=0,
    on=(0.9,) * N_ACTIONS,
    off=(0.5,) * N_ACTIONS,
    drift=DRIFT,
)


@pytest.mark.parametrize("one", [GOOD, replace(GOOD, drift=None, n_events=4, hits=3)])
def test_it_survives_its_file(one: Calibration) -> None:
    assert parse_calibration(render_calibration(one), "x") == one


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"schema": "neurograsp.calibration/2"}, "calibration/2' is not 'neurograsp.calibration/1'"),
        ({"schema": None}, "None is not"),
        ({"bundle_sha256": "0" * 63}, "bundle_sha256"),
        ({"on": [0.4] * N_ACTIONS}, "0 < off <= on <= 1"),
        ({"off": [0.0] * N_ACTIONS}, "0 < off <= on <= 1"),
        ({"on": [1.5] * N_ACTIONS}, "0 < off <= on <= 1"),
        ({"on": [0.9]}, "one value an action each"),
        ({"on": ["high"] * N_ACTIONS}, r"on\[0\]: expected a number"),
        ({"rest_s": 0}, "rest_s"),
        ({"target_fa_per_min": -1.0}, "target_fa_per_min"),
        ({"false_activations": -1}, "false_activations"),
        ({"n_events": 1, "hits": 2}, "hits"),
        ({"hits": True}, "expected a whole number"),
        ({"source": "a\nb"}, "cannot be printed"),
        ({"drift": {"covariance": [1.0], "level": 200.0, "spread": 0.1}}, "level"),
        ({"dwell": 1}, "unknown key 'dwell'"),
        ({"threshold": 0.5}, "unknown key 'threshold'"),
    ],
)
def test_what_is_refused(change: dict[str, Any], text: str) -> None:
    tree = {**json.loads(render_calibration(GOOD)), **change}
    with pytest.raises(ConfigError, match=text):
        parse_calibration(json.dumps(tree).encode(), "today.json")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"schema": NaN}', b"[" * 100_000])
def test_what_is_no_calibration_at_all(raw: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^today\.json: .*calibrate again$"):
        parse_calibration(raw, "today.json")


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused(place: int, value: int) -> None:
    raw = bytearray(render_calibration(GOOD))
    raw[place % len(raw)] = value
    try:
        parse_calibration(bytes(raw), "x")
    except ConfigError as error:
        assert "\n" not in str(error)


def test_it_changes_the_thresholds_and_nothing_else() -> None:
    own = replace(
        MANIFEST.decision, smooth=3, dwell=2, refractory_s=1.0, proportional=Proportional("speed", 20, 60)
    )
    decision = GOOD.applied_to(replace(MANIFEST, decision=own), SHA, "x")
    assert (decision.on, decision.off) == (GOOD.on, GOOD.off)
    assert decision.calibrated_on == "60 s of rest from board:cyton, 2026-11-29T16:00:00+00:00"
    assert decision.target_fa_per_min == 2.0
    same = {
        name: getattr(decision, name) for name in ("smooth", "dwell", "refractory_s", "after", "proportional")
    }
    assert same == {name: getattr(own, name) for name in same}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"bundle_sha256": "f" * 64},
            "made for the bundle ffffffffffff, not for 0123456789ab; calibrate this",
        ),
        ({"on": (0.9,), "off": (0.5,)}, f"1 thresholds for {N_ACTIONS} actions"),
        ({"drift": replace(DRIFT, covariance=(1.0,))}, f"1 values, {N_CHANNELS} channels need"),
    ],
)
def test_of_another_bundle_it_is_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        replace(GOOD, **change).applied_to(MANIFEST, SHA, "today.json")
