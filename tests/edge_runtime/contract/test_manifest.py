import json
from typing import Any

import pytest
from toys import toy_signal

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import BundleError
from neurograsp.edge_runtime.contract.manifest import (
    SCHEMA,
    GoldenFacts,
    Manifest,
    NetworkFacts,
    Provenance,
    parse_manifest,
    render_manifest,
)
from neurograsp.firmware_bridge.strict import encode

DECISION = DecisionSpec((0.9, 0.9), (0.6, 0.6))


def manifest() -> Manifest:
    return Manifest(
        schema=SCHEMA,
        name="toy",
        signal=toy_signal(),
        decision=DECISION,
        labels="states",
        reference_decisions={"float": DECISION},
        network=NetworkFacts("eegnet", 10, 100, "ptq", (1, 10, 2, 1), 1 / 16, 0, 0.1, -3, ("CONV_2D",)),
        golden=GoldenFacts(3, 2),
        files={"model.tflite": "0" * 64},
        provenance=Provenance({"fit": {"epochs": 2}}, "0" * 64, ("1/1",), ("1/2",), 0, {"numpy": "2"}),
        scores={"auc": None},
    )


def changed(path: str, value: Any) -> bytes:
    tree = encode(manifest())
    branch = tree
    *parents, last = path.split(".")
    for part in parents:
        branch = branch[part]
    branch[last] = value
    return json.dumps(tree).encode()


def test_round_trip_gives_the_same_bytes() -> None:
    raw = render_manifest(manifest())
    again = parse_manifest(raw, "here")
    assert again == manifest()
    assert render_manifest(again) == raw


def test_the_first_manifests_of_the_schema_are_read() -> None:
    """Without what came after them (docs/bundle.md)."""
    tree = encode(manifest())
    provenance = tree["provenance"]
    for branch, field in (
        (tree, "stream"),
        (tree["golden"], "decided_alike"),
        (provenance, "refit"),
        (provenance, "validated_before"),
    ):
        del branch[field]
    read = parse_manifest(json.dumps(tree).encode(), "here")
    assert (read.stream, read.golden.decided_alike) == (None, 0)
    assert (read.provenance.refit, read.provenance.validated_before) == (False, ())


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "schema None is not"),
        (b"{}", "schema None is not"),
        (changed("schema", "neurograsp.bundle/2"), "schema 'neurograsp.bundle/2' is not"),
        (changed("scores", {"auc": float("nan")}), "NaN is not a JSON number"),
        (changed("extra", 1), "manifest: unknown key 'extra'"),
        (changed("signal.rate", 1), "manifest.signal: unknown key 'rate'; did you mean 'rate_hz'?"),
        (changed("signal.window", 10.0), "manifest.signal.window: expected a whole number"),
        (changed("signal.rate_hz", 1e999), "NaN|Infinity|manifest.signal.rate_hz"),
        (changed("decision.on", [0.9]), "one value an action"),
        (changed("reference_decisions.float", encode(DecisionSpec((0.9,), (0.6,)))), "as many thresholds"),
        (changed("decision.after", {"wave": ["fist"]}), r"\['wave'\] are not actions"),
        (changed("decision.after", {"fist": ["wave"]}), r"\['wave'\] are not actions that can start"),
        (changed("decision.after", {"fist": ["rest"]}), r"\['rest'\] are not actions that can start"),
        (changed("decision.after", {"": ["fist"]}), r"\[''\] are not actions that can start"),
        (changed("golden.xnnpack_steps", 10**9), "xnnpack_steps: 0 to 16"),
        (changed("golden.xnnpack_steps", -1), "xnnpack_steps: 0 to 16"),
        (changed("golden.windows", 257), "windows: 1 to 256"),
        (changed("golden.windows", 0), "windows: 1 to 256"),
        (changed("schema", "x" * 10**6), "schema 'x+\\.\\.\\. is not"),
        (changed("network.input_shape", [1, 11, 2, 1]), "network.input_shape"),
        (changed("files", {"model.tflite": "0" * 63}), "files.model.tflite: not a SHA-256"),
        (changed("files", {"model.tflite": "A" * 64}), "not a SHA-256"),
    ],
)
def test_what_is_refused(raw: bytes, text: str) -> None:
    with pytest.raises(BundleError, match=text) as caught:
        parse_manifest(raw, "here")
    assert str(caught.value).startswith("here: ")
    assert len(str(caught.value)) < 400


def test_the_beginning_may_come_before_an_action() -> None:
    after = {"fist": ["", "fist"]}
    assert parse_manifest(changed("decision.after", after), "here").decision.after == {"fist": ("", "fist")}


def test_a_number_too_large_for_a_float_is_refused() -> None:
    raw = render_manifest(manifest()).replace(b'"rate_hz": 250.0', b'"rate_hz": 1e999')
    with pytest.raises(BundleError, match=r"signal\.rate_hz: expected a number, got inf"):
        parse_manifest(raw, "here")


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["positive", "negative"])
def test_a_huge_whole_number_is_refused(number: int) -> None:
    for path in ("signal.rate_hz", "signal.window", "decision.refractory_s"):
        with pytest.raises(BundleError, match=path.split(".")[0]):
            parse_manifest(changed(path, number), "here")
