"""The JSON Schemas in docs/schemas against the real output, and against the code that makes it."""

import dataclasses
import functools
import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract import manifest as manifests
from neurograsp.edge_runtime.contract import signal_spec as signals
from neurograsp.edge_runtime.contract.calibration import Calibration, DriftReference
from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.quality_spec import QualitySpec
from neurograsp.firmware_bridge.exchange import LinkStats
from neurograsp.firmware_bridge.protocol import HandAction
from neurograsp.firmware_bridge.sniff.capture import About, CaptureWriter, Heard
from neurograsp.firmware_bridge.sniff.pieces import Side
from neurograsp.train.bootstrap import BOOTSTRAPPED
from neurograsp.train.evaluate import MEASURES, by_measure
from neurograsp.train.search.plan import plan_search
from neurograsp.train.search.results import to_json
from neurograsp.train.search.space import Metric, read_space
from neurograsp.train.search.study import Trial

FOLDER = Path(__file__).parents[2] / "docs/schemas"
NAMES = sorted(path.name.removesuffix(".schema.json") for path in FOLDER.glob("*.schema.json"))

Commands = dict[str, Callable[[Any, Path], list[str]]]


def search(toy: Any, folder: Path) -> list[str]:
    space = folder / "space.toml"
    space.write_text(f'base = "{toy.config}"\n[search]\nfit.epochs = {{choices = [1]}}\n')
    return ["search", str(space), "--out", str(folder / "search"), "--trials", "1"]


def sniff(toy: Any, folder: Path) -> list[str]:
    capture = folder / "capture.jsonl"
    with CaptureWriter(capture, About("lx16a", "port", 115_200, "now")) as writer:
        writer.add(Heard(0.5, Side.HOST, b"noise"))
    return ["hand", "sniff", "--replay", str(capture)]


def log_of(toy: Any) -> str:
    """A second of the bundle without a hand."""
    log = toy.bundle.with_name("session.mcap")
    if not log.exists():
        source = ("--source", "synthetic", "--hand", "none", "--seconds", "1")
        with redirect_stdout(io.StringIO()):
            assert main(["run", "--bundle", str(toy.bundle), *source, "--log", str(log)]) == 0
    return str(log)


COMMANDS: Commands = {
    "record": lambda toy, tmp: [
        *("record", "--source", f"playback:{toy.data / 'S001R01.npz'}", "--out", str(tmp)),
        *("--actions", "grip", "--repeats", "1", "--cue-s", "1", "--rest-s", "1", "--speed", "100"),
    ],
    "search": search,
    "compare": lambda toy, tmp: ["compare", str(toy.run)],
    "inspect": lambda toy, tmp: ["inspect", str(toy.bundle)],
    "evaluate": lambda toy, tmp: ["evaluate", str(toy.bundle), str(toy.data), "--sessions", "3"],
    "calibrate": lambda toy, tmp: [
        *("calibrate", "--bundle", str(toy.bundle), "--recording", str(toy.data / "S001R03.npz")),
        *("--target", "10", "--out", str(tmp / "calibration.json")),
    ],
    "run": lambda toy, tmp: [
        *("run", "--bundle", str(toy.bundle), "--source", "synthetic"),
        *("--hand", "sim", "--seconds", "1", "--log", str(tmp / "logs")),
    ],
    "bench": lambda toy, tmp: [
        *("bench", str(toy.bundle), "--seconds", "0.5", "--warm-up", "0.2", "--against"),
    ],
    "why": lambda toy, tmp: ["why", log_of(toy), "--at", "0.8"],
    "replay": lambda toy, tmp: ["replay", log_of(toy)],
    "export": lambda toy, tmp: ["export", log_of(toy), "--out", str(tmp / "session.bdf")],
    "convert": lambda toy, tmp: ["convert", str(toy.run), "--out", str(tmp / "bundle"), "--method", "ptq"],
    "convert-c": lambda toy, tmp: ["convert", str(toy.bundle), "--target", "c", "--out", str(tmp / "c")],
    "doctor": lambda toy, tmp: ["doctor", "--bundle", str(toy.bundle)],
    "ports": lambda toy, tmp: ["ports"],
    "slot-status": lambda toy, tmp: ["slot", "status", "--root", str(tmp)],
    "info": lambda toy, tmp: ["info"],
    "hand-limits": lambda toy, tmp: ["hand", "limits"],
    "hand-move": lambda toy, tmp: ["hand", "move", "OPEN", "--pause", "0"],
    "hand-soak": lambda toy, tmp: ["hand", "soak", "--seconds", "0.5", "--speed", "100"],
    "hand-ping": lambda toy, tmp: ["hand", "ping"],
    "hand-sniff": sniff,
    "hand-profile": lambda toy, tmp: ["hand", "profile", "--list"],
}


def load(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text())
    return schema


@functools.cache
def validator(name: str) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resources(
        (f"{other}.schema.json", Resource.from_contents(load(other))) for other in NAMES
    )
    return Draft202012Validator(load(name), registry=registry)


def faults(name: str, value: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(value)]


def test_every_json_option_has_a_schema() -> None:
    assert set(NAMES) == {*COMMANDS, "calibration", "deploy", "manifest", "metrics"}


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid(name: str) -> None:
    Draft202012Validator.check_schema(load(name))


SLOW, LONG = ("convert", "export"), ("search", "bench")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (name in LONG) + [pytest.mark.slow] * (name in SLOW))
        for name in sorted(COMMANDS)
    ],
)
def test_output(name: str, toy: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMANDS[name](toy, tmp_path), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert faults(name, value) == []
    assert faults(name, {**value, "unheard_of": 1})
    for key in value:
        assert faults(name, {other: value[other] for other in value if other != key}), key


def test_run_without_a_hand(toy: Any, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "--bundle", str(toy.bundle), "--source", "synthetic", "--hand", "none"]
    assert main([*arguments, "--seconds", "0.5", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["hand"]["link"] is None
    assert faults("run", value) == []


def test_logs_otherwise(toy: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["why", log_of(toy)], ["replay", log_of(toy), "--against", str(toy.bundle)]):
        assert main([*command, "--json"]) == 0
        assert faults(command[0], json.loads(capsys.readouterr().out)) == []


def test_evaluation_that_does_not_apply_is_null() -> None:
    nothing = {**by_measure({}), "intervals": by_measure({}, BOOTSTRAPPED)}
    known = {"recordings": ["1/7"], "unseen": {"1/7": "cross-session"}, "operating_points": []}
    value = {**nothing, **known, "above_linear": nothing["intervals"], "by_subject": {"1": nothing}}
    assert faults("evaluate", value) == []


def test_grid_of_which_nothing_is_done(toy: Any, tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    space.write_text(f'base = "{toy.config}"\n[grid]\nnetworks = ["eegnet"]\n')
    plan = plan_search(read_space(space, {}), 1)
    waiting = Trial(0, "waiting", plan.grid[0].parameters, None, None, None, None)
    assert faults("search", to_json(plan, [waiting])) == []
    assert faults("search", to_json(plan, [replace(waiting, state="complete", score=0.75)])) == []


@pytest.mark.parametrize("run", [True, False], ids=["with run", "without"])
def test_metrics(run: bool, toy: Any, tmp_path: Path) -> None:
    command = [*COMMANDS["evaluate"](toy, tmp_path), "--report", str(tmp_path)]
    assert main([*command, *(("--run", str(toy.run)) if run else ())]) == 0
    value = json.loads((tmp_path / "metrics.json").read_bytes())
    assert (value["history"] is not None) == run
    assert faults("metrics", value) == []
    assert faults("metrics", {**value, "unheard_of": 1})
    for key in value:
        assert faults("metrics", {other: value[other] for other in value if other != key}), key
    assert faults("metrics", {**value, "scores": {**value["scores"], "unheard_of": 1}})


def test_calibration(toy: Any, tmp_path: Path) -> None:
    assert main(COMMANDS["calibrate"](toy, tmp_path)) == 0
    value = json.loads((tmp_path / "calibration.json").read_bytes())
    assert faults("calibration", value) == []
    assert faults("calibration", {**value, "unheard_of": 1})
    assert set(value) == {field.name for field in dataclasses.fields(Calibration)}
    reference = load("calibration")["$defs"]["drift"]["properties"]
    assert set(reference) == {field.name for field in dataclasses.fields(DriftReference)}


def test_manifest(toy: Any) -> None:
    value = json.loads((toy.bundle / "manifest.json").read_bytes())
    assert faults("manifest", value) == []


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "neurograsp.bundle/2"},
        {"labels": "guesses"},
        {"files": {"model.tflite": "0" * 64}},
        {"files": {"model.tflite": "0" * 64, "golden.npz": "0" * 64, "../run.sh": "0" * 64}},
        {"golden": {"windows": 0, "xnnpack_steps": 1}},
    ],
)
def test_manifest_schema_refuses(toy: Any, change: dict[str, Any]) -> None:
    value = json.loads((toy.bundle / "manifest.json").read_bytes())
    assert faults("manifest", {**value, **change})


def test_manifest_schema_is_strict_at_every_depth(toy: Any) -> None:
    value = json.loads((toy.bundle / "manifest.json").read_bytes())
    for path in (("signal",), ("signal", "stages", 0), ("signal", "gap"), ("decision",), ("network",)):
        changed = deepcopy(value)
        inner = functools.reduce(lambda tree, key: tree[key], path, changed)
        inner["unheard_of"] = 1
        assert faults("manifest", changed), path


@pytest.mark.parametrize(
    ("where", "cls"),
    [
        ("signal", signals.SignalSpec),
        ("sos_stage", signals.SosStage),
        ("fir_stage", signals.FirStage),
        ("spatial_stage", signals.SpatialStage),
        ("scale", signals.Scale),
        ("gap", signals.GapPolicy),
        ("actions", signals.ActionSet),
        ("decision", DecisionSpec),
        ("network", manifests.NetworkFacts),
        ("golden", manifests.GoldenFacts),
        ("stream", manifests.StreamFacts),
        ("quality", QualitySpec),
        ("provenance", manifests.Provenance),
    ],
)
def test_manifest_schema_has_the_fields_of_the_code(where: str, cls: type) -> None:
    fields = {field.name for field in dataclasses.fields(cls)}
    assert set(load("manifest")["$defs"][where]["properties"]) == fields


def test_other_schemas_have_the_names_of_the_code() -> None:
    assert set(load("manifest")["properties"]) == {
        field.name for field in dataclasses.fields(manifests.Manifest)
    }
    assert set(load("evaluate")["$defs"]["measures"]["properties"]) == {*MEASURES, "intervals"}
    for kind in ("intervals", "margins"):
        assert tuple(load("evaluate")["$defs"][kind]["properties"]) == BOOTSTRAPPED
    assert tuple(load("search")["properties"]["metric"]["enum"]) == get_args(Metric)
    hand = load("run")["properties"]["hand"]["properties"]
    assert set(hand["link"]["properties"]) == {field.name for field in dataclasses.fields(LinkStats)}
    for commands in (
        load("manifest")["$defs"]["actions"]["properties"]["commands"]["items"]["enum"],
        load("hand-ping")["properties"]["actions"]["items"]["enum"],
        load("hand-profile")["properties"]["profiles"]["items"]["properties"]["poses"]["propertyNames"][
            "enum"
        ],
        hand["commands"]["propertyNames"]["enum"],
    ):
        assert set(commands) == set(HandAction.__members__)
